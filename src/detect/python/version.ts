import { explain, satisfies, validRange } from "@renovatebot/pep440";
import type { VersionWish, Wishes } from "./wishes.ts";

/** Lines of CPython, the preferred first: 3.13, since packages have wheels for it. */
const lines = ["3.13", "3.14", "3.12", "3.11", "3.10", "3.15", "3.9", "3.8"] as const;
/** Those that still get security fixes (devguide.python.org, "Status of Python versions"). */
const maintained: ReadonlySet<string> = new Set(["3.15", "3.14", "3.13", "3.12", "3.11"]);
/** No line has had as many releases. */
const newestPatch = 99;
/** Most releases that a line has had: 3.8 ended with 3.8.20, 3.9 with 3.9.25. */
const patches = Array.from({ length: 31 }, (_, i) => 30 - i);

export interface ChosenPython {
  /** `3.13` or an exact version: the front of an official image's tag. */
  readonly tag: string;
  readonly why: string;
  readonly warnings: readonly string[];
  /** Programs of a machine that will do, the preferred first. */
  readonly programs: readonly string[];
}

/**
 * The Python version for a source. Wishes are met in their order, each as far as the earlier ones leave something of
 * it. A line is taken whole if its newest release is allowed, otherwise by the newest release that is. Ranges are read
 * as PEP 440.
 */
export function choosePython({ wishes, unused }: Wishes): ChosenPython {
  const warnings = [...unused];
  const met: VersionWish[] = [];
  for (const wish of wishes) {
    const { where, text } = wish;
    if (tagsOf([...met, wish]).length > 0) met.push(wish);
    else if (tagsOf([wish]).length === 0)
      warnings.push(`${where} asks for an unknown version of Python (${text}), so it is ignored`);
    else
      warnings.push(`${where} (${text}) excludes what ${met[0]?.where} asks for (${met[0]?.text}), so it is ignored`);
  }
  const [first] = met;
  if (first === undefined) return { tag: lines[0], why: "the default version", warnings, programs: ["python3"] };
  const tags = tagsOf(met);
  const [tag = lines[0]] = tags;
  if (!maintained.has(lineOf(tag)))
    warnings.push(`Python ${tag}, requested by ${first.where}, no longer gets security fixes`);
  return { tag, why: `requested by ${first.where}`, warnings, programs: programsFor(tags) };
}

/** Any Python of a machine if none is excluded, otherwise those of the allowed lines. */
function programsFor(tags: readonly string[]): readonly string[] {
  if (lines.every((line) => tags.includes(line) || line === "3.8")) return ["python3"];
  const found = [...new Set(tags.map((tag) => `python${lineOf(tag)}`))];
  const current = found.filter((program) => maintained.has(program.slice("python".length)));
  return current.length > 0 ? current : found.slice(0, 1);
}

/** `3.12` of `3.12.4`. */
function lineOf(tag: string): string {
  return tag.split(".").slice(0, 2).join(".");
}

/** What all of the wishes allow, the preferred first. */
function tagsOf(wishes: readonly VersionWish[]): readonly string[] {
  const exact = wishes.map(exactOf).find((one) => one !== null);
  if (exact !== undefined && exact !== null) return allowed(wishes, exact) ? [exact] : [];
  const whole = lines.filter((line) => allowed(wishes, `${line}.${newestPatch}`));
  if (whole.length > 0) return whole;
  return lines.flatMap((line) => {
    const patch = patches.find((one) => allowed(wishes, `${line}.${one}`));
    return patch === undefined ? [] : [`${line}.${patch}`];
  });
}

/** A whole version, also of a line that is not known here. */
function exactOf({ ranges }: VersionWish): string | null {
  const [, exact] = (ranges.length === 1 && /^={2,3}\s*(\d[\w.]{0,20})$/.exec(ranges[0] ?? "")) || [];
  return exact !== undefined && (explain(exact)?.release.length ?? 0) === 3 ? exact : null;
}

function allowed(wishes: readonly VersionWish[], version: string): boolean {
  return wishes.every(({ ranges }) =>
    ranges.some((range) => validRange(range) && satisfies(version, range, { prereleases: true })),
  );
}
