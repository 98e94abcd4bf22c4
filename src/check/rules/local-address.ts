import { type Rule, variableAt } from "../subject.ts";

/** The database of R072 that is a local container in development. A warning: with plain processes it can be meant. */
export const localAddress: Rule = {
  id: "local-address",
  title: "No address points to this machine by accident",
  why: "In a container, localhost is the container itself; an address that worked on a developer's machine does not work there.",
  fix: "use a reference like ${service.url}, or set the address of this environment",
  severity: () => "warning",
  look: ({ environment, values }) =>
    environment !== "production"
      ? []
      : values
          .filter(({ name }) => /(?:^|_)(?:URL|URI|HOST|ADDRESS|BROKER|BACKEND|DSN)$/.test(name))
          .filter(({ text }) => /(?:^|[/@])(?:localhost|127\.0\.0\.1|\[::1\])(?:[:/]|$)/.test(text.reveal()))
          .map((value) => ({ at: variableAt(value), message: "points to the machine or container that it runs in" })),
};
