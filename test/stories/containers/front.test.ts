import { writeFile } from "node:fs/promises";
import { get as getOver } from "node:https";
import { join } from "node:path";
import type { TLSSocket } from "node:tls";
import { expect, test } from "vitest";
import { ContainerEngine } from "../../../src/host/engine.ts";
import { testEngine, testImages } from "../../../src/testing/engine.ts";
import { type TestAuthority, testAuthority } from "../../../src/testing/pki.ts";
import { ownPort } from "../../../src/testing/ports.ts";
import { City, until } from "../city.ts";
import { instancesOf, statusOf } from "../scene.ts";

const engine = new ContainerEngine(testEngine() ?? "/nonexistent/docker.sock");
const host = "shop.example.com";

/** Answers with what it was told about its client. */
const web = `
import { createServer } from "node:http";
const told = ["x-forwarded-for", "x-forwarded-proto", "x-forwarded-host", "x-real-ip"];
createServer(({ headers }, response) => response.end(told.map((name) => headers[name]).join(" "))).listen(8000);
`;

const manifest = `version: 1
app: beacon
services:
  web:
    run: node web.mjs
    http: { hosts: [${host}], ready: { path: /, every: 100ms, times: 1 } }
    stop: { drain: 1s, within: 1s }
deploy: { watch: { for: 200ms } }
`;

interface Listed {
  readonly Id: string;
  readonly Names: readonly string[];
}

interface Front {
  readonly Id: string;
  readonly State: { readonly StartedAt: string };
}

test("an edge in a container with an own certificate, behind a proxy: stopped, started again or taken away by hand, it is back as it was", async () => {
  const secure = await ownPort();
  const flags = ["--proxy", "container", "--proxy-image", testImages.haproxy, "--edge-tls", `127.0.0.1:${secure}`];
  await using city = await City.found("beacon", [...flags, "--trust-proxy", "127.0.0.1"]);
  await writeFile(join(city.app, "web.mjs"), web);
  await writeFile(join(city.app, "Dockerfile"), `FROM ${testImages.node}\nWORKDIR /app\nCOPY . .\n`);
  await city.editManifest(() => manifest);
  await city.startController();
  expect((await city.deploy()).deployment).toMatchObject({ status: "live", fault: null });

  const authority = await testAuthority();
  const { chain, key } = await authority.certificate([host]);
  const [chainFile, keyFile] = [join(city.app, "chain.pem"), join(city.app, "key.pem")];
  await writeFile(chainFile, chain);
  await writeFile(keyFile, key.reveal(), { mode: 0o600 });
  expect((await city.fairlead("domains", "add", host, "--cert", chainFile, "--key", keyFile)).code).toBe(0);
  const ask = () => askOver({ authority, port: secure }).catch(() => "nobody");
  const asked = `203.0.113.9, 127.0.0.1 https ${host} 203.0.113.9`;
  await until(async () => (await ask()) === asked, "it is served with its own certificate, and the client is told");
  const before = await instancesOf(city, "web");

  const front = async (): Promise<Front> => {
    const filters = { label: [`fairlead.edge=${join(city.state, "edge")}`] };
    const all = await engine.json<Listed[]>("GET", "/containers/json", { query: { filters } });
    // Containers without that name only look whether its configuration is good.
    const [only] = all.filter(({ Names }) => Names[0]?.startsWith("/fl-edge-"));
    return engine.json<Front>("GET", `/containers/${only?.Id ?? "none"}/json`);
  };
  const { Id } = await front();
  const byHand: Record<string, () => Promise<unknown>> = {
    stopped: () => engine.json("POST", `/containers/${Id}/stop`, { query: { t: 1 } }),
    "taken away": async () => engine.json("DELETE", `/containers/${(await front()).Id}`, { query: { force: true } }),
    "started again": async () => engine.json("POST", `/containers/${(await front()).Id}/restart`, { query: { t: 1 } }),
  };
  for (const [what, act] of Object.entries(byHand)) {
    await act();
    await until(async () => (await ask()) === asked, `an edge that was ${what} is back`);
  }

  // A controller that comes back takes the edge that runs, and starts one that does not.
  const { Id: kept, State } = await front();
  await city.killController();
  await city.startController();
  expect(await ask()).toBe(asked);
  expect(await front()).toMatchObject({ Id: kept, State: { StartedAt: State.StartedAt } });
  await city.killController();
  await engine.json("DELETE", `/containers/${kept}`, { query: { force: true } });
  expect(await ask()).toBe("nobody");
  await city.startController();
  await until(async () => (await ask()) === asked, "the next controller brought an edge");
  expect(await instancesOf(city, "web")).toMatchObject(before.map(({ id }) => ({ id, ready: true, restarts: 0 })));
  expect((await statusOf(city)).state).toBe("serving");
});

/** A page over TLS by somebody who trusts this authority alone, behind a proxy that says who its client is. */
function askOver({ authority, port }: { authority: TestAuthority; port: number }): Promise<string> {
  const headers = { host, "x-forwarded-for": "203.0.113.9" };
  return new Promise((resolve, reject) => {
    const options = { host: "127.0.0.1", port, servername: host, ca: authority.root, headers, agent: false };
    const asked = getOver(options, (response) => {
      let body = "";
      response.setEncoding("utf8").on("data", (text: string) => {
        body += text;
      });
      response.once("end", () => resolve((response.socket as TLSSocket).authorized ? body : "not trusted"));
      response.once("error", reject);
    });
    asked.setTimeout(10_000, () => asked.destroy(new Error("no answer")));
    asked.once("error", reject);
  });
}
