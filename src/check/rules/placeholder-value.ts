import { inProduction, looksSecret, type Rule, variableAt } from "../subject.ts";

/** Placeholder words, and the placeholders of frameworks' own templates. */
const standIn =
  /^(?:dummy|fake|test|example|sample|placeholder|change[-_ ]?me|replace[-_ ]?me|todo|xxx+|your|insert|my)(?:[-_ ].*)?$|django-insecure-|<[^<>]+>|\.\.\.$|[-_](?:key|token|secret|password)[-_]here$|^(?:staging|testing|development|dev)[-_].*(?:key|token|secret)$/i;

/** KICKAI's placeholder values (R080–R082), Beyond Stars' placeholders (R072). */
export const placeholderValue: Rule = {
  id: "placeholder-value",
  title: "No secret is a placeholder",
  why: "A key copied from an example is public, or fails at the first request that needs it.",
  fix: "set the real value with `fairlead env set NAME --stdin`",
  severity: inProduction,
  look: ({ values }) =>
    values
      .filter(({ name, text }) => looksSecret(name) && standIn.test(text.reveal().trim()))
      .map((value) => ({ at: variableAt(value), message: "looks like a placeholder" })),
};
