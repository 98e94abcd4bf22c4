import { existsSync } from "node:fs";
import { chmod, mkdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { City } from "./city.ts";
import { call, quick } from "./scene.ts";

let city: City;
/** Every payload tries to make this file, in a directory where everybody may. */
let canary: string;
let payloads: readonly string[];

beforeAll(async () => {
  city = await City.found();
  const open = join(dirname(city.state), "open");
  await mkdir(open);
  await chmod(open, 0o777);
  canary = join(open, "canary");
  payloads = [
    `$(touch ${canary})`,
    `\`touch ${canary}\``,
    `; touch ${canary}`,
    `| touch ${canary}`,
    `&& touch ${canary}`,
    `x\ntouch ${canary}\n`,
    `x\r\nHost: evil\r\n\r\n`,
    `' ; touch ${canary} ; '`,
    `" ; touch ${canary} ; "`,
    `>${canary}`,
    "../../../../etc/passwd",
    "..%2f..%2fetc",
    "-rf",
    "--help",
    "\u202egnp.exe",
    "'; DROP TABLE releases; --",
    `\${IFS}touch\${IFS}${canary}`,
    "%s%n{{7*7}}",
  ];
  await city.editManifest((text) => quick(text).replace("replicas: 2", "replicas: 1"));
  await city.startController();
  expect((await city.deploy()).code).toBe(0);
});
afterAll(async () => {
  expect(existsSync(canary)).toBe(false);
  await city[Symbol.asyncDispose]();
});

test("names of apps, environments, services, releases, deployments and tasks are refused wherever they can be given", async () => {
  const base = "/v1/apps/beacon/environments/production";
  for (const payload of payloads) {
    const part = encodeURIComponent(payload);
    const body = { kind: "restart", services: [payload] };
    const answers = await Promise.all([
      call(city, { path: `/v1/apps/${part}/environments/production/status` }),
      call(city, { path: `/v1/apps/beacon/environments/${part}/status` }),
      call(city, { path: `${base}/releases/${part}` }),
      call(city, { path: `/v1/deployments/${part}` }),
      call(city, { path: `${base}/tasks/${part}` }),
      call(city, { path: `/v1/sources/${part}`, method: "PUT", body: {} }),
      call(city, { path: `${base}/logs?grep=(${part}` }),
      call(city, { path: `${base}/deployments`, method: "POST", body }),
      call(city, { path: `${base}/deployments`, method: "POST", body: { kind: "rollback", release: payload } }),
      call(city, { path: `${base}/deployments`, method: "POST", body: { kind: "deploy", source: payload } }),
      call(city, { path: `${base}/scale`, method: "PATCH", body: { [payload]: 1 } }),
      call(city, { path: `${base}/variables`, method: "PATCH", body: { set: { [payload]: "x" } } }),
      call(city, { path: `${base}/tasks`, method: "POST", body: { command: ["true"], service: payload } }),
    ]);
    for (const { status, body: text } of answers) {
      expect(status, `${JSON.stringify(payload)} was answered with ${text}`).toBeGreaterThanOrEqual(400);
      expect(status, `${JSON.stringify(payload)} was answered with ${text}`).toBeLessThan(500);
    }
  }
  expect((await city.fairlead("status", "-a", payloads[0] ?? "")).code).toBe(2);
  expect((await city.fairlead("status", "-e", "../production")).code).toBe(2);
});

test("a manifest with them in names, hosts, paths and command lines is refused with every line named", async () => {
  const good = await manifestText();
  for (const payload of payloads.filter((one) => one !== "--help")) {
    const quoted = JSON.stringify(payload);
    const services = `services:\n  ${quoted}: { run: node web.ts }\n  web:\n    run: ${quoted}`;
    const http = `\n    needs: [${quoted}]\n    http:\n      hosts: [${quoted}]\n      ready: { path: ${quoted} }\n`;
    const stop = `    stop: { signal: ${quoted} }\n`;
    await city.editManifest(() => `version: 1\napp: ${quoted}\n${services}${http}${stop}`);
    const checked = await city.fairlead("check");
    expect(checked.code, checked.stdout).toBe(2);
    const told = checked.stdout + checked.stderr;
    for (const path of ["app", "services.web.needs", "services.web.http.hosts", "services.web.http.ready.path"]) {
      expect(told).toContain(path);
    }
  }
  await city.editManifest(() => good);
});

test("arguments, values, messages and file names are carried literally", async () => {
  const carried = payloads.filter((payload) => payload !== "--help");
  const script = "process.stdout.write(JSON.stringify(process.argv.slice(1)))";
  const run = await city.fairlead("run", "--", "node", "-e", script, "--", ...payloads);
  expect(JSON.parse(run.stdout)).toEqual(payloads);

  const set = Object.fromEntries(carried.map((payload, i) => [`P${i}`, payload]));
  const changed = await call(city, {
    method: "PATCH",
    path: "/v1/apps/beacon/environments/production/variables",
    body: { set },
  });
  expect(changed.status).toBe(200);
  for (const [i, payload] of carried.slice(0, 3).entries()) {
    await writeFile(join(city.app, `${payload.replaceAll("/", "_")}.txt`), String(i));
  }
  await city.editManifest((text) =>
    text.replace(
      "run: node worker.ts",
      `run: [node, worker.ts, ${carried.map((one) => JSON.stringify(one)).join(", ")}]`,
    ),
  );
  const message = carried.join(" ");
  const deployed = await city.deploy(`--message=${message}`);
  expect(deployed.deployment.status).toBe("live");
  const detail = await city.api.call("release", { params: { ...city.key, release: deployed.deployment.release } });
  expect(JSON.stringify(detail)).toContain(JSON.stringify(message).slice(1, -1));

  const look = "process.stdout.write(JSON.stringify([process.env, require('fs').readdirSync('.')]))";
  const [env, files] = JSON.parse((await city.fairlead("run", "--", "node", "-e", look)).stdout) as [object, string[]];
  expect(env).toMatchObject(set);
  expect(files).toEqual(expect.arrayContaining([`${(carried[0] ?? "").replaceAll("/", "_")}.txt`]));
});

test("values and secrets do not come back in messages", async () => {
  const secret = "s3cr3t-$(id)-中文";
  await city.editManifest((text) =>
    text.replace("services:", () => "  CODE: { secret: true, pattern: '^[a-z]+$' }\nservices:"),
  );
  expect((await city.deploy()).deployment.status).toBe("live");
  const answer = await call(city, {
    method: "PATCH",
    path: "/v1/apps/beacon/environments/production/variables",
    body: { set: { CODE: secret } },
  });
  expect(answer.status).toBe(422);
  expect(answer.body).toContain("CODE");
  expect(answer.body).not.toContain("s3cr3t");
  expect(await city.controllerLog()).not.toContain("s3cr3t");
});

async function manifestText(): Promise<string> {
  let text = "";
  await city.editManifest((found) => {
    text = found;
    return found;
  });
  return text;
}
