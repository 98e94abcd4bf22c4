import type { Rule } from "../subject.ts";

/** Kairo's seventh check (R125). */
export const httpsOff: Rule = {
  id: "https-off",
  title: "Plain HTTP is redirected to HTTPS",
  why: "Passwords and cookies over plain HTTP can be read and changed in transit.",
  fix: "remove `https: both`",
  severity: (environment) => (environment === "production" ? "warning" : "note"),
  look: ({ spec }) =>
    spec.services
      .filter(({ http }) => http?.https === "both")
      .map(({ name }) => ({ at: { path: `services.${name}.http.https` }, message: "serves plain HTTP too" })),
};
