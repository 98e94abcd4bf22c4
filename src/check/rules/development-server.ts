import { type StartCommand, startCommands } from "../started.ts";
import { inProduction, type Rule, type RuleFinding } from "../subject.ts";

/** A pattern of a command line, or a function if an expression could take forever. */
type Sign = RegExp | ((line: string) => boolean);

const servers: readonly (readonly [string, Sign])[] = [
  ["Django's runserver", /\bmanage\.py runserver\b/],
  ["Flask's development server", (line) => after(line, /\bflask$/).some((words) => firstBare(words, "run") === "run")],
  ["a server with --reload", /\s--reload\b/],
  ["a script for development", /\b(?:npm|pnpm|yarn|bun)(?: run)? dev\b/],
  ["nodemon", /\bnodemon\b/],
  ["Next.js in development mode", /\bnext dev\b/],
  ["Vite's development server", (line) => after(line, /\bvite$/).some((words) => isViteServer(words))],
  ["PHP's built-in server", /\bphp -S\b|\bartisan serve\b/],
  [
    "a development server",
    /\b(?:react-scripts start|ng serve|(?:astro|nuxt|nuxi|remix|fastapi|vinxi) dev|gatsby develop)\b/,
  ],
  ["a development server", /\b(?:vue-cli-service serve|webpack(?:-dev-server\b| serve\b)|hugo server|jekyll serve)/],
  ["a program that restarts on every change", /\bnode\s+--watch\b|\b(?:tsx watch|ts-node-dev|cargo watch)\b/],
];

/** Number of characters of a command line that are checked. */
const longestLine = 4_000;

/** Beyond Stars' and Kairo's change to a real server (R073, R139, R041). */
export const developmentServer: Rule = {
  id: "development-server",
  title: "Services run a production server",
  why: "Development servers answer one request at a time, reload on every change, and expose debuggers.",
  fix: "use gunicorn, uvicorn without --reload, or the build's own start script",
  severity: inProduction,
  look: (subject) => startCommands(subject).flatMap(found),
};

/** The words that follow each word with such an end; only the beginning of a long command line is checked. */
function after(line: string, end: RegExp): readonly (readonly string[])[] {
  const words = line.slice(0, longestLine).split(" ");
  return words.flatMap((word, place) => (end.test(word) ? [words.slice(place + 1)] : []));
}

/** The first word that is neither an option nor, unless it is the one searched for, the value of one. */
function firstBare(words: readonly string[], wanted: string): string | null {
  for (let place = 0; place < words.length; place += 1) {
    const word = words[place] ?? "";
    if (!/^--?\S/.test(word)) return word;
    const next = words[place + 1] ?? "-";
    if (!word.includes("=") && !next.startsWith("-") && next !== wanted) place += 1;
  }
  return null;
}

/** Without a word that names another of its commands, like `build`. */
function isViteServer(words: readonly string[]): boolean {
  const rest = ["dev", "serve"].includes(words[0] ?? "") ? words.slice(1) : words;
  return firstBare(rest, "") === null;
}

/** Vite: "it is not meant as a production server". */
const preview = /\b(?:vite|astro|nuxi|nuxt) preview\b/;

function found({ at, words, isScript }: StartCommand): readonly RuleFinding[] {
  const line = words.join(" ");
  const server = servers.find(([, sign]) => (typeof sign === "function" ? sign(line) : sign.test(line)))?.[0];
  // A script is often also for development, and a preview serves, so these are no reason to refuse.
  const weaker = isScript || server === undefined ? { severity: "warning" as const } : {};
  const what = server ?? (preview.test(line) ? "a server for previews of a build" : null);
  return what === null ? [] : [{ at, message: `runs ${what}`, ...weaker }];
}
