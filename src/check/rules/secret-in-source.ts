import { secretIn } from "../secret-patterns.ts";
import type { Rule } from "../subject.ts";

/** A line with this comment is skipped; it must include the reason. */
const excuse = /fairlead:allow secret-in-source because \S/;

/** Kairo's fifth and sixth check (R123, R124) for everything else in the source. */
export const secretInSource: Rule = {
  id: "secret-in-source",
  title: "The source contains no secret",
  why: "It is copied into the image and into every clone of the repository.",
  fix: "remove and replace it; if it is not a secret, write `fairlead:allow secret-in-source because …` on its line",
  severity: () => "error",
  look: ({ files }) =>
    files.flatMap(({ path, text }) =>
      text.split("\n").flatMap((line, place) => {
        const found = line.length > 2_000 || excuse.test(line) ? null : secretIn(line);
        return found === null ? [] : [{ at: { file: path, line: place + 1 }, message: `holds ${found}` }];
      }),
    ),
};
