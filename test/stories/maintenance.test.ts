import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { City } from "./city.ts";
import { happenings, quick, statusOf } from "./scene.ts";

test("closed for maintenance: users get the words, a deployment goes on behind them, and then it is open again", async () => {
  await using city = await City.found();
  await city.editManifest(quick);
  await city.startController();
  await city.setVersion("1");
  expect((await city.deploy()).code).toBe(0);
  expect((await city.get("/version")).body).toBe("1");

  const closed = await city.fairlead("maintenance", "on", "--message", "Back at nine");
  expect([closed.code, closed.stdout]).toEqual([0, expect.stringContaining("closed for maintenance")]);
  const answer = await city.get("/version");
  expect([answer.status, answer.body]).toEqual([503, expect.stringContaining("Back at nine")]);
  expect((await city.fairlead("status")).stdout).toContain("maintenance closed: Back at nine");

  await city.setVersion("2");
  expect((await city.deploy()).deployment).toMatchObject({ status: "live", release: "v2" });
  expect((await city.get("/version")).status).toBe(503);
  expect(await statusOf(city)).toMatchObject({
    state: "serving",
    release: "v2",
    maintenance: { on: true, closed: true },
  });

  // The next controller finds it closed.
  await city.killController();
  expect((await city.get("/version")).status).toBe(503);
  await city.startController();
  const page = join(city.app, "closed.html");
  await writeFile(page, "<h1>Closed</h1>");
  expect((await city.fairlead("maintenance", "on", "--page", page)).code).toBe(0);
  expect((await city.fairlead("maintenance", "on", "--page", join(city.app, "nothing.html"))).code).toBe(2);
  expect((await city.fairlead("maintenance", "on", "--page", page, "--message", "both")).code).toBe(2);

  const open = await city.fairlead("maintenance", "off");
  expect([open.code, open.stdout.trim()]).toEqual([0, "beacon/production is open again."]);
  expect(await city.get("/version")).toEqual({ status: 200, body: "2" });
  const kinds = (await happenings(city)).map(({ kind }) => kind).filter((kind) => kind.startsWith("maintenance"));
  expect(kinds).toEqual(["maintenance.on", "maintenance.on", "maintenance.off"]);

  // Stopped on purpose it is nowhere, closed or not.
  expect((await city.fairlead("down", "-y")).code).toBe(0);
  expect((await city.fairlead("maintenance", "on")).stdout).toContain("serves nothing now");
  expect((await city.get("/version")).status).toBe(404);
  expect((await city.deploy()).code).toBe(0);
  expect((await city.get("/version")).status).toBe(503);
});

test("a release with a broken page is refused with its place, and what serves goes on", async () => {
  await using city = await City.found();
  await city.editManifest((text) =>
    quick(text).replace("port: 8000", "port: 8000\n      pages: { 503: errors/503.html }"),
  );
  await city.startController();
  const refused = await city.fairlead("deploy");
  expect([refused.code, refused.stderr]).toEqual([2, expect.stringMatching(/fairlead\.yml:\d+:21 .*503.*not a file/)]);
  await city.editManifest((text) => text.replace("errors/503.html", "closed.html"));
  await writeFile(join(city.app, "closed.html"), "<h1>nobody there</h1>");
  await city.setVersion("1");
  expect((await city.deploy()).code).toBe(0);
  await city.editManifest((text) => text.replace("closed.html", "errors/503.html"));
  await city.setVersion("2");
  expect((await city.fairlead("deploy")).code).toBe(2);
  expect(await city.get("/version")).toEqual({ status: 200, body: "1" });
  expect((await city.fairlead("scale", "web=0", "-y")).code).toBe(0);
  const { status, body } = await city.get("/version");
  expect([status, body.includes("<h1>")]).toEqual([503, false]);
});
