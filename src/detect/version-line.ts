import semver from "semver";

/** A requested version. */
export interface RangeWish {
  /** As it is written; `where` is the file and key. */
  readonly text: string;
  readonly where: string;
  /** The same as a range of npm's `semver`; null: it cannot be read. */
  readonly range: string | null;
}

/** The versions of a language that have official images. */
export interface VersionLine {
  readonly name: string;
  /** The preferred first. */
  readonly offered: readonly string[];
  /** Those that still get security fixes. */
  readonly maintained: readonly string[];
}

export interface ChosenVersion {
  /** `24` or an exact version: the front of an official image's tag. */
  readonly tag: string;
  /** Which versions will do, as a range of `semver`; null: nobody asked. */
  readonly range: string | null;
  readonly why: string;
  readonly warnings: readonly string[];
}

/** The version that a source asks for. Wishes after the first that can be met are only compared with it. */
export function chooseVersion(line: VersionLine, wishes: readonly RangeWish[]): ChosenVersion {
  const { name, offered, maintained } = line;
  const met = wishes.flatMap(({ range, ...wish }) => {
    const tag = range === null ? null : tagOf(line, range);
    return tag === null || range === null ? [] : [{ ...wish, range, tag }];
  });
  const unknown = wishes
    .filter((wish) => !met.some(({ where }) => where === wish.where))
    .map(({ where, text }) => `${where} asks for an unknown version of ${name} (${text}), so it is ignored`);
  const [first, ...others] = met;
  if (first === undefined) {
    return { tag: offered[0] ?? "", range: null, why: "the default version", warnings: unknown };
  }
  const { tag, where, range } = first;
  const apart = others
    .filter((other) => !semver.intersects(other.range, tag))
    .map(
      (other) => `${other.where} (${other.text}) excludes ${name} ${tag}, which ${where} asks for, so it is ignored`,
    );
  const old = !maintained.some((kept) => tag === kept || tag.startsWith(`${kept}.`));
  const warning = `${name} ${tag}, requested by ${where}, no longer gets security fixes`;
  return { tag, range, why: `requested by ${where}`, warnings: [...unknown, ...apart, ...(old ? [warning] : [])] };
}

/** The tag of the first line that can meet a range: `24`, or the version itself when it is exact. */
function tagOf({ offered }: VersionLine, range: string): string | null {
  const exact = /^\d{1,3}\.\d{1,3}\.\d{1,3}$/.exec(range)?.[0];
  return exact ?? offered.find((line) => semver.intersects(range, line)) ?? null;
}

/** A range as npm writes it; null: it is none, or longer than any real one. */
export function npmRange(text: string): string | null {
  return text.length > 200 ? null : semver.validRange(text, { loose: true });
}
