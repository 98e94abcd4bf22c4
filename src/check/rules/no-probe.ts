import type { Rule } from "../subject.ts";

/** A routed service without a probe (R127). */
export const noProbe: Rule = {
  id: "no-probe",
  title: "Services that answer HTTP have a readiness probe",
  why: "Without one, an instance counts as ready when its port is open, even if it answers only errors.",
  fix: "add http: { ready: { path: /health } }",
  severity: (environment) => (environment === "production" ? "warning" : "note"),
  look: ({ spec }) =>
    spec.services
      .filter(({ http }) => http !== null && http.ready === null)
      .map(({ name }) => ({ at: { path: `services.${name}.http` }, message: "has no readiness probe" })),
};
