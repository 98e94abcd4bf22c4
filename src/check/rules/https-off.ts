import type { Rule } from "../subject.ts";

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
