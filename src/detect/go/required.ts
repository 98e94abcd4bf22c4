import type { VariableIdea } from "../recipe.ts";
import type { GoProgram } from "./mains.ts";

const name = "([A-Z][A-Z0-9_]{1,60})";
/** Reads that end a program which has no value: tags of caarlos0/env and envconfig, helpers, and a check behind. */
const demands = [
  new RegExp(`\\benv:"${name},(?:[\\w,]+,)?(?:required|notEmpty)\\b`, "g"),
  new RegExp(`\\benvconfig:"${name}"[^\`\\n]*\\brequired:"true"`, "g"),
  new RegExp(`\\b(?:[mM]ust|[rR]equire)\\w*[eE]nv\\w*\\(\\s*"${name}"\\s*\\)`, "g"),
  new RegExp(
    `\\b(\\w+)\\s*:?=\\s*os\\.Getenv\\("${name}"\\)\\s*\\n\\s*if\\s+\\1\\s*==\\s*""\\s*\\{\\s*\\n?\\s*(?:log\\.Fatal|panic\\(|os\\.Exit|(?:\\w+\\.)?(?:Fatal|Panic)\\w*\\()`,
    "g",
  ),
  new RegExp(
    `\\bif\\s+os\\.Getenv\\("${name}"\\)\\s*==\\s*""\\s*\\{\\s*\\n?\\s*(?:log\\.Fatal|panic\\(|os\\.Exit)`,
    "g",
  ),
];

/** What the platform sets, or what `listensBy` sets. */
const given = /^(?:HOME|PATH|TMPDIR|TZ|(?:\w+_)?(?:PORT|ADDR|ADDRESS))$/;
const secret = /KEY|SECRET|TOKEN|PASSWORD|URL$|URI$|DSN|CREDENTIAL/;

/** Variables without which these programs end at once, as far as their code says so. */
export function demandedByGo(programs: readonly GoProgram[]): readonly VariableIdea[] {
  const texts = new Set(programs.flatMap(({ code }) => [...code.values()]));
  const found = [...texts].flatMap((text) =>
    demands.flatMap((pattern) => [...text.matchAll(pattern)].map((match) => match.at(-1) ?? "")),
  );
  return [...new Set(found)]
    .filter((one) => !given.test(one))
    .slice(0, 50)
    .map((one) => ({ name: one, secret: secret.test(one), generate: null }));
}
