/** A version as numbers; missing parts are null. */
interface Version {
  readonly major: number;
  readonly minor: number | null;
  /** Whether there is a third number. */
  readonly patch: boolean;
}

/** A requested language version: exact, or a range. `where` is the file and key. */
export interface Wish {
  readonly text: string;
  readonly where: string;
}

export interface Chosen {
  /** `24`, `3.13` or an exact version: the front of an official image's tag. */
  readonly tag: string;
  readonly why: string;
  readonly warnings: readonly string[];
}

interface Line {
  /** Available versions, the preferred first. */
  readonly offered: readonly string[];
  /** Those that still get security fixes. */
  readonly maintained: readonly string[];
  readonly name: string;
  /** Whether a version is in a range, in the language's own notation. */
  readonly allows: (range: string, offered: string) => boolean;
}

/** Long-term releases of Node, the newest first. Odd ones end before a deployment does. */
const node: Line = {
  name: "Node",
  offered: ["24", "22", "20", "18", "16"],
  maintained: ["24", "22"],
  allows: (range, offered) =>
    range.split("||").some((part) => comparators(spread(part)).every((one) => meets(one, parse(offered)))),
};

export function chooseNode(wish: Wish | null): Chosen {
  return choose(
    node,
    wish && { ...wish, text: wish.text.replace(/^v(?=\d)/, "").replace(/^lts\/.*|^node$|^latest$/, "*") },
  );
}

function choose(line: Line, wish: Wish | null): Chosen {
  const [preferred = ""] = line.offered;
  if (wish === null) return { tag: preferred, why: "the default version", warnings: [] };
  const text = wish.text.trim();
  const exact = /^\d{1,3}\.\d{1,3}\.\d{1,3}$/.test(text) && text.length <= 12;
  const found = exact ? text : line.offered.find((offered) => line.allows(text, offered));
  if (found === undefined) {
    const warning = `${wish.where} asks for an unknown version of ${line.name}; using ${preferred}`;
    return { tag: preferred, why: "the requested version is unknown", warnings: [warning] };
  }
  const old = !line.maintained.some((kept) => found === kept || found.startsWith(`${kept}.`));
  const warning = `${line.name} ${found}, requested by ${wish.where}, no longer gets security fixes`;
  return { tag: found, why: `requested by ${wish.where}`, warnings: old ? [warning] : [] };
}

interface Comparator {
  readonly operator: string;
  readonly version: Version;
}

/** `^20 || >=22.1`: one side as comparators. Ranges longer than any real one count as "any version". */
function comparators(range: string): readonly Comparator[] {
  if (range.length > 200) return [];
  const found = range.replace(/(>=|<=|~=|==|!=|[<>^~=])\s+/g, "$1").split(/\s+/);
  return found.flatMap((part) => {
    const match = /^(>=|<=|~=|===?|!=|[<>^~=])?v?(\d{1,4})(?:\.(\d{1,4}|[xX*]))?(\.[\w*.-]+)?$/.exec(part);
    if (!match)
      return part === "" || /^[xX*]$/.test(part)
        ? []
        : [{ operator: "never", version: { major: 0, minor: null, patch: false } }];
    const minor = match[3] === undefined || /[xX*]/.test(match[3]) ? null : Number(match[3]);
    return [{ operator: match[1] ?? "=", version: { major: Number(match[2]), minor, patch: match[4] !== undefined } }];
  });
}

/** `18 - 22` of npm as two comparators. */
function spread(part: string): string {
  return part.replace(/^\s*(\S+) +- +(\S+)\s*$/, ">=$1 <=$2");
}

function parse(text: string): Version {
  const [major = "0", minor] = text.split(".");
  return { major: Number(major), minor: minor === undefined ? null : Number(minor), patch: false };
}

/** Whether the newest release of a line meets a comparator, so `>=22.18` takes 22. */
function meets({ operator, version }: Comparator, line: Version): boolean {
  const majors = line.major - version.major;
  if (operator === "never") return false;
  if (operator === ">=") return majors >= 0;
  if (operator === ">") return majors > 0 || (majors === 0 && version.minor !== null);
  if (operator === "<") return majors < 0 || (majors === 0 && (version.minor ?? 0) > 0);
  if (operator === "<=") return majors <= 0;
  return operator === "!=" || majors === 0;
}
