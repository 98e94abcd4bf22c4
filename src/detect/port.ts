/**
 * A command with `$PORT` in place of a port that is written in it: `-p 3000`, `--port=3000`, `--bind 0.0.0.0:8000`,
 * `PORT=3000` in front. The platform chooses the port and says it in PORT, so that several instances can run on one
 * machine. Only the last of several commands serves.
 */
export function portInWords(command: string): string {
  const at = Math.max(command.lastIndexOf("&&") + 2, command.lastIndexOf(";") + 1, 0);
  const from = at === 1 ? 0 : at;
  const last = command
    .slice(from)
    .replace(/(^|\s)PORT=(?:\d{2,5}|["']\d{2,5}["'])(?=\s)\s*/, "$1")
    .replace(
      /(\s(?:-p|--port|--http-port|-l|--listen|--server\.port)(?:\s+|=))(?:tcp:\/\/[\w.:]+:)?\d{2,5}(?=\s|$)/,
      "$1$PORT",
    )
    .replace(/(\s(?:-b|--bind|-l|--listen)(?:\s+|=)(?:[\w.]*|\[[\da-f:]+\]):)\d{2,5}(?=\s|$)/, "$1$PORT");
  return command.slice(0, from) + last;
}
