import { type StartCommand, startCommands } from "../started.ts";
import type { Rule, RuleFinding } from "../subject.ts";

/** Options that name a port in every program; and those of programs whose short option means it. */
const options: readonly RegExp[] = [
  /(?:^|\s)(?:--(?:server[.-])?port|--http-port|-Dserver\.port)[ =](\d{2,5})(?=\s|$)/,
  /(?:^|\s)(?:-b|--bind|--listen|-l)[ =]?(?:tcp:\/\/)?(?:[\w.]*|\[[\da-f:]*\]|\*):(\d{2,5})(?=\s|$)/,
  /\b(?:next|serve|rails|puma|flask|daphne|http-server|rackup|thin|vite|astro)\b.*?\s(?:-p|-l)[ =]?(\d{2,5})(?=\s|$)/,
  /\bphp -S [\w.]+:(\d{2,5})\b/,
  /\bmanage\.py runserver (?:[\w.]+:)?(\d{2,5})\b/,
  /\bhttp\.server (\d{2,5})\b/,
  /(?:^|\s)PORT=(\d{2,5})(?=\s|$)/,
];

/** A port in a command that is not the one that gets the traffic (X024, X025). */
export const fixedPort: Rule = {
  id: "fixed-port",
  title: "Services listen on the port in PORT",
  why: "Traffic goes to `http.port` of a container, and each plain process gets a port of its own; both are in PORT. A service that listens elsewhere never becomes ready; `deploy` says after 2 seconds on which port it listens.",
  fix: "write $PORT where the command has a port (in a shell: `sh -c 'exec … --port $PORT'`), or set `http: { port: … }` for containers",
  severity: () => "warning",
  look: (subject) => startCommands(subject).flatMap(found),
};

function found({ words, at, ports }: StartCommand): readonly RuleFinding[] {
  const line = words.join(" ").slice(0, 4_000);
  const [text] = options.flatMap((option) => option.exec(line)?.[1] ?? []);
  if (text === undefined || ports.length === 0 || /\$\{?PORT\b/.test(line)) return [];
  const port = Number(text);
  if (ports.includes(port))
    return [{ at, message: `listens on port ${port} always, which works in containers only`, severity: "note" }];
  return [{ at, message: `listens on port ${port}, but its requests go to port ${ports.join(" and ")}` }];
}
