import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { findProgram } from "../../../tools/engine/programs.ts";
import { detect } from "../../../src/detect/detect.ts";
import { isRecipe } from "../../../src/detect/recipe.ts";
import { startChild } from "../../../src/host/child.ts";
import { ownPort } from "../../../src/testing/ports.ts";

// The same answers from the server of plain processes and from the Caddyfile of generated images.

const site: Readonly<Record<string, string>> = {
  "index.html": "home",
  "about.html": "about",
  "404.html": "nothing here",
  "docs/index.html": "docs",
  "app.css": "a{}",
  "images/a.svg": "<svg/>",
  ".env": "SECRET=1",
  "sub/.git/config": "private",
  ".well-known/a.txt": "known",
  Dockerfile: "FROM x",
};
const directory = mkdtempSync(join(tmpdir(), "fl-static-"));
const path = process.env.PATH ?? "";
const running: ReturnType<typeof startChild>[] = [];

beforeAll(() => {
  for (const [name, text] of Object.entries(site)) {
    mkdirSync(dirname(join(directory, "site", name)), { recursive: true });
    writeFileSync(join(directory, "site", name), text);
  }
});
afterAll(() => {
  for (const child of running) child.kill("SIGKILL");
  rmSync(directory, { recursive: true });
});

async function started(command: readonly [string, ...string[]], env: Record<string, string>): Promise<string> {
  const port = String(await ownPort());
  const own = { PATH: path, HOST: "127.0.0.1", PORT: port, HOME: directory, ...env };
  running.push(startChild(command, { env: own, cwd: directory }));
  const url = `http://127.0.0.1:${port}`;
  await expect
    .poll(
      () =>
        fetch(url).then(
          ({ ok }) => ok,
          () => false,
        ),
      { timeout: 60_000 },
    )
    .toBe(true);
  return url;
}

function own(fallback: string): Promise<string> {
  const program = join(import.meta.dirname, "../../../src/main/static.ts");
  return started([process.execPath, program, "site", ...(fallback === "" ? [] : [fallback])], {});
}

/** The Caddyfile of the image, without the image. */
async function caddy(fallback: string): Promise<string> {
  const found = detect({ paths: ["index.html"], read: () => "" }, { base: {} });
  const lines = isRecipe(found) ? found.dockerfile.split("\n") : [];
  const text = lines.slice(lines.indexOf("    '{' \\"), lines.indexOf("    > /etc/caddy/Caddyfile \\"));
  writeFileSync(join(directory, "Caddyfile"), text.map((line) => line.slice(5, -3)).join("\n"));
  const command = ["caddy", "run", "--config", "Caddyfile", "--adapter", "caddyfile"] as const;
  return started([...command], { STATIC_ROOT: join(directory, "site"), STATIC_FALLBACK: fallback });
}

const pages = [
  ["/", "200 text/html home"],
  ["/about", "200 text/html about"],
  ["/docs?a=1", "308 /docs/"],
  ["/docs/", "200 text/html docs"],
  ["/app.css", "200 text/css a{}"],
  ["/.well-known/a.txt", "200 text/plain known"],
  ["/gone.js", "404"],
  ["/.env", "404"],
  ["/sub/.git/config", "404"],
  ["/Dockerfile", "404"],
] as const;

async function answer(url: string): Promise<string> {
  const response = await fetch(url, { redirect: "manual" });
  const body = await response.text();
  if (response.status === 308) return `308 ${new URL(response.headers.get("location") ?? "", url).pathname}`;
  if (response.status === 404) return "404";
  return `${response.status} ${response.headers.get("content-type")?.split(";")[0]} ${body}`;
}

test.for([["fairlead-static", own] as const, ["caddy", caddy] as const])(
  "%s serves pages, hides what is not for visitors, and gives a front end its own paths",
  async ([name, start], { skip }) => {
    if (name === "caddy" && findProgram("caddy") === null) skip("no caddy here");
    const [plain, front] = [await start(""), await start("index.html")];
    for (const [at, expected] of pages) expect([at, await answer(plain + at)]).toEqual([at, expected]);
    for (const [at, expected] of pages) expect([at, await answer(front + at)]).toEqual([at, expected]);
    expect(await answer(`${plain}/any/where`)).toBe("404");
    expect(await answer(`${front}/any/where`)).toBe("200 text/html home");
    expect(await (await fetch(`${plain}/gone.js`)).text()).toBe("nothing here");
  },
);

test("ranges, conditions and methods of any kind are answered, and SIGTERM ends it", async () => {
  const url = await own("");
  const ask = async (headers: Record<string, string>, method = "GET") => {
    const response = await fetch(url, { headers, method });
    return [response.status, await response.text()];
  };
  expect(await ask({ range: "bytes=1-2" })).toEqual([206, "om"]);
  for (const range of ["bytes=3-1", "bytes=-2", "bytes=0-1,2-3", "x"])
    expect(await ask({ range })).toEqual([200, "home"]);
  const etag = (await fetch(url)).headers.get("etag") ?? "";
  expect(await ask({ "if-none-match": etag })).toEqual([304, ""]);
  expect(await ask({}, "POST")).toEqual([405, "method not allowed\n"]);
  const child = running.at(-1);
  const ended = new Promise((resolve) => child?.once("exit", resolve));
  child?.kill("SIGTERM");
  expect(await ended).toBe(0);
});
