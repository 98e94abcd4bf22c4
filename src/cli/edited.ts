import { Fault } from "../base/faults.ts";
import { readDotenv, writeDotenv } from "../manifest/dotenv.ts";

/** Placeholder for a hidden value; keeps it unchanged. */
const unchanged = "[unchanged]";

/** The set values of an environment, for editing. */
export interface Editable {
  /** `shop in production`. */
  readonly title: string;
  /** Name of the file in diagnostics. */
  readonly file: string;
  /** All that is set. */
  readonly names: readonly string[];
  /** The visible values. */
  readonly shown: Readonly<Record<string, string>>;
}

/** A .env file of it, with instructions on top. */
export function editableText({ title, names, shown }: Editable): string {
  const hidden = Object.fromEntries(names.map((name) => [name, unchanged]));
  const heading = [
    `# Values set for ${title}. Save and close to apply changes; delete a line to unset its variable.`,
    `# ${unchanged} stands for a hidden value (--reveal shows it): keep it, or replace it with a new value.`,
  ];
  return `${heading.join("\n")}\n\n${writeDotenv({ ...hidden, ...shown })}`;
}

/** Name to new value, or null for one that is unset. Faults: `usage.invalid` with every line that is wrong. */
export function changesIn(text: string, { file, names, shown }: Editable): Record<string, string | null> {
  const reading = readDotenv(text);
  if (!reading.ok) throw unreadable(reading.diagnostics.map((one) => ({ ...one, file })));
  const invented = [...reading.values].filter(([name, value]) => value === unchanged && !names.includes(name));
  if (invented.length > 0) {
    throw unreadable(invented.map(([name]) => ({ path: name, message: "is not set yet – write its value" })));
  }
  const forgotten = names.filter((name) => !reading.values.has(name)).map((name) => [name, null] as const);
  const written = [...reading.values].filter(([name, value]) => value !== unchanged && value !== shown[name]);
  return Object.fromEntries([...forgotten, ...written]);
}

function unreadable(diagnostics: Fault["diagnostics"]): Fault {
  const hint = "Fix the lines listed above; nothing was changed.";
  return new Fault("usage.invalid", "the text is not a valid .env file", { diagnostics, hint });
}
