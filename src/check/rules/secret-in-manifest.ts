import { isRandom } from "../randomness.ts";
import { isPublicByDesign } from "../secret-formats.ts";
import { secretsIn } from "../secrets.ts";
import { type KnownValue, looksSecret, type Rule, type RuleFinding, type Subject, variableAt } from "../subject.ts";

/** Length from which a text under the name of a secret counts as generated. */
const shortest = 24;

/** Names of keys that some providers mean for browsers, and others for servers. */
const ambiguous = /^(?!.*(?:SECRET|PRIVATE|SIGN|ENCRYPT|MASTER|ACCESS|JWT|SESSION|COOKIE|ADMIN|APP_KEY)).*KEY$/;

/** Kairo's fifth and sixth check (R123, R124, R098) for the manifest. */
export const secretInManifest: Rule = {
  id: "secret-in-manifest",
  title: "The manifest contains no secret",
  why: "The manifest is in the repository: everyone who reads it has the secret, also after it was removed. What may be no live secret is a warning.",
  fix: "remove it, set it with `fairlead env set NAME --stdin`, and replace it at its provider",
  severity: () => "error",
  look: (subject) => subject.values.flatMap((value) => (value.from === "manifest" ? judged(subject, value) : [])),
};

function judged({ spec }: Subject, value: KnownValue): readonly RuleFinding[] {
  const text = value.text.reveal();
  const at = variableAt(value);
  // With its name, which says what a key is for.
  const found = secretsIn({ path: "", text: `${value.name}=${text}` });
  const live = found.find(({ isLive }) => isLive);
  if (live) return [{ at, message: `holds ${live.what}` }];
  const declared = spec.services.find(({ name }) => name === value.service)?.variables[value.name]?.secret ?? false;
  const isNamed = declared || (looksSecret(value.name) && !isPublicByDesign(value.name, text));
  if (isNamed && text.length >= shortest && isRandom(text)) {
    if (declared || !ambiguous.test(value.name)) return [{ at, message: "holds what looks like a real secret" }];
    return [{ at, message: "holds what may be a secret", severity: "warning" }];
  }
  return found.slice(0, 1).map(({ what }) => ({ at, message: `holds what may be ${what}`, severity: "warning" }));
}
