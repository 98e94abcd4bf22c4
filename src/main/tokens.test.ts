import { mkdtempSync, rmSync } from "node:fs";
import type { Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createAdaptorServer } from "@hono/node-server";
import { afterEach, beforeEach, expect, test } from "vitest";
import { openJournal } from "../adapters/journal/sqlite/open.ts";
import { openLogs } from "../adapters/logs/sqlite/open.ts";
import { secretsIn } from "../check/secrets.ts";
import { runLine } from "../cli/test-run.ts";
import { createApi } from "../http/api.ts";
import { openFakes } from "../testing/fakes.ts";

let fakes: Awaited<ReturnType<typeof openFakes>>;
let root: string;
let servers: Server[];
let url: string;

beforeEach(async () => {
  fakes = await openFakes({ openJournal, openLogs });
  root = mkdtempSync(join(tmpdir(), "fairlead-tokens-"));
  const api = createApi(fakes.deps);
  const bySocket = createAdaptorServer({ fetch: (request) => api.fetch(request, { via: "socket" }) }) as Server;
  const byTcp = createAdaptorServer({ fetch: (request) => api.fetch(request, { via: "tcp" }) }) as Server;
  await new Promise<void>((done) => bySocket.listen(join(root, "controller.sock"), done));
  await new Promise<void>((done) => byTcp.listen(0, "127.0.0.1", done));
  url = `http://127.0.0.1:${(byTcp.address() as AddressInfo).port}`;
  servers = [bySocket, byTcp];
});

afterEach(async () => {
  for (const server of servers) server.close().closeAllConnections();
  await fakes.close();
  rmSync(root, { recursive: true });
});

const here = (line: string) => runLine(line.split(" "), { env: { FAIRLEAD_STATE: root } });
const away = (line: string, token: string) =>
  runLine(line.split(" "), { env: { FAIRLEAD_URL: url, FAIRLEAD_TOKEN: token } });

test("a token is printed alone and once, opens the API over the network, and is revoked", async () => {
  const made = await here("tokens create ci --expires 90d");
  expect([made.code, made.stdout]).toEqual([0, expect.stringMatching(/^flt_ci_[\w-]{43}\n$/)]);
  expect(made.stderr).toMatch(/^The token ci is valid until \d{4}-\d\d-\d\d\. It is shown only now\.\n$/);
  const token = made.stdout.trim();
  expect(secretsIn({ path: "", text: `export FAIRLEAD_TOKEN=${token}` })).toEqual([
    { what: "a Fairlead token", at: 22, isLive: true },
  ]);
  const listed = await away("tokens list", token);
  expect(listed.stdout).toMatch(
    /^NAME +CREATED \(UTC\) +BY +LAST USED +EXPIRES\nci +\S+ \S+ +local +\S+ \S+ +\S+ \S+\n$/,
  );
  expect(listed.stdout).not.toContain(token.slice(-43));
  const unasked = await here("tokens revoke ci");
  expect([unasked.code, (await away("tokens list", token)).code]).toEqual([8, 0]);
  expect((await here("tokens revoke ci -y")).stdout).toBe("Revoked the token ci.\n");
  const after = await away("tokens list --verbose", token);
  expect([after.code, after.stdout]).toEqual([3, ""]);
  expect(after.stderr).toContain("the token is not this controller's");
  expect(after.stderr).not.toContain(token.slice(-43));
});

test("over the network nobody makes one, and is told where to", async () => {
  const token = (await here("tokens create ci --quiet")).stdout.trim();
  const denied = await away("tokens create mine", token);
  expect([denied.code, denied.stdout]).toEqual([3, ""]);
  expect(denied.stderr).toContain("ci may neither create nor revoke tokens");
  expect(denied.stderr).toContain("hint: Run it on the controller's machine");
});

test("for scripts there is JSON, and what is wrong is named", async () => {
  const made = JSON.parse((await here("tokens create alice --json")).stdout);
  expect(made).toMatchObject({ name: "alice", createdBy: "local", usedAt: null, expiresAt: null });
  expect(made.token).toMatch(/^flt_alice_/);
  expect(JSON.parse((await here("tokens list --json")).stdout).items).toMatchObject([
    { name: "alice", expiresAt: null, expired: false },
  ]);
  expect((await here("tokens create bob --expires 1s")).stderr).toContain("expiresInMs: must be a minute or more");
  expect((await here("tokens revoke eve -y")).stderr).toContain("`fairlead tokens list` lists them");
  expect((await here("tokens list --verbose")).stdout).toContain("never");
});
