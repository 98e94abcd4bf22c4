import { Readable } from "node:stream";
import { expect, test } from "vitest";
import { Client } from "../client/client.ts";
import { fetchTransport } from "../client/fetch.ts";
import { bodyText } from "../client/transport.ts";
import { apiOnFakes } from "../http/test-api.ts";

const rig = apiOnFakes();
const key = { app: "shop", environment: "production" };
const manifest = "version: 1\napp: shop\nservices:\n  web: { run: node web.js }\n";

/** A client that reaches the API by `fetch`, as a page does that the controller served. */
function page(): Client {
  return new Client(fetchTransport("http://localhost", async (request) => rig.api.fetch(request, { via: "socket" })));
}

test("by fetch a deployment is begun, followed to its end and read back, and a fault is a fault", async () => {
  const api = page();
  const body = { kind: "deploy", source: rig.put(manifest) } as const;
  const { deployment } = await api.call("beginDeployment", { params: key, body });
  const progress = api.progress(deployment.id);
  const first = await progress.next();
  await rig.finish(deployment.id);
  const rest = [];
  for await (const message of progress) rest.push(message);
  expect([first.value, rest.at(-1)]).toMatchObject([
    { event: "deployment", data: { deployment: { phase: "queued" } } },
    { event: "deployment", data: { deployment: { phase: "ended", status: "live" } } },
  ]);
  expect((await api.call("deployments", { params: key, query: { limit: 1 } })).items).toMatchObject([
    { id: deployment.id, status: "live" },
  ]);
  const unknown = api.call("status", { params: { app: "nobody", environment: "production" } });
  await expect(unknown).rejects.toMatchObject({ code: "app.unknown" });
});

test("by fetch an upload is sent as it comes, and a broken connection is `controller.unreachable`", async () => {
  const digest = `sha256:${"0".repeat(64)}`;
  expect(await page().hasSource(digest)).toBe(false);
  const sent = fetchTransport("http://localhost", async (request) => {
    return new Response(`${request.method} ${request.headers.get("content-type")} ${await request.text()}`);
  });
  const answer = await sent.exchange({
    method: "PUT",
    path: "/v1/x",
    headers: { "content-type": "application/x-tar" },
    body: Readable.from([Buffer.from("tar "), Buffer.from("bytes")]),
  });
  expect(await bodyText(answer)).toBe("PUT application/x-tar tar bytes");
  const gone = new Client(fetchTransport("http://127.0.0.1:1"));
  await expect(gone.call("info")).rejects.toMatchObject({ code: "controller.unreachable" });
});
