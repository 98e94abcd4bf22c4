import { inProduction, type Rule, variableAt } from "../subject.ts";

/** Keys that sign sessions and tokens; keys of third-party services have the length that those chose. */
const signing =
  /^(?!.*(?:CLIENT|CONSUMER|WEBHOOK|SIGNING|API)_SECRET$)(?:.*_)?(?:SECRET_KEY|JWT_SECRET|SESSION_SECRET|SERVICE_TOKEN|INTERNAL_API_KEY|SECRET)$/;
/** Godo asks for 32 characters (R095), Beyond Stars for 64 of hexadecimal (R075). */
const shortest = 32;
/** Minimum number of different characters in a random value of this length, almost certainly, also in hexadecimal. */
const fewest = 8;

/** Kairo's second check (R120): unique and random. */
export const weakSecret: Rule = {
  id: "weak-secret",
  title: "Keys that sign sessions and tokens are long and random",
  why: "Anyone who guesses such a key can sign in as any user.",
  fix: "let Fairlead generate one with `generate: hex32`, or set one of 32 random characters or more",
  severity: inProduction,
  look: ({ values }) =>
    values.flatMap((value) => {
      if (!signing.test(value.name)) return [];
      const text = value.text.reveal();
      const message =
        text.length < shortest
          ? `is shorter than ${shortest} characters`
          : new Set(text).size < fewest
            ? "is not random"
            : null;
      return message === null ? [] : [{ at: variableAt(value), message }];
    }),
};
