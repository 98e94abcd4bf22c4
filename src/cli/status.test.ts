import { expect, test } from "vitest";
import type { InstanceView, StatusView } from "../contract/environments.ts";
import { paintFor } from "./paint.ts";
import { statusText } from "./views/status.ts";

function service(name: string, state: InstanceView["state"]): StatusView["services"][number] {
  const seen = {
    url: null,
    startedAt: "2026-01-01T00:00:00Z",
    restarts: 4,
    memoryBytes: null,
    cpuMs: null,
    gate: null,
    written: [],
  };
  const instance = { id: `fl-${name}`, release: "v1", artifact: "sha256:0", state, ready: state === "ready", ...seen };
  return { name, desired: 1, single: false, instances: [instance] };
}

const well = { answers: true, since: "2026-01-01T00:00:00.000Z", detail: null };

function textOf(
  services: StatusView["services"],
  edge: StatusView["edge"] = well,
  { logs = { behindSince: null, detail: null }, stateLoss = null, ...more }: Partial<StatusView> = {},
): string {
  const status: StatusView = {
    app: "shop",
    environment: "production",
    state: "degraded",
    release: "v1",
    code: { branch: "main", commit: { id: "a1b2c3d4e5", dirty: true } },
    deployment: null,
    queue: [],
    services,
    urls: [],
    edge,
    logs,
    stateLoss,
    maintenance: { on: false, closed: false, message: null, page: false },
    preview: null,
    protected: null,
    staged: null,
    jobs: [],
    data: [],
    ...more,
  };
  return statusText(status, paintFor(false));
}

test("status says where the words of services are that do not get up, and of those alone", () => {
  const ailing = [service("web", "ready"), service("worker", "backing-off"), service("clock", "crashed")];
  expect(textOf(ailing)).toMatch(/\n\n-> next: fairlead logs worker clock -n 20 -e production -a shop$/);
  expect(textOf([service("web", "ready")])).not.toContain("next");
});

test("status of an environment whose first deployment failed says what failed, when, and what to do", () => {
  const fault = { code: "gate.crashed", detail: "web exits with 1", hint: "" };
  const failed = { id: "dep_1", kind: "deploy", release: "v1", status: "failed", phase: "ended", fault } as const;
  const deployment = { ...failed, endedAt: "2026-01-02T03:04:05.000Z" } as unknown as StatusView["deployment"];
  expect(textOf([], well, { state: "empty", release: null, code: null, deployment })).toBe(
    `shop/production  no release  empty
deploy v1 failed 2026-01-02 03:04:05 UTC: web exits with 1  dep_1

-> next: fairlead logs --release v1 -e production -a shop; then fix it and \`fairlead deploy\``,
  );
});

test("status says from which branch and commit the code is that serves", () => {
  expect(textOf([service("web", "ready")])).toMatch(/^shop\/production {2}v1 {2}degraded {2}main a1b2c3d-dirty\n/);
});

test("status says since when lines of logs cannot be stored, and why", () => {
  const logs = { behindSince: "2026-01-02T03:04:05.000Z", detail: "no space is left on the disk" };
  const text = textOf([service("web", "ready")], well, { logs });
  expect(text).toContain("logs are behind since 2026-01-02 03:04:05 UTC (no space is left on the disk)");
  expect(textOf([service("web", "ready")])).not.toMatch(/logs are/);
});

test("status says which files of the state directory were taken away", () => {
  const stateLoss = "in /state journal.db is missing while the controller runs; apps keep running";
  expect(textOf([service("web", "ready")], well, { stateLoss })).toContain(`state ${stateLoss}; \`fairlead doctor\``);
  expect(textOf([service("web", "ready")])).not.toMatch(/^state/m);
});

test("status of a controller that was started before an upgrade, and knows nothing of lost files", () => {
  const before = { app: "shop", environment: "production", state: "serving", release: "v1", deployment: null };
  const rest = {
    logs: { behindSince: null, detail: null },
    maintenance: { on: false, closed: false },
    protected: null,
  };
  const status = { ...before, ...rest, edge: well, queue: [], services: [], urls: [], preview: null, staged: null };
  expect(statusText({ ...status, jobs: [], data: [] } as unknown as StatusView, paintFor(false))).not.toContain(
    "state ",
  );
});

test("status says since when the edge answers nobody, and what happens next; of one that answers nothing", () => {
  const away = { answers: false, since: "2026-01-02T03:04:05.000Z", detail: "the edge at 0.0.0.0:80 does not answer" };
  const text = textOf([service("web", "ready")], away);
  expect(text).toContain("the edge at 0.0.0.0:80 does not answer since 2026-01-02 03:04:05 UTC");
  expect(text).toContain("fairlead doctor");
  expect(textOf([service("web", "ready")])).not.toMatch(/edge/);
});
