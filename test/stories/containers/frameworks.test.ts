import { readFileSync } from "node:fs";
import { appendFile, cp, mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { pack } from "tar-stream";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { InstanceView, StatusView } from "../../../src/contract/environments.ts";
import type { LogView } from "../../../src/contract/logs.ts";
import { testEngine, testImages } from "../../../src/testing/engine.ts";
import { type Answer, City, type DeploymentJson, root, until } from "../city.ts";
import { Containers } from "../containers.ts";

const fixtures = join(root, "test/fixtures/frameworks");
const base = { node: testImages.node, python: testImages.python, static: testImages.caddy };

/** A source as somebody has it who never heard of Fairlead, and what can be seen of it when it runs. */
interface Source {
  readonly name: string;
  /** The page that is asked for through the edge. */
  readonly page: string;
  /** The gate that `init` finds. */
  readonly ready: string;
  /** The one line that is changed: words of it that the page shows, and what they become. */
  readonly line: { readonly file: string; readonly was: string; readonly is: string };
  /** Something that the layer of the packages depends on, and the steps that install them; null: there are none. */
  readonly packages: { readonly file: string; readonly install: RegExp } | null;
  readonly services: readonly string[];
  /** What else must be true of it, by itself and as a bare image. */
  readonly also: (shop: Shop) => Promise<void>;
}

/** A source in its directory, with its first release serving. */
interface Shop {
  readonly app: string;
  readonly directory: string;
  readonly image: string;
  fairlead(...args: readonly string[]): ReturnType<City["fairlead"]>;
  get(path: string): Promise<Answer>;
}

const npm = { file: ".npmrc", install: /RUN npm ci/ };
const node = { page: "/", services: ["web"], packages: npm };
const python = { page: "/", services: ["web"] };
const pip = /RUN (?:python -c .*)?pip install/;

const sources: readonly Source[] = [
  {
    ...python,
    name: "django",
    ready: "/health/",
    line: { file: "shop/urls.py", was: '"django",', is: '"django again",' },
    packages: { file: "requirements.txt", install: pip },
    services: ["web", "worker", "beat"],
    also: celeryAndStaticFiles,
  },
  {
    ...python,
    name: "fastapi",
    ready: "/health",
    line: { file: "app/main.py", was: '"fastapi",', is: '"fastapi again",' },
    packages: { file: "pyproject.toml", install: pip },
    also: portMovesIt,
  },
  {
    ...node,
    name: "express",
    ready: "/health",
    line: { file: "src/server.ts", was: '"express",', is: '"express again",' },
    also: smallerInTwoStages,
  },
  {
    ...node,
    name: "vite",
    // Paths of a front end with a router of its own are pages too.
    page: "/any/where",
    ready: "/",
    line: { file: "index.html", was: "Vite fixture", is: "Vite again" },
    also: async ({ get }) => expect((await get("/any/where")).body).toContain('<div id="app"></div>'),
  },
  {
    name: "static",
    page: "/about",
    ready: "/",
    line: { file: "about.html", was: "About</h1>", is: "About again</h1>" },
    packages: null,
    services: ["web"],
    also: async (shop) => {
      for (const path of ["/fairlead.yml", "/sub/.env.example"]) expect((await shop.get(path)).status).toBe(404);
      await portMovesIt(shop);
    },
  },
];

let city: City;
let bare: Containers;

beforeAll(async () => {
  bare = new Containers(testEngine() ?? "/nonexistent/docker.sock");
  city = await City.found();
  await city.startController();
});
afterAll(async () => {
  await bare?.[Symbol.asyncDispose]();
  await city?.[Symbol.asyncDispose]();
});

test.concurrent.for(sources)(
  "$name without Dockerfile and manifest: init, deploy, a changed line that installs nothing again, and back",
  async (source) => {
    const { name, page, line, packages } = source;
    const shop = await settle(source);
    const { directory, get, fairlead } = shop;
    await begin(shop, source);

    expect(await brought(fairlead("deploy", "--json"))).toMatchObject({ status: "live", release: "v1", fault: null });
    expect(await get(page)).toEqual({ status: 200, body: expect.stringContaining(line.was) });
    const { services } = await statusOf(name);
    expect(services.map((service) => service.name)).toEqual(source.services);
    const [web] = services[0]?.instances ?? [];
    expect(web).toMatchObject({ ready: true, gate: expect.stringContaining(`GET ${source.ready} → 200`) });
    if (web) await runsAsNobodyInParticular(web);
    await source.also({ ...shop, image: imageOf(web) });

    await edit(join(directory, line.file), (text) => text.replace(line.was, line.is));
    expect(await brought(fairlead("deploy", "--json"))).toMatchObject({ status: "live", release: "v2", fault: null });
    expect(await get(page)).toEqual({ status: 200, body: expect.stringContaining(line.is) });
    if (packages) await installedOnce(shop, packages.install);

    expect(await brought(fairlead("rollback", "--json"))).toMatchObject({ status: "live", release: "v1", fault: null });
    expect(await get(page)).toEqual({ status: 200, body: expect.stringContaining(line.was) });
  },
);

/** The source in a directory of its own, with something in it that nobody has built with yet. */
async function settle({ name, packages }: Source): Promise<Shop> {
  const directory = join(dirname(city.app), name);
  await cp(join(fixtures, name), directory, { recursive: true });
  await appendFile(join(directory, packages?.file ?? "README.md"), `# ${dirname(city.app)}\n`);
  if (name === "static") {
    await mkdir(join(directory, "sub"));
    await writeFile(join(directory, "sub/.env.example"), "A=\n");
  }
  return {
    app: name,
    directory,
    image: "",
    fairlead: (...args) => city.fairleadIn(directory, ...args),
    get: (path) => city.get(path, `web.${name}.localhost`),
  };
}

/** What a new user does first. The manifest is deployed as it was written, but for base images and shorter times. */
async function begin({ directory, fairlead }: Shop, { name }: Source): Promise<void> {
  expect(await readdir(directory)).not.toContain("Dockerfile");
  const init = await fairlead("init", "--yes");
  expect([init.code, init.stdout], init.stderr).toEqual([0, expect.stringMatching(/^written: fairlead\.yml – /)]);
  // What this machine lacks for plain processes does not matter here.
  expect(init.stderr.replace(/^warning: for plain processes: .*$/gm, "")).not.toContain("warning");
  expect(await fairlead("check")).toMatchObject({
    code: 0,
    stdout: expect.stringMatching(/^ok: fairlead\.yml for production$/m),
  });
  await edit(join(directory, "fairlead.yml"), (text) => {
    const build = /^build: \{ (.*) \}$/m.exec(text)?.[1];
    const choice = `build: { base: ${JSON.stringify(base)}${build ? `, ${build}` : ""} }`;
    return `${text.replace(/^build: .*\n/m, "")}${choice}\ndeploy: { watch: { for: 300ms } }\n`.replace(
      /^( {2}(?:worker|beat):)$/gm,
      "$1\n    settle: 500ms",
    );
  });
  expect(await fairlead("check"), name).toMatchObject({ code: 0 });
}

async function edit(file: string, change: (text: string) => string): Promise<void> {
  const before = await readFile(file, "utf8");
  const after = change(before);
  expect(after, `${file} changes`).not.toBe(before);
  await writeFile(file, after);
}

async function brought(run: ReturnType<City["fairlead"]>): Promise<DeploymentJson["deployment"]> {
  const { code, stdout, stderr } = await run;
  expect(code, stderr).toBe(0);
  return (JSON.parse(stdout) as DeploymentJson).deployment;
}

function statusOf(app: string): Promise<StatusView> {
  return city.api.call("status", { params: { app, environment: "production" } });
}

function imageOf(instance: InstanceView | undefined): string {
  return `fairlead-artifact:${instance?.artifact.replace("sha256:", "")}`;
}

interface Container {
  readonly State: { readonly Pid: number };
  readonly NetworkSettings: { readonly IPAddress: string };
}
interface Image {
  readonly Size: number;
  readonly Config: { readonly User: string; readonly Healthcheck: { readonly Test: readonly string[] } };
}
const containerOf = (id: string) => bare.engine.json<Container>("GET", `/containers/${id}/json`);
const imageNamed = (name: string) => bare.engine.json<Image>("GET", `/images/${name}/json`);

/** How the health check that an image brings for other platforms ends in a container. */
async function health(id: string, image: string): Promise<number> {
  const { Config } = await imageNamed(image);
  return (await bare.exec(id, Config.Healthcheck.Test.slice(1))).code;
}

/** User and group 1000 for the image and, seen from outside, for what runs; its own health check agrees with the gate. */
async function runsAsNobodyInParticular(web: InstanceView): Promise<void> {
  const image = imageOf(web);
  expect((await imageNamed(image)).Config.User).toBe("1000:1000");
  const status = readFileSync(`/proc/${(await containerOf(web.id)).State.Pid}/status`, "utf8");
  expect([/^Uid:\t(\d+)/m.exec(status)?.[1], /^Gid:\t(\d+)/m.exec(status)?.[1]]).toEqual(["1000", "1000"]);
  expect(await health(web.id, image)).toBe(0);
}

/** Other platforms choose the port: app and health check follow, and the check fails when nobody answers. */
async function portMovesIt({ image }: Shop): Promise<void> {
  const moved = await bare.start({ Image: image, Env: ["PORT=9123"], HostConfig: { Init: true } });
  const { IPAddress } = (await containerOf(moved)).NetworkSettings;
  const asked = () => fetch(`http://${IPAddress}:9123/`).catch(() => null);
  await until(async () => (await asked())?.status === 200, "it answers on the port that it was told");
  expect(await health(moved, image)).toBe(0);
  const idle = await bare.start({ Image: image, Cmd: ["sleep", "600"], HostConfig: { Init: true } });
  expect(await health(idle, image)).not.toBe(0);
}

async function celeryAndStaticFiles({ directory, fairlead, get }: Shop): Promise<void> {
  const said = async (grep: string, ...services: readonly string[]) =>
    (await fairlead("logs", ...services, "--grep", grep)).stdout !== "";
  await until(() => said("celery@\\S+ ready\\.", "worker"), "the worker takes tasks");
  await until(() => said("Scheduler: Sending due task tick", "beat"), "beat sends a task");
  expect(await said("Applying auth\\.0001_initial\\.\\.\\. OK")).toBe(true);
  const css = await readFile(join(directory, "assets/style.css"), "utf8");
  expect(await get("/static/style.css")).toEqual({ status: 200, body: css });
}

/** The same source as most people would write its Dockerfile, beside the one of two stages that was made for it. */
async function smallerInTwoStages({ directory, image }: Shop): Promise<void> {
  const context = pack();
  const dockerfile = `FROM ${base.node}\nWORKDIR /app\nCOPY package*.json ./\nRUN npm ci\nCOPY . .\nRUN npm run build\nCMD ["npm", "start"]\n`;
  context.entry({ name: "Dockerfile" }, dockerfile);
  for (const name of ["package.json", "package-lock.json", "tsconfig.json", "src/server.ts"]) {
    context.entry({ name }, await readFile(join(directory, name)));
  }
  context.finalize();
  await bare.build("single", context);
  const { Size: below } = await imageNamed(base.node);
  const megabytes = async (name: string) => ((await imageNamed(name)).Size - below) / 1e6;
  const [two, one] = [await megabytes(image), await megabytes(bare.image("single"))];
  console.log(`express: ${two.toFixed(1)} MB in two stages, ${one.toFixed(1)} MB in one, above the base`);
  expect(two).toBeLessThan(one / 2);
}

/** The first build installs packages; the second, after one changed line, finds every such step in the cache. */
async function installedOnce({ app, fairlead }: Shop, install: RegExp): Promise<void> {
  const [first, second] = [await buildOf("v1", fairlead), await buildOf("v2", fairlead)];
  const [before, after] = [endsOf(first.lines, install), endsOf(second.lines, install)];
  expect(before, first.lines.join("\n")).not.toEqual([]);
  expect(before, first.lines.join("\n")).toEqual(before.map(() => expect.stringMatching(/^done in/)));
  expect(after, second.lines.join("\n")).toEqual(before.map(() => "CACHED"));
  console.log(
    `${app}: built in ${first.seconds} s with packages (${before.join(", ")}), in ${second.seconds} s after one changed line (${after.join(", ")})`,
  );
}

async function buildOf(release: string, fairlead: Shop["fairlead"]) {
  const { stdout } = await fairlead("logs", "build", "--release", release, "--json", "-n", "10000");
  const lines = stdout
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as LogView);
  const times = lines.map(({ time }) => Date.parse(time));
  const seconds = ((Math.max(...times) - Math.min(...times)) / 1_000).toFixed(1);
  return { lines: lines.map(({ message }) => message), seconds };
}

/** How the steps of a build ended that match: `CACHED`, `done in 1.2 s`. */
function endsOf(lines: readonly string[], step: RegExp): readonly string[] {
  const numbers = lines.flatMap((line) => (step.test(line) ? (/^#(\d+) /.exec(line)?.[1] ?? []) : []));
  return numbers.map((number) => {
    const end = new RegExp(`^#${number} (CACHED|done in .*)$`);
    return lines.map((line) => end.exec(line)?.[1]).find((found) => found !== undefined) ?? "no end";
  });
}
