import { inProduction, type Rule, variableAt } from "../subject.ts";

/** Kairo's fourth check (R122), Beyond Stars' ALLOWED_ORIGINS (R072). */
export const corsOrigins: Rule = {
  id: "cors-origins",
  title: "Origins that may call are the app's own front ends",
  why: "Every other origin in the list is a page that may act as a user who is signed in.",
  fix: "list the https:// addresses of your front ends",
  severity: inProduction,
  look: ({ values, environment }) =>
    values.flatMap((value) => {
      if (!/(?:^|_)ORIGINS?$/.test(value.name)) return [];
      const origins = value.text.reveal().split(/[\s,]+/);
      if (origins.includes("*")) return [{ at: variableAt(value), message: "lets every page call" }];
      const isLocal = origins.some((origin) => /^(?:https?:\/\/)?(?:localhost|127\.|\[::1\])/.test(origin));
      return isLocal && environment === "production"
        ? [{ at: variableAt(value), message: "lets pages of a developer's machine call" }]
        : [];
    }),
};
