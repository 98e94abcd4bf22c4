import { mkdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { PassThrough } from "node:stream";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { faults } from "../base/faults.ts";
import type { TestRunOptions } from "../cli/test-run.ts";
import { deploymentView } from "../contract/deployments.ts";
import { statusView } from "../contract/environments.ts";
import { logView } from "../contract/logs.ts";
import { openShop, shopKey } from "./test-shop.ts";

const manifest = `version: 1
app: shop
env:
  LOG_LEVEL: INFO
services:
  web:
    run: node web.js
    http: {}
`;

let shop: Awaited<ReturnType<typeof openShop>>;

beforeEach(async () => {
  shop = await openShop(manifest);
  mkdirSync(path.join(shop.root, "src"));
  writeFileSync(path.join(shop.root, "src/web.js"), "serve();");
});

afterEach(() => shop.close());

async function run(line: string | readonly string[], options: TestRunOptions = {}) {
  const argv = typeof line === "string" ? line.split(" ") : line;
  const ran = await shop.run(argv, options);
  return { ...ran, json: () => JSON.parse(ran.stdout) };
}

/** A stream that a test can wait on. */
function screen() {
  let text = "";
  const stream = new PassThrough().on("data", (chunk: Buffer) => {
    text += chunk.toString("utf8");
  });
  return { stream, shows: (words: string) => expect.poll(() => text).toContain(words) };
}

let logged = 0;

async function log(message: string, instance = "fl-shop-production-web-v1-0-g-0"): Promise<void> {
  const line = {
    at: Date.now(),
    service: "web",
    instance,
    release: 1,
    stream: "stdout",
    level: null,
    message,
  } as const;
  logged += 1;
  await shop.deps.logs.append({
    key: shopKey,
    origin: { name: instance, stream: "stdout" },
    lines: [line],
    offset: logged,
  });
}

const code = "gate.crashed" as const;
const fault = { code, detail: "web answers 503 on /ready", hint: faults[code].hint };

describe("deploy", () => {
  test("uploads what is not ignored, waits and prints what is live on stdout alone", async () => {
    writeFileSync(path.join(shop.root, ".env"), "SECRET=1");
    const { code, stdout, stderr } = await run("deploy");
    expect(code).toBe(0);
    expect(stdout).toMatch(/^Live: v1 in .+\n {2}web {2}http:\/\/web\.shop\.localhost/);
    expect(stderr).toContain("] shop v1 live");
    const files = [...shop.deps.builder.sources.values()].flatMap((source) => [...source.keys()]);
    expect(files).toContain("src/web.js");
    expect(files.filter((file) => /\.env|\.fairlead|^\.git/.test(file))).toEqual([]);
  });

  test("works from a directory below, by name of a directory, and in another environment", async () => {
    expect((await run("deploy", { cwd: path.join(shop.root, "src") })).code).toBe(0);
    expect((await run(["deploy", shop.root, "-e", "production"], { cwd: "/" })).stdout).toContain("Live: v2 (was v1)");
    shop.ending = null;
    const { json } = await run("deploy -e staging --create --detach --json");
    expect(json().deployment).toMatchObject({ environment: "staging", release: "v1", status: "queued" });
  });

  test("with --json prints one object of the contract, and nothing else", async () => {
    const { code, stdout, json } = await run("deploy --json");
    expect(code).toBe(0);
    expect(stdout.trimEnd().split("\n")).toHaveLength(1);
    expect(deploymentView.parse(json().deployment)).toMatchObject({ status: "live", release: "v1", previous: null });
    expect(json().urls).toMatchObject([{ service: "web" }]);
  });

  test("that fails says why, shows the culprit's last lines, and its exit code is the verdict", async () => {
    const culprit = "fl-shop-production-web-v1-0-g-0";
    for (let i = 1; i <= 30; i += 1) await log(`line ${i}`);
    shop.ending = { is: "failed", more: { fault, culprit } };
    const { stderr, ...ran } = await run("deploy");
    expect(ran).toMatchObject({ code: 1, stdout: "" });
    expect(stderr).toContain("error: v1 failed: web answers 503 on /ready\nlast lines of web-v1-0:\n  line 11\n");
    expect(stderr).toContain("  line 30\nhint: See its output above.\n-> next: fairlead logs --release v1");
    shop.ending = { is: "failed", more: { fault } };
    expect((await run("deploy")).stderr).toContain("hint: `fairlead logs --release` shows its output.\n");
    expect((await run("deploy --json")).json().deployment).toMatchObject({ status: "failed", fault });
  });

  test("of a wrong manifest names every place, and exits with 2", async () => {
    writeFileSync(path.join(shop.root, "fairlead.yml"), `${manifest}    replicas: many\nnonsense: 1\n`);
    const { code, stdout, stderr } = await run("deploy");
    expect([code, stdout]).toEqual([2, ""]);
    expect(stderr).toMatch(/fairlead\.yml:\d+:\d+ services\.web\.replicas: .*\n.*fairlead\.yml:\d+:\d+ nonsense: /);
    const json = await run("deploy --json");
    expect(json.json().error).toMatchObject({ code: "manifest.invalid", exit: 2, errors: [{}, {}] });
    expect(json.stderr).toBe("");
    writeFileSync(path.join(shop.root, "fairlead.yml"), `${manifest}\tnonsense: 1\n`);
    expect((await run("deploy")).stderr).toMatch(/^error: fairlead\.yml:9:1 a tab indents this line/);
    writeFileSync(path.join(shop.root, "fairlead.yml"), manifest.replace("app:", "apps:"));
    expect((await run("deploy")).stderr).toMatch(/^error: .*\n {2}fairlead\.yml:2:1 apps: .* "app"\?\n/);
  });

  test("of another app than -a names is refused before anything is sent", async () => {
    const { code, stderr } = await run("deploy -a other");
    expect([code, stderr]).toEqual([2, expect.stringContaining("is for the app shop, but -a is other")]);
    expect(shop.deps.builder.sources.size).toBe(0);
  });

  test("that takes longer than --timeout exits with 6 and tells the id; it goes on and can be followed", async () => {
    shop.ending = null;
    const late = await run("deploy --timeout 200ms --json");
    expect(late.code).toBe(6);
    const [waiting] = await shop.deps.journal.deployments.unfinished(shopKey);
    expect(late.json().error.detail).toContain(waiting?.id);
    expect((await run("deployments attach --timeout 50ms")).code).toBe(6);
    const attached = run(["deployments", "attach", waiting?.id ?? "", "--json"]);
    await shop.deps.engine.finish(waiting?.id ?? "", "live");
    expect((await attached).json().deployment).toMatchObject({ id: waiting?.id, status: "live" });
  });

  test("is left alone by Ctrl-C, which tells how to follow and how to end it", async () => {
    shop.ending = null;
    const stop = new AbortController();
    const stderr = screen();
    const detached = run("deploy", { interrupted: stop.signal, host: { stderr: stderr.stream } });
    await stderr.shows("] shop v1 queued");
    stop.abort();
    expect((await detached).code).toBe(130);
    const [waiting] = await shop.deps.journal.deployments.unfinished(shopKey);
    await stderr.shows(`fairlead deployments attach ${waiting?.id}`);
    await stderr.shows(`fairlead deployments cancel ${waiting?.id}`);
    const cancelled = await run(["deployments", "cancel", waiting?.id ?? ""]);
    expect(cancelled.stdout).toContain("cancelling dep_");
  });
});

describe("looking", () => {
  test("status, ps, releases and deployments show what is there, as text and as JSON of the contract", async () => {
    await run("deploy -m first");
    const status = await run("status");
    expect(status.stdout).toMatch(/^shop\/production {2}v1/);
    expect(statusView.parse((await run("status --json")).json())).toMatchObject({ release: "v1" });
    expect(
      (await run("status -a shop", { cwd: "/", env: { FAIRLEAD_STATE: path.join(shop.root, ".fairlead") } })).code,
    ).toBe(0);
    const all = await run(["status", "--state", path.join(shop.root, ".fairlead")], { cwd: "/" });
    expect(all.stdout).toMatch(/shop +production +v1/);
    expect((await run("ps")).stdout).toBe("No instances are running.\n");
    expect((await run("releases")).stdout).toMatch(/v1 +serving .* first\n/);
    expect((await run("releases show v1")).stdout).toContain("run: node web.js");
    expect((await run("deployments -n 1 --json")).json().items).toHaveLength(1);
    const [id] = (await run("deployments --json")).json().items.map((item: { id: string }) => item.id);
    expect((await run(["deployments", "show", id])).stdout).toContain("phases: queued > ended");
    expect((await run("deployments show --json")).json().deployment.id).toBe(id);
    expect((await run("deployments show -e testing")).code).toBe(4);
  });

  test("plan and releases diff show changes without values", async () => {
    await run("deploy");
    writeFileSync(path.join(shop.root, "fairlead.yml"), manifest.replace("INFO", "s3cr3t-value"));
    const plan = await run("plan");
    expect([plan.code, plan.stdout]).toEqual([0, expect.stringContaining("LOG_LEVEL")]);
    expect(plan.stdout).not.toContain("s3cr3t-value");
    await run("deploy");
    const diff = await run("releases diff v1 v2 --json");
    expect(diff.json().changes.length).toBeGreaterThan(0);
    expect(diff.stdout).not.toContain("s3cr3t-value");
  });

  test("logs -f waits for a first deployment, and then follows it", async () => {
    const [stop, stdout, stderr] = [new AbortController(), screen(), screen()];
    const host = { stdout: stdout.stream, stderr: stderr.stream };
    const followed = run("logs -f", { interrupted: stop.signal, host });
    await stderr.shows("Waiting for the first deployment of ");
    await run("deploy");
    await log("first");
    await stdout.shows("first\n");
    stop.abort();
    expect((await followed).code).toBe(130);
  });

  test("logs prints the last lines, everything since, or follows until Ctrl-C", async () => {
    await run("deploy");
    for (let i = 1; i <= 120; i += 1) await log(`line ${i}`);
    const last = (await run("logs")).stdout.trimEnd().split("\n");
    expect([last.length, last.at(-1)]).toEqual([100, "web-v1-0 | line 120"]);
    expect((await run("logs --no-prefix -n 2")).stdout).toBe("line 119\nline 120\n");
    expect((await run("logs --since 1h")).stdout.trimEnd().split("\n")).toHaveLength(120);
    const objects = (await run("logs -n 3 --json web")).stdout.trimEnd().split("\n");
    expect(objects.map((line) => logView.strict().parse(JSON.parse(line)).message)).toEqual([
      "line 118",
      "line 119",
      "line 120",
    ]);
    expect(await run("logs --grep nothing")).toMatchObject({ code: 0, stdout: "", stderr: "No matching lines.\n" });
    const says = expect.stringContaining("has no service nobody, nor lines of one");
    expect(await run("logs nobody")).toMatchObject({ code: 4, stderr: says });
    expect(await run("logs --release v99")).toMatchObject({ code: 4, stdout: "" });
    const stop = new AbortController();
    const stdout = screen();
    const follow = "logs -f -n 1 --no-prefix";
    const followed = run(follow, { interrupted: stop.signal, host: { stdout: stdout.stream } });
    await stdout.shows("line 120\n");
    await log("new");
    await stdout.shows("line 120\nnew\n");
    stop.abort();
    expect((await followed).code).toBe(130);
  });

  test("doctor, open and api answer", async () => {
    await run("deploy");
    const doctor = await run("doctor");
    expect([doctor.code, doctor.stdout]).toEqual([0, expect.stringMatching(/ok +controller .*\nok +disk +10 GB free/)]);
    expect((await run("open --json")).json()).toMatchObject({ service: "web" });
    const opened: string[] = [];
    const browser = { openUrl: async (url: string) => void opened.push(url) };
    await run("open", { terminal: true, host: browser });
    expect(opened).toEqual([expect.stringContaining("http://web.shop.localhost")]);
    expect(JSON.parse((await run("api GET /v1/info")).stdout)).toMatchObject({ version: "0.1.0" });
    expect((await run("api GET /v1/nothing")).code).toBe(4);
  });
});

describe("changing", () => {
  test("scale sets, shows and gives back; zero wants a yes", async () => {
    await run("deploy");
    expect((await run("scale web=3 --detach")).stdout).toMatch(/web +3 +1 +3/);
    expect((await run("scale web=manifest --detach")).stdout).toMatch(/web +1 +1 +-/);
    const refused = await run("scale web=0 --detach");
    expect([refused.code, refused.stderr]).toEqual([8, expect.stringContaining("--yes")]);
    expect((await run("scale web=0 --detach -y")).stdout).toMatch(/web +0/);
    expect((await run("scale web=lots")).code).toBe(2);
  });

  test("scale names the limit and the argument that exceeds it", async () => {
    for (const word of ["web=101", "web=1000000"]) {
      const { code, stderr } = await run(`scale ${word}`);
      expect([code, stderr]).toEqual([2, expect.stringContaining(`${word}: a service has at most 100 replicas`)]);
    }
  });

  test("env set, list and unset: masked, from stdin, and live", async () => {
    await run("deploy");
    expect((await run("env set LOG_LEVEL=DEBUG")).stdout).toContain("Live: v2 (was v1)");
    const secret = await run("env set API_KEY --stdin --json", { stdin: "canary-value\n" });
    expect(secret.json()).toMatchObject({ variables: ["API_KEY", "LOG_LEVEL"], deployment: { release: "v3" } });
    const masked = await run("env list");
    expect(masked.stdout).toMatch(/API_KEY +•••• [0-9a-f]{8} +set/);
    expect(masked.stdout).toMatch(/RELEASE +•••• [0-9a-f]{8} +fairlead/);
    expect((await run(["env", "set", "BAD NAME=1"])).stderr).toMatch(/name may contain only letters.*\n.*help env set/);
    const shown = await run("env list --reveal --json");
    expect(shown.stdout).toContain("canary-value");
    const quiet = [masked, secret, await run("env list --json"), await run("plan"), await run("releases show v3")];
    expect(quiet.map(({ stdout, stderr }) => stdout + stderr).join()).not.toContain("canary-value");
    expect((await run("env unset API_KEY")).code).toBe(8);
    expect((await run("env unset API_KEY -y --json")).json().variables).toEqual(["LOG_LEVEL"]);
    expect((await run("env set broken")).code).toBe(2);
    expect((await run("env set MY_TOKEN=x")).stderr).toContain("warning: MY_TOKEN looks like a secret");
  });

  test("rollback and restart are deployments", async () => {
    await run("deploy");
    const first = [...shop.deps.builder.sources.keys()][0] ?? "";
    const nothing = await run("rollback");
    expect([nothing.code, nothing.stderr]).toEqual([5, expect.stringContaining("hint: ")]);
    writeFileSync(path.join(shop.root, "src/web.js"), "serve(2);");
    await run("deploy");
    const release = await shop.deps.journal.releases.find(shopKey, 1);
    for (const { digest } of release?.artifacts ?? []) shop.deps.builder.states.set(digest, { state: "built" });
    expect(first).not.toBe("");
    expect((await run("rollback --json")).json().deployment).toMatchObject({ kind: "rollback", status: "live" });
    expect((await run("rollback v99")).code).toBe(4);
    expect((await run("restart web --json")).json().deployment).toMatchObject({ kind: "restart", services: ["web"] });
  });

  test("what is protected asks for its name, and goes on when it was given", async () => {
    writeFileSync(path.join(shop.root, "fairlead.yml"), `${manifest}protected: true\n`);
    const refused = await run("deploy -y");
    expect([refused.code, refused.stderr]).toEqual([8, expect.stringContaining("pass --confirm production")]);
    expect((await run("deploy", { terminal: true, stdin: "shop\r" })).code).toBe(8);
    expect((await run("deploy", { terminal: true, stdin: "production\r" })).code).toBe(0);
    expect((await run("env set LOG_LEVEL=DEBUG --confirm production")).code).toBe(0);
  });

  test("the name that --confirm gives answers yes or no, too; another name and --yes do not answer for it", async () => {
    writeFileSync(path.join(shop.root, "fairlead.yml"), `${manifest}protected: true\n`);
    await run("deploy --confirm production");
    const none = [
      "env unset LOG_LEVEL -y --confirm staging",
      "env unset LOG_LEVEL",
      "down -e staging --confirm production",
    ];
    await run("env set LOG_LEVEL=DEBUG --confirm production");
    for (const line of none) expect((await run(line)).code).toBe(8);
    expect((await run("env unset LOG_LEVEL --confirm production")).code).toBe(0);
  });

  test("what only the controller finds wrong is told in words of the command line", async () => {
    const { code, stderr } = await run("rollback nonsense");
    expect([code, stderr]).toEqual([2, expect.stringMatching(/^error: release: must be .*\nhint: .*help rollback`/)]);
  });

  test("down asks; --all wants the name, and -y is not one", async () => {
    await run("deploy");
    expect((await run("down")).code).toBe(8);
    expect((await run("down --all -y")).code).toBe(8);
    const wrong = await run("down --all --confirm other");
    expect([wrong.code, wrong.stderr]).toEqual([8, expect.stringContaining("--confirm shop")]);
    const stopped = await run("down --all --confirm shop --json");
    expect([stopped.code, stopped.json().stopped]).toEqual([0, [shopKey]]);
    expect((await run("down -y")).stdout).toContain("Stopped shop/production");
  });
});

describe("without a controller or a project", () => {
  test("exit codes tell what is missing", async () => {
    const nowhere = { cwd: "/", env: { FAIRLEAD_STATE: "/nonexistent" } };
    const unreachable = await run("status -a shop", nowhere);
    expect([unreachable.code, unreachable.stderr]).toEqual([7, expect.stringContaining("hint: Start one with")]);
    expect((await run("doctor --json", nowhere)).json().checks).toMatchObject([{ name: "controller", state: "fail" }]);
    const absentChecks = async (state: string) => [
      { name: "edge", state: "fail", detail: state, fix: "end it" } as const,
    ];
    expect((await run("doctor", { ...nowhere, host: { absentChecks } })).stdout).toMatch(
      /fail +edge +\/nonexistent +-> end it/,
    );
    expect((await run("deploy", nowhere)).code).toBe(2);
    expect((await run("status -a nobody")).code).toBe(4);
    expect((await run("status --url ftp://x")).code).toBe(2);
  });

  test("check is offline and judges every environment", async () => {
    const offline = { env: { FAIRLEAD_STATE: "/nonexistent" } };
    const good = await run("check", offline);
    expect([good.code, good.stdout]).toEqual([
      0,
      expect.stringMatching(/^warning: .*no-probe[\s\S]*ok: fairlead\.yml for production\n$/),
    ]);
    const bad = `${manifest}environments:\n  staging: { services: { web: { replicas: -1 } } }\n`;
    writeFileSync(path.join(shop.root, "fairlead.yml"), bad);
    const { code, stdout } = await run("check", offline);
    expect([code, stdout]).toEqual([2, expect.stringMatching(/^fairlead\.yml:\d+:\d+ \S+: .+\n$/)]);
    expect((await run("check --json", offline)).json()).toMatchObject({
      ok: false,
      environments: ["production", "staging"],
      complaints: [{ file: "fairlead.yml", line: 10 }],
    });
  });
});
