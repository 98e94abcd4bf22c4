import { secretIn } from "../secret-patterns.ts";
import { looksSecret, type Rule, variableAt } from "../subject.ts";

/** Kairo's fifth and sixth check (R123, R124, R098) for the manifest. */
export const secretInManifest: Rule = {
  id: "secret-in-manifest",
  title: "The manifest contains no secret",
  why: "The manifest is in the repository: everyone who reads it has the secret, also after it was removed.",
  fix: "remove it, set it with `fairlead env set NAME --stdin`, and replace it at its provider",
  severity: () => "error",
  look: ({ values, spec }) =>
    values.flatMap((value) => {
      if (value.from !== "manifest") return [];
      const found = secretIn(value.text.reveal());
      if (found !== null) return [{ at: variableAt(value), message: `holds ${found}` }];
      const service = spec.services.find(({ name }) => name === value.service);
      const declared = service?.variables[value.name]?.secret ?? false;
      return (declared || looksSecret(value.name)) && isRandom(value.text.reveal())
        ? [{ at: variableAt(value), message: "holds what looks like a real secret" }]
        : [];
    }),
};

/** Whether a text has the entropy of a generated key: 3.5 bits a character, over 24 or more without a space. */
function isRandom(text: string): boolean {
  // People write this for values that are only for their own machine.
  if (text.length < 24 || /\s|insecure|develop|example|placeholder/i.test(text)) return false;
  const counts = new Map<string, number>();
  for (const letter of text) counts.set(letter, (counts.get(letter) ?? 0) + 1);
  const entropy = [...counts.values()].reduce((sum, n) => sum - (n / text.length) * Math.log2(n / text.length), 0);
  return entropy >= 3.5;
}
