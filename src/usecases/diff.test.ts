import { describe, expect, test } from "vitest";
import { noChecks, plainRules, type Release, type ServiceSpec, usualReleaseMs } from "../model/release.ts";
import { differences, summaryOf } from "./diff.ts";

const web: ServiceSpec = {
  name: "web",
  command: ["node", "web.js"],
  env: { RELEASE: "v1", A: "1" },
  artifact: "sha256:aaaaaaaaaaaaaaaa",
  http: null,
  replicas: 1,
  single: false,
  needs: [],
  release: null,
  releaseWithinMs: usualReleaseMs,
  checks: noChecks,
  stop: { signal: "SIGTERM", withinMs: 30_000, drainMs: 30_000 },
  memoryBytes: null,
  cpus: null,
  readOnly: false,
  settleMs: 5_000,
};

function release(services: readonly ServiceSpec[], more: Partial<Release> = {}): Release {
  return {
    key: { app: "shop", environment: "production" },
    number: 1,
    createdAt: 0,
    createdBy: "local",
    message: null,
    source: "sha256:s",
    artifacts: [],
    services,
    deploy: { watch: { forMs: 1, errors: 0.1, p95Ms: null }, canary: null, keep: 5 },
    ...{ secrets: [], allowed: [], branch: null, commit: null, protection: null },
    manifest: "",
    ...more,
  };
}

describe("differences", () => {
  const env = { ...web.env, RELEASE: "v2" };

  test.each([
    ["nothing but the release's own number", { env }, "keep", "nothing changes"],
    ["more replicas", { env, replicas: 3 }, "change", "replicas 1 → 3"],
    ["another artifact", { artifact: "sha256:bbbbbbbbbbbbbbbb" }, "replace", "artifact aaaaaaaaaaaa → bbbbbbbbbbbb"],
    ["a value and a new variable", { env: { ...env, A: "2", B: "3" } }, "replace", "variables A, +B"],
    ["another command", { command: ["node", "x.js"] }, "replace", "changed command"],
    ["replicas and a variable", { replicas: 2, env: {} }, "replace", "replicas 1 → 2; variables -A"],
  ])("with %s", (_words, change, ...[action, detail]) => {
    expect(differences(release([web]), release([{ ...web, ...change }]))).toEqual([
      { action, subject: "service web", detail },
    ]);
  });

  test("other code, the release command that may change the schema with it, and other hosts", () => {
    const http = { ...plainRules, port: 1, hosts: ["a.com"], internal: false, ready: null, alive: null };
    const old: ServiceSpec = { ...web, http, release: ["npm", "run", "migrate"] };
    const next: ServiceSpec = {
      ...old,
      artifact: "sha256:bbbbbbbbbbbbbbbb",
      http: { ...http, hosts: ["b.com"], timeoutMs: 9 },
    };
    const words = (a: Release, b: Release) =>
      differences(a, b).map(({ action, subject, detail }) => `${action} ${subject}: ${detail}`);
    expect(words(release([old], { branch: "main" }), release([next], { source: "sha256:t", branch: "fix" }))).toEqual([
      "change code: source s → t; branch main → fix",
      "replace service web: artifact aaaaaaaaaaaa → bbbbbbbbbbbb; hosts a.com → b.com; changed http.timeoutMs",
      "change schema: release command of web has other code: npm run migrate",
    ]);
    expect(words(release([old]), release([{ ...old, release: null }]))).toEqual([
      "keep service web: nothing changes",
      "change schema: release command of web npm run migrate → (none)",
    ]);
    expect(words(release([old]), release([{ ...old, releaseWithinMs: 5_400_000 }]))).toEqual([
      "keep service web: nothing changes",
      "change schema: release command of web npm run migrate → npm run migrate (within 1 h 30 min)",
    ]);
    expect(words(release([old]), release([old]))).toEqual(["keep service web: nothing changes"]);
  });

  test("what guards an environment is told when it changes or goes", () => {
    const guarded = release([web], { protection: { confirm: true, branches: ["main", "hotfix"], who: ["ci"] } });
    const detail = (before: Release, after: Release) =>
      differences(before, after).find(({ subject }) => subject === "protection")?.detail;
    expect(detail(guarded, release([web]))).toBe("confirmation, who ci, branches main hotfix → none");
    expect(
      detail(release([web]), release([web], { protection: { confirm: false, branches: ["main"], who: null } })),
    ).toBe("none → branches main");
    expect(detail(guarded, guarded)).toBeUndefined();
    expect(detail(release([web]), release([web], { protection: null }))).toBeUndefined();
  });

  test("services come and go, and the policy may change", () => {
    const after = release([{ ...web, name: "worker" }], { deploy: { ...release([]).deploy, keep: 9 } });
    expect(differences(release([web]), after).map(({ action, subject }) => `${action} ${subject}`)).toEqual([
      "destroy service web",
      "create service worker",
      "change deploy",
    ]);
  });

  test("of a value that was set before and after, the versions are told", () => {
    const withToken = (version: number): ServiceSpec => ({ ...web, env: { TOKEN: [{ secret: "TOKEN", version }] } });
    expect(differences(release([withToken(1)]), release([withToken(3)]))[0]?.detail).toBe("variables TOKEN v1 → v3");
  });

  test("a summary counts, and says compared with what", () => {
    const changes = differences(null, release([web]));
    expect(summaryOf(changes, null)).toBe("1 to create, compared with nothing deployed");
  });
});
