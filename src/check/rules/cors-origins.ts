import { inProduction, type Rule, variableAt } from "../subject.ts";

/** Kairo's fourth check (R122), Beyond Stars' ALLOWED_ORIGINS (R072). */
export const corsOrigins: Rule = {
  id: "cors-origins",
  title: "Allowed origins are the app's own front ends",
  why: "A page of any other origin in the list can act as a signed-in user.",
  fix: "list the https:// addresses of your front ends",
  severity: inProduction,
  look: ({ values, environment }) =>
    values.flatMap((value) => {
      if (!/(?:^|_)ORIGINS?$/.test(value.name)) return [];
      const origins = value.text.reveal().split(/[\s,]+/);
      if (origins.includes("*")) return [{ at: variableAt(value), message: "allows every page to call" }];
      const isLocal = origins.some((origin) => /^(?:https?:\/\/)?(?:localhost|127\.|\[::1\])/.test(origin));
      return isLocal && environment === "production"
        ? [{ at: variableAt(value), message: "allows pages on a developer's machine to call" }]
        : [];
    }),
};
