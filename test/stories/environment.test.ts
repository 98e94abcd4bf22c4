import { createHash } from "node:crypto";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { startChild } from "../../src/host/child.ts";
import { City, cli } from "./city.ts";
import { call, deployments } from "./scene.ts";

const values: Readonly<Record<string, string>> = {
  QUOTES: `"double" 'single' \`back\``,
  CHINESE: "中文",
  PARENTHESES: ")(",
  // biome-ignore lint/suspicious/noTemplateCurlyInString: what a shell or a template would replace
  DOLLAR: "$HOME $(id) ${PATH}",
  BACKSLASH: "a\\nb\\",
  NEWLINES: "one\ntwo\n",
  SPACES: "  both sides  ",
  EMPTY: "",
  EQUALS: "a=b=c",
};

/** Answers with its whole environment. */
const web = `
import { createServer } from "node:http";
createServer((_request, response) => response.end(JSON.stringify(process.env))).listen(Number(process.env.PORT));
`;

const manifest = `version: 1
app: beacon
env:
  API_TOKEN: { required: true }
  LEVEL: { default: INFO, oneOf: [DEBUG, INFO] }
  SECRET_KEY: { secret: true, generate: hex32 }
${Object.entries(values)
  .map(([name, value]) => `  ${name}: ${JSON.stringify(value.replaceAll("$", "$$$$"))}`)
  .join("\n")}
services:
  web:
    run: node env.mjs
    env: { ONLY_WEB: "yes" }
    http: { ready: { path: /, every: 100ms, times: 1 } }
    stop: { within: 2s, drain: 1s }
  worker:
    run: node -e 'setInterval(() => {}, 1000)'
    settle: 100ms
    stop: { within: 2s }
deploy: { watch: { for: 200ms } }
`;

/** What Fairlead itself gives to every process; PORT and HOST only to those that listen. */
const given = [
  "FAIRLEAD_APP",
  "FAIRLEAD_ENVIRONMENT",
  "FAIRLEAD_INSTANCE",
  "FAIRLEAD_RELEASE",
  "FAIRLEAD_SERVICE",
  "HOME",
  "LANG",
  "PATH",
  "RELEASE",
  "TMPDIR",
];

let city: City;

beforeAll(async () => {
  city = await City.found();
  await writeFile(join(city.app, "env.mjs"), web);
  await city.editManifest(() => manifest);
  await city.startController();
});
afterAll(() => city[Symbol.asyncDispose]());

const served = async () => JSON.parse((await city.get("/")).body) as Record<string, string>;
const printed = async (...args: readonly string[]) => {
  const script = "process.stdout.write(JSON.stringify(process.env))";
  return JSON.parse((await city.fairlead("run", ...args, "--", "node", "-e", script)).stdout) as Record<string, string>;
};

test("a required variable without a value fails the deployment before anything is touched", async () => {
  const refused = await city.fairlead("deploy");
  expect(refused.code).toBe(2);
  expect(refused.stderr).toMatch(/API_TOKEN/);
  expect((await call(city, { path: "/v1/apps/beacon/environments/production/deployments" })).status).not.toBe(500);
  expect((await city.fairlead("ps")).stdout).not.toContain("web");
  expect(await city.testbed.beside([])).toBe(0);

  expect((await city.fairlead("env", "set", "API_TOKEN=first $(id)")).code).toBe(0);
  expect((await city.deploy()).deployment.status).toBe("live");
});

test("a service's environment is exactly what was written, and nothing of the controller's own", async () => {
  const env = await served();
  expect(env).toMatchObject({ ...values, API_TOKEN: "first $(id)", LEVEL: "INFO", ONLY_WEB: "yes" });
  const own = [...Object.keys(values), "API_TOKEN", "LEVEL", "SECRET_KEY", "ONLY_WEB", "HOST", "PORT"];
  expect(Object.keys(env).sort()).toEqual([...given, ...own].sort());
  expect(env.SECRET_KEY).toMatch(/^[0-9a-f]{64}$/);
});

test("a task gets its service's environment, and what another service has is truly absent", async () => {
  const web = await printed("-s", "web");
  const worker = await printed("-s", "worker");
  expect(web).toMatchObject({ ...values, ONLY_WEB: "yes" });
  expect(Object.keys(worker)).not.toContain("ONLY_WEB");
  const own = [...Object.keys(values), "API_TOKEN", "LEVEL", "SECRET_KEY"];
  expect(Object.keys(worker).sort()).toEqual([...given, ...own].sort());
});

test("values set once win over the manifest, are carried exactly, and outlive a redeploy; generated ones stay", async () => {
  const before = await served();
  const hostile = `line one\nline "two" $(id) \`id\` 中文 )( \\`;
  const set = await city.fairlead("env", "set", `QUOTES=${hostile}`, "LEVEL=DEBUG");
  expect(set.code).toBe(0);
  expect(await served()).toMatchObject({ QUOTES: hostile, LEVEL: "DEBUG" });

  await city.editManifest((text) => text.replace("default: INFO", "default: DEBUG").replace("EQUALS: ", "EQUALS: x"));
  await city.editManifest((text) => text.replace('EQUALS: x"a=b=c"', 'EQUALS: "new"'));
  expect((await city.deploy()).deployment.status).toBe("live");
  const after = await served();
  expect(after).toMatchObject({ QUOTES: hostile, LEVEL: "DEBUG", EQUALS: "new", API_TOKEN: "first $(id)" });
  expect(after.SECRET_KEY).toBe(before.SECRET_KEY);

  const refused = await city.fairlead("env", "set", "LEVEL=LOUD");
  expect(refused.code).toBe(2);
  expect(refused.stderr).not.toContain("LOUD");
  expect((await served()).LEVEL).toBe("DEBUG");
  expect((await city.fairlead("env", "unset", "QUOTES", "-y")).code).toBe(0);
  expect((await served()).QUOTES).toBe(values.QUOTES);
});

test("two env set at the same time both count", async () => {
  const both = await Promise.all([city.fairlead("env", "set", "ONE=1"), city.fairlead("env", "set", "TWO=2")]);
  // One of the two deployments may be superseded by the other, which carries both values.
  expect(both.some(({ code }) => code === 0)).toBe(true);
  expect((await city.api.call("variables", { params: city.key })).variables).toMatchObject({
    ONE: { state: "live" },
    TWO: { state: "live" },
  });
  expect((await deployments(city))[0]?.status).toBe("live");
  expect(await served()).toMatchObject({ ONE: "1", TWO: "2" });
});

test("the output of run arrives byte for byte, and its exit code is the command's own", async () => {
  const zeros = await runBytes("node", "-e", "process.stdout.write(Buffer.alloc(512))");
  expect(createHash("md5").update(zeros.stdout).digest("hex")).toBe("bf619eac0cdf3f68d496ea9344137e8b");
  const all = await runBytes(
    "node",
    "-e",
    "process.stdout.write(Buffer.from(Array.from({ length: 256 }, (_, i) => i)))",
  );
  expect([...all.stdout]).toEqual(Array.from({ length: 256 }, (_, i) => i));
  expect(all.code).toBe(0);
  expect((await runBytes("sh", "-c", "echo oops >&2; exit 7")).code).toBe(7);
  expect((await runBytes("sh", "-c", "kill -KILL $$")).code).toBe(137);
  expect((await runBytes("no-such-program")).code).toBe(127);
});

/** The standard output of a run as bytes: as text, what is not UTF-8 would be lost. */
function runBytes(...command: readonly string[]): Promise<{ code: number | null; stdout: Buffer }> {
  const line = [process.execPath, cli, "--state", city.state, "run", "--", ...command] as const;
  const env = { PATH: process.env.PATH ?? "" };
  const child = startChild(line, { env, cwd: city.app, stdio: ["ignore", "pipe", "ignore"] });
  const parts: Buffer[] = [];
  child.stdout?.on("data", (part: Buffer) => parts.push(part));
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code) => resolve({ code, stdout: Buffer.concat(parts) }));
  });
}
