import { inProduction, type Rule, variableAt } from "../subject.ts";

const on = /^(?:1|true|yes|on|debug|development)$/i;

/** Kairo's and Godo's first check (R119, R089). */
export const debugOn: Rule = {
  id: "debug-on",
  title: "Debug modes are off",
  why: "Debug pages of Django, Flask, Rails and others show source code, settings and secrets to anyone who causes an error.",
  fix: "set it to false for this environment",
  severity: inProduction,
  look: ({ values }) =>
    values
      .filter(({ name, text }) => /(?:^|_)DEBUG$|^DEBUG_MODE$/.test(name) && on.test(text.reveal()))
      .map((value) => ({ at: variableAt(value), message: "switches a debug mode on" })),
};
