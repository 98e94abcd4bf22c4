import { expect, test } from "vitest";
import { City } from "./city.ts";
import { startLoad } from "./load/load.ts";

interface Twin {
  readonly fault: string;
  readonly status: "failed" | "rolled-back";
  readonly code: string;
  /** What the message must name. */
  readonly says: RegExp;
  readonly edit?: (manifest: string) => string;
}

const shortGate = (text: string) => text.replace("within: 10s", "within: 3s");

const twins: readonly Twin[] = [
  { fault: "never-ready", status: "failed", code: "gate.not-ready", says: /GET \/ready → 503/, edit: shortGate },
  { fault: "degraded", status: "failed", code: "gate.not-ready", says: /status is "degraded"/, edit: shortGate },
  { fault: "exit-at-once", status: "failed", code: "gate.crashed", says: /exited with 1 before it was ready/ },
  {
    fault: "wrong-port",
    status: "failed",
    code: "gate.wrong-port",
    says: /listens on port \d+, but it was given PORT=\d+/,
    edit: shortGate,
  },
  { fault: "crash-after-3s", status: "rolled-back", code: "watch.crashed", says: /exited with 1 after the switch/ },
  { fault: "errors-after-switch", status: "rolled-back", code: "watch.errors", says: /\d+ of \d+ requests failed/ },
  { fault: "worker-crash", status: "failed", code: "gate.crashed", says: /worker exited with/ },
];

for (const { fault, status, code, says, edit } of twins) {
  test(`a release that is ${fault} is ${status} and the old one answers`, async () => {
    await using city = await City.found();
    await city.startController();
    await city.setVersion("good");
    expect((await city.deploy()).code).toBe(0);
    const load = startLoad({
      url: city.edgeUrl,
      host: city.host(),
      connections: 8,
      ratePerSecond: 200,
      streams: 2,
      sockets: 2,
      uploads: 0,
    });
    await city.setVersion("bad");
    await city.setFault(fault);
    if (edit) await city.editManifest(edit);
    const bad = await city.fairlead("deploy");
    expect(bad.code).toBe(1);
    expect(bad.stderr).toMatch(says);
    const deployments = await city.json<{ items: readonly { status: string; fault: { code: string } }[] }>(
      "deployments",
      "list",
    );
    expect(deployments.items[0]).toMatchObject({ status, fault: { code } });
    expect((await city.get("/version")).body).toBe("good");
    expect(await city.status()).toMatchObject({ state: "serving", release: "v1" });
    const report = await load.stop();
    // What a rolled-back release answered while it was watched is its own failure; nothing else may go wrong.
    const excused = fault === "errors-after-switch" || fault === "crash-after-3s";
    if (!excused) expect(report.failures).toEqual([]);
    expect(report.streams.brokenEarly).toBe(0);
    const logs = await city.fairlead("logs", "--release", "v2", "-n", "50");
    expect(logs.stdout).not.toBe("");
  });
}

test("a process that ignores SIGTERM is killed when its time is over, and nobody notices", async () => {
  await using city = await City.found();
  await city.startController();
  await city.setFault("ignore-sigterm");
  await city.editManifest((text) => text.replaceAll("within: 5s }", "within: 1s }"));
  expect((await city.deploy()).code).toBe(0);
  const load = startLoad({
    url: city.edgeUrl,
    host: city.host(),
    connections: 8,
    ratePerSecond: 200,
    streams: 0,
    sockets: 0,
    uploads: 0,
  });
  await city.setFault("");
  await city.setVersion("2");
  expect((await city.deploy()).deployment.status).toBe("live");
  expect((await load.stop()).failures).toEqual([]);
  const { services } = await city.status();
  expect(services.flatMap((service) => service.instances).every((instance) => instance.release === "v2")).toBe(true);
});
