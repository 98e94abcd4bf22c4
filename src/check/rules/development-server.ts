import { dockerfilePath, instructionsOf, stageOf } from "../dockerfile.ts";
import { type Found, inProduction, type Rule, type Subject } from "../subject.ts";

const servers: readonly (readonly [string, RegExp])[] = [
  ["Django's runserver", /\bmanage\.py runserver\b/],
  ["Flask's development server", /\bflask\b(?: -{1,2}\S+(?:[ =](?!run\b)\S+)?)* run\b/],
  ["a server with --reload", /\s--reload\b/],
  ["a script for development", /\b(?:npm|pnpm|yarn|bun)(?: run)? dev\b/],
  ["nodemon", /\bnodemon\b/],
  ["Next.js in development mode", /\bnext dev\b/],
  ["Vite's development server", /\bvite(?: dev| serve)?(?: -{1,2}\S+(?:[ =]\S+)?)*$/],
  ["PHP's built-in server", /\bphp -S\b/],
];

/** Beyond Stars' and Kairo's change to a real server (R073, R139, R041). */
export const developmentServer: Rule = {
  id: "development-server",
  title: "Services run a server that is made for production",
  why: "Development servers answer one request at a time, reload on every change, and show debuggers to strangers.",
  fix: "use gunicorn, uvicorn without --reload, or the build's own start script",
  severity: inProduction,
  look: (subject) => [
    ...subject.spec.services.flatMap(({ name, command }) =>
      found({ path: `services.${name}.run` }, command?.join(" ") ?? ""),
    ),
    ...imageFindings(subject),
  ],
};

function found(at: Found["at"], line: string): readonly Found[] {
  const server = servers.find(([, pattern]) => pattern.test(line))?.[0];
  return server === undefined ? [] : [{ at, message: `runs ${server}` }];
}

/** What the image itself runs, where a service leaves that to it. */
function imageFindings({ spec, files }: Subject): readonly Found[] {
  const { build, services } = spec;
  const file = files.find(({ path }) => path === dockerfilePath(build));
  if (!file || services.every(({ command }) => command !== null)) return [];
  const stage = stageOf(instructionsOf(file), build.target?.toLowerCase() ?? null);
  const last = (wanted: string) => stage.findLast(({ word }) => word === wanted);
  const [entrypoint, command] = [last("ENTRYPOINT"), last("CMD")];
  const line = [entrypoint, command].flatMap((one) => (one ? [lineOf(one.rest)] : [])).join(" ");
  return found({ file: file.path, line: (command ?? entrypoint)?.line ?? 1 }, line);
}

/** Both forms of a command, a list in JSON and a line for a shell, as one line. */
function lineOf(rest: string): string {
  const items = /^\[(.*)\]$/.exec(rest)?.[1];
  return items === undefined ? rest : [...items.matchAll(/"((?:[^"\\]|\\.)*)"/g)].map(([, item]) => item).join(" ");
}
