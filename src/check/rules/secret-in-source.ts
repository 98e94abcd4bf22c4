import { FileLines } from "../lines.ts";
import { type SecretMatch, secretsIn } from "../secrets.ts";
import { isExampleFile, type Rule, type RuleFinding, type SourceFile } from "../subject.ts";

/** A line with this comment, or the line below a comment with it, is skipped; it must include the reason. */
const excuse = /fairlead:allow secret-in-source because \S/;

/** Keys of certificates for the author's own machine, by the names that mkcert and its like give them. */
const localKey =
  /(?:^|[/._-])(?:localhost|snakeoil|self-?signed|mkcert|dev(?:elopment)?)(?:[/._-]|\+).*\.(?:pem|key)$/i;

/** Kairo's fifth and sixth check (R123, R124) for everything else in the source. */
export const secretInSource: Rule = {
  id: "secret-in-source",
  title: "The source contains no secret",
  why: "It is copied into the image and into every clone of the repository. What may be no live secret is a warning: an unknown checksum, a comment, a test, an example, a database beside the app. Keys that are public by design, like those of Firebase, are not found.",
  fix: "remove and replace it; if it is not a secret, write `fairlead:allow secret-in-source because …` on its line or above it",
  severity: () => "error",
  look: ({ files }) => files.flatMap(found),
};

function found(file: SourceFile): readonly RuleFinding[] {
  const matches = secretsIn(file);
  if (matches.length === 0) return [];
  const lines = new FileLines(file);
  // One finding a line, the certain ones first.
  const byLine = new Map<number, SecretMatch>();
  for (const match of [...matches].sort((a, b) => Number(b.isLive) - Number(a.isLive))) {
    const line = lines.number(match.at);
    if (!byLine.has(line)) byLine.set(line, match);
  }
  const isExcuse = (line: number) => excuse.test(lines.text(line));
  const isExcused = (line: number) => isExcuse(line) || (isExcuse(line - 1) && !byLine.has(line - 1));
  return [...byLine].flatMap(([line, { what, at, isLive }]) => {
    const isMadeUp = isExampleFile(file.path) || localKey.test(file.path) || lines.isCommented(at);
    if (isExcused(line) || (isMadeUp && !isLive)) return [];
    const place = { file: file.path, line };
    if (isLive && !isMadeUp) return [{ at: place, message: `holds ${what}` }];
    return [{ at: place, message: `holds what may be ${what}`, severity: "warning" as const }];
  });
}
