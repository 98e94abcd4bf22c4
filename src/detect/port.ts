/**
 * A command with `$PORT` in place of a port that is written in it: `-p 3000`, `--port=3000`, `--bind 0.0.0.0:8000`,
 * `PORT=3000` in front. The platform chooses the port and says it in PORT, so that several instances can run on one
 * machine. Only the last of several commands serves. The address 127.0.0.1, also by default, becomes 0.0.0.0.
 */
export function portInWords(command: string): string {
  const whole = command.replace(/(^|&&\s*|;\s*)(?:export|set)\s+PORT=["']?\d{2,5}["']?\s*(?:&&|;)\s*/, "$1");
  const [before = ""] = /^.*(?:&&|;)/s.exec(whole) ?? [];
  const number = "[\"']?\\d{2,5}[\"']?(?=\\s|$)";
  const last = whole
    .slice(before.length)
    .replace(/(\s(?:-S|runserver)\s+(?:[\w.]*:)?|\bhttp\.server\s+)\d{2,5}(?=\s|$)/, "$1$PORT")
    .replace(/(^|\s)PORT=["']?\d{2,5}["']?(?=\s)\s*/, "$1")
    .replace(
      new RegExp(
        `(\\s(?:-p|-l)(?:\\s+|=)?|\\s(?:--port|--http-port|--listen|--server\\.port)(?:\\s+|=))(?:tcp://[\\w.:]+:)?${number}`,
      ),
      "$1$PORT",
    )
    .replace(new RegExp(`(\\s(?:-b|--bind|-l|--listen)(?:\\s+|=)(?:[\\w.]*|\\[[\\da-f:]+\\]):)${number}`), "$1$PORT");
  return before + onEveryAddress(last);
}

const loopback = "(?:127\\.0\\.0\\.1|localhost)";
const loopbackOption = new RegExp(
  `(\\s(?:--host|--hostname|--address|--server\\.address|-H)(?:\\s+|=))${loopback}(?=\\s|$)|(\\s(?:-b|--bind|-S|runserver)(?:\\s+|=))${loopback}(?=:)`,
);
/** Servers that listen on 127.0.0.1 unless they are told another address, by the documentation of each. */
const loopbackServer = /(^|\s)(uvicorn|json-server|flask(?:\s+--?\w\S*(?:\s+[\w.:]+)?)?\s+run)(?=\s|$)/;

/** A server in a container is reached by the container's address only. */
function onEveryAddress(command: string): string {
  const told = command.replace(loopbackOption, (_, host = "", bind = "") => `${host}${bind}0.0.0.0`);
  const names = /\s(?:-h|-H|--host|--uds|--fd)\b|(?:UVICORN|FLASK_RUN)_HOST/.test(told);
  return names ? told : told.replace(loopbackServer, (whole) => `${whole} --host 0.0.0.0`);
}

const value = "(?:(\\d{2,5})\\b|([a-zA-Z_]\\w{0,60})\\b)";
const nested = "(?:[^{}]|\\{[^{}]*\\}){0,600}?";
const options = "(?:\\.listen\\(|\\bserve\\(|\\b[hH]api\\.server\\(|\\blisten\\s*:)\\s*\\{";
/** The port of a server: a number, or a name, which a shorthand property is too. */
const listening: readonly RegExp[] = [
  new RegExp(`\\.listen\\(\\s*${value}`),
  new RegExp(`${options}${nested}\\bport\\s*:\\s*${value}`),
  new RegExp(`${options}${nested}()\\b(port)\\s*[,}]`),
  new RegExp(`\\bexport\\s+default\\s*\\{(?=${nested}\\bfetch\\b)${nested}\\bport\\s*:\\s*${value}`),
];

/** A port that the code of a server listens on whatever PORT says, or null; files are searched in their order. */
export function portInCode(texts: Iterable<string>): number | null {
  let found: number | null = null;
  for (const text of texts) {
    if (/\bPORT\b/.test(withoutOwnPort(text))) return null;
    found ??= listening.map((form) => portOf(form.exec(text), text)).find((port) => port !== null) ?? null;
  }
  return found;
}

/** The warning for a port that `portInCode` finds. */
export function listensAnyway(port: number): string {
  return `the code listens on port ${port} whatever PORT says, so plain processes cannot run it: write process.env.PORT || ${port}`;
}

/** A constant that only has the name of the variable, `const PORT = 3000`, reads nothing. */
function withoutOwnPort(text: string): string {
  return /\b(?:const|let|var)\s+PORT\s*(?::\s*number\s*)?=\s*\d{2,5}\b(?!\s*[|?])/.test(text)
    ? text.replaceAll(/(?<!\benv\s*\??\.\s*|["'`])\bPORT\b/g, "")
    : text;
}

function portOf(match: RegExpExecArray | null, text: string): number | null {
  const [, direct, named] = match ?? [];
  const set =
    named && new RegExp(`\\b(?:const|let|var)\\s+${named}\\s*(?::\\s*number\\s*)?=\\s*(\\d{2,5})\\b`).exec(text)?.[1];
  return Number(direct || set || 0) || null;
}
