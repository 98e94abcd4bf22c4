import { inProduction, type Rule } from "../subject.ts";

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

/** Beyond Stars' and Kairo's change to a real server (R073, R139). */
export const developmentServer: Rule = {
  id: "development-server",
  title: "Services run a server that is made for production",
  why: "Development servers answer one request at a time, reload on every change, and show debuggers to strangers.",
  fix: "use gunicorn, uvicorn without --reload, or the build's own start script",
  severity: inProduction,
  look: ({ spec }) =>
    spec.services.flatMap(({ name, command }) => {
      const line = command?.join(" ") ?? "";
      const server = servers.find(([, pattern]) => pattern.test(line))?.[0];
      return server === undefined ? [] : [{ at: { path: `services.${name}.run` }, message: `runs ${server}` }];
    }),
};
