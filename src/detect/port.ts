/**
 * A command with `$PORT` in place of a port that is written in it: `-p 3000`, `--port=3000`, `--bind 0.0.0.0:8000`,
 * `PORT=3000` in front. The platform chooses the port and says it in PORT, so that several instances can run on one
 * machine. Only the last of several commands serves.
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
  return before + last;
}

/** A port that the code of a server listens on whatever PORT says, or null; files are searched in their order. */
export function portInCode(texts: Iterable<string>): number | null {
  let found: number | null = null;
  for (const text of texts) {
    if (/\bPORT\b/.test(text)) return null;
    const [, direct, named] =
      /(?:\.listen\(\s*(?:\{\s*port\s*:\s*)?|\b[hH]api\.server\(\s*\{[^}]{0,200}\bport\s*:\s*)(?:(\d{2,5})\b|([a-zA-Z_]\w{0,60})\b)/.exec(
        text,
      ) ?? [];
    const set =
      named && new RegExp(`\\b(?:const|let|var)\\s+${named}\\s*(?::\\s*number\\s*)?=\\s*(\\d{2,5})\\b`).exec(text)?.[1];
    found ??= Number(direct ?? set ?? 0) || null;
  }
  return found;
}

/** The warning for a port that `portInCode` finds. */
export function listensAnyway(port: number): string {
  return `the code listens on port ${port} whatever PORT says, so plain processes cannot run it: write process.env.PORT || ${port}`;
}
