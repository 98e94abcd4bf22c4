import { expect, test } from "vitest";
import { City, until } from "./city.ts";
import { startLoad } from "./load/load.ts";
import { unhurried } from "./scene.ts";

test("nobody notices deploys, rollbacks, scaling, restarts and the controller's death", async () => {
  await using city = await City.found();
  await city.editManifest(unhurried);
  await city.startController();
  await city.setVersion("1");
  expect((await city.deploy()).deployment.status).toBe("live");

  const load = startLoad({
    url: city.edgeUrl,
    host: city.host(),
    connections: 32,
    ratePerSecond: 800,
    streams: 20,
    sockets: 20,
    uploads: 2,
  });

  await city.setVersion("2");
  expect((await city.deploy()).deployment).toMatchObject({ status: "live", release: "v2" });
  expect((await city.get("/version")).body).toBe("2");

  expect((await city.json<{ deployment: { status: string } }>("rollback")).deployment.status).toBe("live");
  expect((await city.get("/version")).body).toBe("1");

  for (const replicas of [4, 1, 2]) {
    expect((await city.fairlead("scale", `web=${replicas}`)).code).toBe(0);
    await until(async () => {
      const web = (await city.status()).services.find((service) => service.name === "web");
      return web?.instances.length === replicas && web.instances.every((instance) => instance.ready);
    }, `web has ${replicas} instances`);
  }

  expect((await city.fairlead("restart")).code).toBe(0);

  await city.killController();
  expect((await city.get("/version")).body).toBe("1");
  await city.startController();
  await city.setVersion("3");
  expect((await city.deploy()).deployment.status).toBe("live");
  expect((await city.get("/version")).body).toBe("3");

  const report = await load.stop();
  expect(report.failures).toEqual([]);
  expect(report.failed).toBe(0);
  expect(report.streams.brokenEarly).toBe(0);
  expect(report.sockets.brokenEarly).toBe(0);
  expect(report.requests).toBeGreaterThan(10_000);
  console.log(`nobody notices: ${report.failed} failed of ${report.requests} requests, p99 ${report.p99} ms`);
});
