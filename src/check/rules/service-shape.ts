import type { Rule } from "../subject.ts";

/** A routed service that nobody asks how it is (R127). */
export const noProbe: Rule = {
  id: "no-probe",
  title: "Services that answer HTTP have a readiness probe",
  why: "Without one an instance counts as ready when its port is open, also while it can answer only errors.",
  fix: "add http: { ready: { path: /health } }",
  severity: (environment) => (environment === "production" ? "warning" : "note"),
  look: ({ spec }) =>
    spec.services
      .filter(({ http }) => http !== null && http.ready === null)
      .map(({ name }) => ({ at: { path: `services.${name}.http` }, message: "has no readiness probe" })),
};

/** R140–R199 ask for limits; a leak in one service must not take the machine with it. */
export const unboundedMemory: Rule = {
  id: "unbounded-memory",
  title: "Every service has a memory limit",
  why: "A leak in one service takes the memory of all others, and the kernel chooses who dies.",
  fix: "add memory: 512MB, or what the service needs at most",
  severity: () => "note",
  look: ({ spec }) =>
    spec.services
      .filter(({ memoryBytes }) => memoryBytes === null)
      .map(({ name }) => ({ at: { path: `services.${name}` }, message: "has no memory limit" })),
};

/** R130: what a release command changed is not changed back by a rollback. */
export const oneWayRelease: Rule = {
  id: "one-way-release",
  title: "Releases that change a database can be gone back from",
  why: "A rollback brings back code and values, not the schema: the earlier code must be able to work with the newer one.",
  fix: "make migrations additive (expand, then contract in a later release), and say so to your team",
  severity: () => "note",
  look: ({ spec }) =>
    spec.services
      .filter(({ release }) => /migrate|upgrade|db push/.test(release?.join(" ") ?? ""))
      .map(({ name }) => ({ at: { path: `services.${name}.release` }, message: "changes the database one way" })),
};

/** Kairo's seventh check (R125). */
export const httpsOff: Rule = {
  id: "https-off",
  title: "Plain HTTP is sent to HTTPS",
  why: "Passwords and cookies over plain HTTP can be read and changed on the way.",
  fix: "take `https: both` out",
  severity: (environment) => (environment === "production" ? "warning" : "note"),
  look: ({ spec }) =>
    spec.services
      .filter(({ http }) => http?.https === "both")
      .map(({ name }) => ({ at: { path: `services.${name}.http.https` }, message: "serves plain HTTP too" })),
};
