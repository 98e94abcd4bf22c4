/** A line of two texts: in both, only in the old one, or only in the new one. */
export interface DiffLine {
  readonly mark: " " | "-" | "+";
  readonly text: string;
}

/** Lines that are compared; what is longer is shown as removed and added whole. */
const mostLines = 2_000;

/** The difference of two texts by lines, with as many lines in common as possible. */
export function lineDiff(before: string, after: string): readonly DiffLine[] {
  const [a, b] = [before.trimEnd().split("\n"), after.trimEnd().split("\n")];
  const marked = (mark: DiffLine["mark"], lines: readonly string[]) => lines.map((text): DiffLine => ({ mark, text }));
  if (a.length > mostLines || b.length > mostLines) return [...marked("-", a), ...marked("+", b)];
  const common = commonLengths(a, b);
  const lines: DiffLine[] = [];
  let [i, j] = [0, 0];
  while (i < a.length && j < b.length) {
    const isSame = a[i] === b[j];
    const isOld = !isSame && (common[i + 1]?.[j] ?? 0) >= (common[i]?.[j + 1] ?? 0);
    lines.push({ mark: isSame ? " " : isOld ? "-" : "+", text: (isSame || isOld ? a[i] : b[j]) ?? "" });
    if (isSame || isOld) i += 1;
    if (!isOld) j += 1;
  }
  return [...lines, ...marked("-", a.slice(i)), ...marked("+", b.slice(j))];
}

/** `[i][j]`: how many lines the texts have in common from lines i and j on. */
function commonLengths(a: readonly string[], b: readonly string[]): readonly (readonly number[])[] {
  const rows: number[][] = [new Array(b.length + 1).fill(0)];
  for (const line of [...a].reverse()) {
    const below = rows[0] ?? [];
    const row = [0];
    for (let j = b.length - 1; j >= 0; j -= 1)
      row.unshift(line === b[j] ? 1 + (below[j + 1] ?? 0) : Math.max(below[j] ?? 0, row[0] ?? 0));
    rows.unshift(row);
  }
  return rows;
}
