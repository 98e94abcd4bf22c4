import { inProduction, type Rule, variableAt } from "../subject.ts";

/** Kairo's third check (R121, R070). */
export const allowedHosts: Rule = {
  id: "allowed-hosts",
  title: "Allowed hosts are the app's own hosts",
  why: "An attacker can make an app that answers for every host name send its users links to another site.",
  fix: "list the hosts of services.<name>.http.hosts",
  severity: inProduction,
  look: ({ values }) =>
    values.flatMap((value) => {
      if (!/(?:^|_)ALLOWED_HOSTS$/.test(value.name)) return [];
      const hosts = value.text
        .reveal()
        .split(/[\s,]+/)
        .filter((host) => host !== "");
      const isLocal = (host: string) => /^(?:localhost|127\.|\[?::1)/.test(host);
      if (hosts.includes("*")) return [{ at: variableAt(value), message: "allows every host" }];
      if (hosts.length > 0 && hosts.every(isLocal)) {
        return [
          { at: variableAt(value), message: "allows only this machine, so every request from outside is refused" },
        ];
      }
      return [];
    }),
};
