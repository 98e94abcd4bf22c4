import type { Rule } from "../subject.ts";

/** A routed service without a probe (R127). */
export const noProbe: Rule = {
  id: "no-probe",
  title: "Services that answer HTTP have a readiness probe",
  why: "Without one, an instance counts as ready when `GET /` answers below 500, and later while its port is open.",
  fix: "add http: { ready: { path: /health } }",
  severity: (environment) => (environment === "production" ? "warning" : "note"),
  look: ({ spec }) =>
    spec.services
      .filter(({ http }) => http !== null && (http.ready === null || http.ready.status === "below 500"))
      .map(({ name }) => ({ at: { path: `services.${name}.http` }, message: "has no readiness probe" })),
};
