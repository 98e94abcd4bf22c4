import { readdirSync, readFileSync } from "node:fs";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { armor, Decrypter, generateX25519Identity, identityToRecipient } from "age-encryption";
import { afterAll, beforeAll, expect, test } from "vitest";
import { sha256 } from "../../src/base/digest.ts";
import { City, until } from "./city.ts";
import { call } from "./scene.ts";

/** Answers with its whole environment, and writes its secrets wherever it can. */
const web = `
import { createServer } from "node:http";
const { GOOGLE_API_KEY: key, TELEGRAM_BOT_TOKEN: token } = process.env;
const spellings = [token, encodeURIComponent(token), JSON.stringify({ token })];
for (const user of ["", "a", "ab"]) spellings.push(Buffer.from(user + token).toString("base64"));
for (const text of spellings) console.log("token spelt", text);
process.stdout.write("in two pieces " + key.slice(0, 5));
setTimeout(() => process.stdout.write(key.slice(5) + "\\n"), 50);
console.error("level", process.env.LOG_LEVEL);
createServer((_request, response) => response.end(JSON.stringify(process.env))).listen(Number(process.env.PORT));
`;

type Values = Readonly<Record<string, string>>;

/** The three environments of a Telegram bot, whose variables must never be mixed up. */
const wanted: Readonly<Record<string, Values>> = {
  testing: {
    ENVIRONMENT: "testing",
    RAILWAY_ENVIRONMENT: "testing",
    AI_PROVIDER: "ollama",
    AI_MODEL_NAME: "llama2",
    FIREBASE_PROJECT_ID: "kickai-testing",
    GOOGLE_API_KEY: "dummy-key",
    TELEGRAM_BOT_TOKEN: "test-bot-token",
    LOG_LEVEL: "DEBUG",
  },
  staging: {
    ENVIRONMENT: "staging",
    RAILWAY_ENVIRONMENT: "staging",
    AI_PROVIDER: "google_gemini",
    AI_MODEL_NAME: "gemini-pro",
    FIREBASE_PROJECT_ID: "kickai-staging",
    GOOGLE_API_KEY: "staging-google-key",
    TELEGRAM_BOT_TOKEN: "staging-bot-token",
    LOG_LEVEL: "INFO",
  },
  production: {
    ENVIRONMENT: "production",
    RAILWAY_ENVIRONMENT: "production",
    AI_PROVIDER: "google_gemini",
    AI_MODEL_NAME: "gemini-pro",
    FIREBASE_PROJECT_ID: "kickai-production",
    GOOGLE_API_KEY: "production-google-key",
    TELEGRAM_BOT_TOKEN: "production-bot-token",
    LOG_LEVEL: "WARNING",
  },
};
const secrets = ["GOOGLE_API_KEY", "TELEGRAM_BOT_TOKEN"];
const names = Object.keys(wanted.testing ?? {});

function overlayOf(values: Values): string {
  const plain = Object.entries(values).filter(([name]) => !secrets.includes(name));
  return `{ env: { ${plain.map(([name, value]) => `${name}: ${value}`).join(", ")} } }`;
}

const manifest = `version: 1
app: beacon
env:
${names.map((name) => `  ${name}: { required: true${secrets.includes(name) ? ", secret: true" : ""} }`).join("\n")}
  SESSION_KEY: { generate: hex32 }
services:
  web:
    run: node env.mjs
    http: { ready: { path: /, every: 100ms, times: 1 } }
    stop: { within: 2s, drain: 1s }
deploy: { watch: { for: 200ms } }
environments:
${Object.entries(wanted)
  .map(([environment, values]) => `  ${environment}: ${overlayOf(values)}`)
  .join("\n")}
`;

let city: City;

beforeAll(async () => {
  city = await City.found();
  await writeFile(join(city.app, "env.mjs"), web);
  await city.editManifest(() => manifest);
  await city.startController();
  for (const [environment, values] of Object.entries(wanted)) {
    const file = join(city.app, `.env.${environment}`);
    await writeFile(file, secrets.map((name) => `${name}=${values[name]}\n`).join(""));
    const imported = await city.fairlead("env", "import", file, "-e", environment);
    expect(imported.stderr + imported.stdout).toContain("Saved");
  }
  const results = await Promise.all(
    Object.keys(wanted).map((environment) => city.fairlead("deploy", "-e", environment)),
  );
  for (const { code, stderr } of results) expect(code, stderr).toBe(0);
});
afterAll(() => city[Symbol.asyncDispose]());

async function served(environment: string): Promise<Values> {
  const host = `${environment === "production" ? "" : `${environment}--`}web.beacon.localhost`;
  return JSON.parse((await city.get("/", host)).body) as Values;
}

/** The digest of all that can be seen of an environment from outside. */
async function fingerprint(environment: string): Promise<string> {
  const key = { app: "beacon", environment };
  const { deployment, ...status } = await city.api.call("status", { params: key });
  const seen = {
    served: await served(environment),
    services: status.services.map(({ name, desired, instances }) => [name, desired, instances.map(({ id }) => id)]),
    deployment: deployment?.id,
    variables: await city.api.call("variables", { params: key }),
    releases: (await city.api.call("releases", { params: key })).items,
  };
  return sha256(JSON.stringify(seen));
}

const chosen = (values: Values) => Object.fromEntries(names.map((name) => [name, values[name]]));

test("every environment has exactly its own variables, and generated ones differ", async () => {
  const all = await Promise.all(Object.keys(wanted).map(served));
  for (const [place, values] of Object.values(wanted).entries()) expect(chosen(all[place] ?? {})).toEqual(values);
  expect(new Set(all.map(({ SESSION_KEY }) => SESSION_KEY)).size).toBe(3);
  const diff = await city.json<{ variables: { name: string; state: string }[] }>(
    "env",
    "diff",
    "staging",
    "production",
  );
  const states = Object.fromEntries(diff.variables.map(({ name, state }) => [name, state]));
  expect(states).toMatchObject({ AI_PROVIDER: "same", LOG_LEVEL: "different", SESSION_KEY: "different" });
});

test("changing one environment changes nothing that can be seen of the others", async () => {
  const before = await Promise.all(["staging", "production"].map(fingerprint));
  const set = await city.fairlead("env", "set", "LOG_LEVEL=INFO", "-e", "testing");
  expect(set.code, set.stderr).toBe(0);
  expect((await served("testing")).LOG_LEVEL).toBe("INFO");
  expect(await Promise.all(["staging", "production"].map(fingerprint))).toEqual(before);
});

test("what staging serves goes live in production as the same artifact with production's own configuration", async () => {
  await city.setVersion("2");
  expect((await city.fairlead("deploy", "-e", "staging")).code).toBe(0);
  const staging = await fingerprint("staging");
  const artifactOf = async (environment: string) =>
    (await city.api.call("releases", { params: { app: "beacon", environment } })).items[0]?.services[0]?.artifact;
  expect(await artifactOf("production")).not.toBe(await artifactOf("staging"));

  const unasked = await city.fairlead("promote", "staging", "production");
  expect([unasked.code, unasked.stderr]).toEqual([8, expect.stringContaining("service web")]);
  const promoted = await city.fairlead("promote", "staging", "production", "-y");
  expect(promoted.code, promoted.stderr).toBe(0);
  expect(await artifactOf("production")).toBe(await artifactOf("staging"));
  expect(chosen(await served("production"))).toEqual(wanted.production);
  const again = await city.fairlead("promote", "staging", "production");
  expect([again.code, again.stdout]).toEqual([0, expect.stringMatching(/^Nothing changed: v\d+ serves\./)]);
  const [newest] = (await city.api.call("releases", { params: city.key })).items;
  expect(again.stdout).toContain(` ${newest?.release} serves`);
  expect(newest?.message).toMatch(/^promoted from staging v\d+$/);
  expect(await fingerprint("staging")).toBe(staging);
  expect((await city.fairlead("promote", "nowhere", "production", "-y")).code).toBe(4);
});

test("a rollback brings back yesterday's version of a secret, and while it can, the version cannot be destroyed", async () => {
  const token = async () => (await served("production")).TELEGRAM_BOT_TOKEN;
  const before = (await city.api.call("releases", { params: city.key })).items[0]?.release ?? "";
  expect((await city.fairlead("env", "set", "TELEGRAM_BOT_TOKEN=leaked-and-replaced")).code).toBe(0);
  expect(await token()).toBe("leaked-and-replaced");
  const refused = await city.fairlead("env", "destroy", "TELEGRAM_BOT_TOKEN@1", "-y");
  expect([refused.code, refused.stderr]).toEqual([5, expect.stringContaining("needs TELEGRAM_BOT_TOKEN@1")]);
  expect((await city.fairlead("rollback", before)).code).toBe(0);
  expect(await token()).toBe("production-bot-token");
  const versions = await city.fairlead("env", "versions", "TELEGRAM_BOT_TOKEN");
  expect(versions.stdout).toMatch(/TELEGRAM_BOT_TOKEN@2 .* set now/);
  expect(versions.stdout).not.toContain("leaked");
});

test("a .env file is imported as a whole: shown first, forgotten names only when asked, never what Fairlead made", async () => {
  const file = join(city.app, "next.env");
  await writeFile(file, "GOOGLE_API_KEY=staging-google-key\nTELEGRAM_BOT_TOKEN=new-staging-token\nEXTRA='x y'\n");
  const run = (...flags: readonly string[]) => city.fairlead("env", "import", file, "-e", "staging", ...flags);
  const before = await fingerprint("staging");
  const shown = await run("--dry-run");
  expect(shown.stdout.split("\n").sort()).toEqual(
    expect.arrayContaining(["added      EXTRA", "changed    TELEGRAM_BOT_TOKEN", "same       GOOGLE_API_KEY"]),
  );
  expect(shown.stdout + shown.stderr).not.toMatch(/staging-google-key|new-staging-token/);
  expect(await fingerprint("staging")).toBe(before);

  expect((await run("--stage")).code).toBe(0);
  await writeFile(file, "GOOGLE_API_KEY=staging-google-key\nTELEGRAM_BOT_TOKEN=new-staging-token\n");
  const pruned = await city.json<{ variables: string[] }>("env", "import", file, "-e", "staging", "--prune", "-y");
  expect(pruned.variables).toEqual(["GOOGLE_API_KEY", "SESSION_KEY", "TELEGRAM_BOT_TOKEN"]);
  expect((await served("staging")).TELEGRAM_BOT_TOKEN).toBe("new-staging-token");

  await writeFile(file, "GOOGLE_API_KEY='canary\nnot a line\n");
  const bad = await run();
  expect([bad.code, bad.stderr]).toEqual([2, expect.stringContaining("next.env:1")]);
  expect(bad.stderr).not.toContain("canary");
  const pulled = await city.fairlead("env", "pull", "-", "-e", "staging");
  expect(pulled.stdout).toContain("TELEGRAM_BOT_TOKEN=new-staging-token\n");
});

test("of two who change the same document, the one with the older copy is refused", async () => {
  const path = "/v1/apps/beacon/environments/production/variables";
  const patch = (value: string, ifMatch: string) =>
    call(city, {
      method: "PATCH",
      path,
      body: { set: { NOTE: value }, stage: true },
      headers: { "if-match": ifMatch },
    });
  const { etag } = await call(city, { path });
  const answers = [await patch("first", etag), await patch("second", etag)];
  expect(answers.map(({ status }) => status)).toEqual([200, 412]);
  expect(JSON.parse(answers[1]?.body ?? "{}").code).toBe("document.stale");
});

test("the keys of the vault are exchanged while a deployment runs, and a controller that is killed finds everything", async () => {
  await city.setVersion("3");
  const deploying = city.fairlead("deploy");
  const rotated = await Promise.all([city.fairlead("vault", "rotate"), city.fairlead("vault", "rotate")]);
  for (const { code, stderr } of rotated) expect(code, stderr).toBe(0);
  expect((await deploying).code).toBe(0);
  await city.killController();
  await city.startController();
  expect((await city.fairlead("restart")).code).toBe(0);
  expect((await served("production")).TELEGRAM_BOT_TOKEN).toBe("leaked-and-replaced");
});

test("a preview is gone on time although the controller was down then, with all that it had", async () => {
  const key = { app: "beacon", environment: "pr-12" };
  const host = "pr-12--web.beacon.localhost";
  const production = await fingerprint("production");
  const refused = await city.fairlead("preview", "create", "pr-12", "--from", "production");
  expect([refused.code, refused.stderr]).toEqual([5, expect.stringContaining("secrets must stay there")]);

  const created = await city.fairlead("preview", "create", "pr-12");
  expect([created.code, created.stdout], created.stderr).toEqual([0, expect.stringContaining("Expires in 3 d")]);
  const [ofPreview, ofStaging] = [await served("pr-12"), await served("staging")];
  expect(chosen(ofPreview)).toEqual(chosen(ofStaging));
  expect(ofPreview.SESSION_KEY).not.toBe(ofStaging.SESSION_KEY);
  expect((await city.fairlead("preview", "list")).stdout).toMatch(/pr-12 +staging +v1 +serving +3 d +http:\/\/pr-12--/);

  // A push gives it another 3 s; the controller dies in the middle of that deployment and sleeps through the end.
  const [release] = (await city.api.call("releases", { params: key })).items;
  const { preview } = await city.api.call("createPreview", {
    params: key,
    body: { source: release?.source ?? "", ttlMs: 3_000 },
  });
  await city.killController();
  await until(async () => Date.now() > Date.parse(preview.endsAt), "its time is over");
  expect((await city.get("/", host)).status).toBe(200);
  await city.startController();

  await until(async () => (await city.get("/", host)).status === 404, "nothing is routed to it");
  await until(async () => {
    const { services, state } = await city.api.call("status", { params: key });
    return state === "stopped" && services.length === 0;
  }, "nothing of it runs");
  for (const name of [...secrets, "SESSION_KEY"]) {
    const { items } = await city.api.call("versions", { params: { ...key, variable: name } });
    expect(items.map(({ state }) => state)).toEqual(["destroyed"]);
  }
  expect((await city.fairlead("preview", "list")).stdout).toContain("No previews");
  const late = await city.fairlead("deploy", "-e", "pr-12", "--create");
  expect([late.code, late.stderr]).toEqual([5, expect.stringContaining("fairlead preview create pr-12")]);
  expect(await fingerprint("production")).toBe(production);
});

test("where a variable comes from is told by place and version, and never by value", async () => {
  const explain = async (name: string) => (await city.fairlead("env", "explain", name)).stdout;
  expect(await explain("LOG_LEVEL")).toMatch(
    /web .* the manifest, for production .* fairlead\.yml:\d+:\d+ environments\.production\.env\.LOG_LEVEL .* required/,
  );
  expect(await explain("TELEGRAM_BOT_TOKEN")).toMatch(
    /set on the controller +TELEGRAM_BOT_TOKEN@\d .* secret, required/,
  );
  expect(await explain("SESSION_KEY")).toMatch(/SESSION_KEY@1 .* generated by Fairlead \(hex32\)/);
  expect(await explain("RELEASE")).toMatch(/Fairlead itself/);
  const unknown = await city.fairlead("env", "explain", "NOBODY");
  expect([unknown.code, unknown.stderr]).toEqual([4, expect.stringContaining("knows no variable NOBODY")]);
});

/** Writes over what it finds; with `--wait` it stays open instead, whatever it is told. */
const editor = `
import { readFileSync, writeFileSync } from "node:fs";
const file = process.argv.at(-1);
if (process.argv.includes("--wait")) setInterval(() => {}, 1_000);
else writeFileSync(file, readFileSync(file, "utf8").replace(/^GOOGLE_API_KEY=.*$/m, "GOOGLE_API_KEY=edited-google-key"));
`;

test("values are edited in one's own editor, rotated, and accounted for; the file of the editor is gone however it ends", async () => {
  const runtime = join(city.app, "runtime");
  await mkdir(runtime);
  const script = join(city.app, "editor.mjs");
  await writeFile(script, editor);
  const edit = (...flags: readonly string[]) => {
    const env = { VISUAL: [process.execPath, script, ...flags].join(" "), XDG_RUNTIME_DIR: runtime };
    const child = city.startFairlead(env, "env", "edit", "-e", "testing", "--stage", "-y");
    return { child, ended: new Promise((resolve) => child.once("exit", resolve)) };
  };
  const waiting = edit("--wait");
  await until(async () => readdirSync(runtime).length === 1, "the editor has its file");
  waiting.child.kill("SIGINT"); // Ctrl-C is the editor's
  expect(await edit().ended).toBe(0);
  expect(readdirSync(runtime)).toHaveLength(1);
  waiting.child.kill("SIGTERM");
  expect(await waiting.ended).toBe(130);
  expect(readdirSync(runtime)).toEqual([]);

  const { SESSION_KEY: before } = await served("testing");
  const rotated = await city.fairlead("env", "rotate", "SESSION_KEY", "-e", "testing");
  expect([rotated.code, rotated.stdout]).toEqual([0, expect.stringContaining("SESSION_KEY@2 serves.")]);
  const after = await served("testing");
  expect(after.SESSION_KEY).toMatch(/^[0-9a-f]{64}$/);
  expect(after.SESSION_KEY).not.toBe(before);
  expect(after.GOOGLE_API_KEY).toBe("edited-google-key");

  const { stdout } = await city.fairlead("audit", "-e", "testing", "-n", "2");
  expect(stdout).toMatch(/env\.set .* GOOGLE_API_KEY +staged\n.*env\.rotate .* SESSION_KEY/);
  expect(stdout).not.toContain("edited-google-key");
});

test("the master key is in a bundle that any age program opens, and doctor reminds until it was made", async () => {
  const row = async () => (await city.fairlead("doctor")).stdout.split("\n").find((line) => / vault /.test(line));
  expect(await row()).toMatch(/warn .*no recovery bundle/);
  const identity = await generateX25519Identity();
  const file = join(city.app, "recovery.age");
  const made = await city.fairlead("vault", "recovery", file, "--recipient", await identityToRecipient(identity));
  expect(made.code, made.stderr).toBe(0);
  const decrypter = new Decrypter();
  decrypter.addIdentity(identity);
  const opened = await decrypter.decrypt(armor.decode(readFileSync(file, "utf8")), "text");
  expect(opened).toBe(readFileSync(join(city.state, "vault.key"), "utf8"));
  expect(await row()).toMatch(/ok .*recovery bundle exists/);
  expect((await city.fairlead("vault", "recovery", file, "--recipient", "age1nonsense")).code).toBe(2);
  expect((await city.fairlead("vault", "rotate")).code).toBe(0);
  expect(await row()).toMatch(/warn /);
});

test("what an app prints of its secrets is hidden in every spelling, and what is none is not", async () => {
  const logs = async () => (await city.fairlead("logs", "web", "--json", "-n", "1000", "-e", "testing")).stdout;
  await until(async () => (await logs()).includes("in two pieces [secret GOOGLE_API_KEY]"), "both pieces are taken in");
  const lines = (await logs())
    .trim()
    .split("\n")
    .map((line) => (JSON.parse(line) as { message: string }).message);
  const spelt = lines.filter((line) => line.startsWith("token spelt"));
  expect(spelt.length).toBeGreaterThanOrEqual(6);
  for (const line of spelt) expect(line).toContain("[secret TELEGRAM_BOT_TOKEN]");
  expect(lines.join()).not.toMatch(/test-bot-token|dummy-key|edited-google-key/);
  expect(lines).toContain("level DEBUG");
});

test("no value that was set lies in the clear in anything that the controller keeps", async () => {
  const needles = [
    "production-bot-token",
    "leaked-and-replaced",
    "staging-google-key",
    "edited-google-key",
    (await served("staging")).SESSION_KEY,
  ];
  const found: string[] = [];
  const look = (directory: string): void => {
    for (const entry of readdirSync(directory, { withFileTypes: true })) {
      const path = join(directory, entry.name);
      // What an instance wrote lies as it is in its own output file, until it is taken in and the instance is forgotten.
      const isOutput = /\/run\/[^/]+\/(?:out|err)\.log$/.test(path);
      if (entry.isDirectory()) look(path);
      else if (entry.isFile() && !isOutput) {
        const bytes = readFileSync(path);
        found.push(...needles.flatMap((needle) => (needle && bytes.includes(needle) ? [`${needle} in ${path}`] : [])));
      }
    }
  };
  look(city.state);
  expect(found).toEqual([]);
  // The test can fail: the manifest's own values are there.
  const journal = ["journal.db", "journal.db-wal"].map((name) => readFileSync(join(city.state, name)));
  expect(journal.some((bytes) => bytes.includes("kickai-production"))).toBe(true);
});

test("a protected environment is changed only by who gives its name, also by a manifest that does not protect it", async () => {
  await city.editManifest((text) => text.replace("  testing: {", "  testing: { protected: true,"));
  const refused = await city.fairlead("deploy", "-e", "testing", "-y");
  expect([refused.code, refused.stderr]).toEqual([8, expect.stringContaining("pass --confirm testing")]);
  const deployed = await city.fairlead("deploy", "-e", "testing", "--confirm", "testing");
  expect(deployed.code, deployed.stderr).toBe(0);
  await city.editManifest((text) => text.replace("protected: true,", ""));
  for (const args of [["deploy"], ["down", "-y"], ["env", "set", "LOG_LEVEL=INFO"]] as const) {
    expect((await city.fairlead(...args, "-e", "testing")).code).toBe(8);
  }
});
