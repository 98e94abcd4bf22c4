import { inProduction, type Rule, variableAt } from "../subject.ts";

const names = /^(?:APP_ENV|ENVIRONMENT|NODE_ENV|RAILS_ENV|FLASK_ENV|RAILWAY_ENVIRONMENT|[A-Z]+_ENVIRONMENT)$/;
const others = /^(?:dev|develop|development|test|testing|local|stage|staging)$/i;

/** The first of the eight that must change (R072), and KICKAI's (R082). */
export const developmentEnvironment: Rule = {
  id: "development-environment",
  title: "Production runs in production mode",
  why: "Frameworks choose safe defaults by this variable: error pages, caching, secure cookies, the log level.",
  fix: "set it to production in this environment",
  severity: inProduction,
  look: ({ environment, values }) =>
    environment !== "production"
      ? []
      : values
          .filter(({ name, text }) => names.test(name) && others.test(text.reveal().trim()))
          .map((value) => ({ at: variableAt(value), message: "names an environment other than production" })),
};
