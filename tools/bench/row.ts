export type Verdict = "ok" | "over" | "not run";

/** One line of the bench: what was measured, in words and in figures, against what the design allows. */
export interface Row {
  readonly what: string;
  readonly measured: string;
  readonly budget: string;
  readonly verdict: Verdict;
  readonly figures: Readonly<Record<string, number | string>>;
}

export interface Measured {
  readonly what: string;
  readonly measured: string;
  readonly budget: string;
  readonly within: boolean;
  readonly figures: Readonly<Record<string, number | string>>;
}

export function row({ within, ...rest }: Measured): Row {
  return { ...rest, verdict: within ? "ok" : "over" };
}

/** A row that could not be measured, and why. */
export function notRun(what: string, budget: string, why: string): Row {
  return { what, measured: why, budget, verdict: "not run", figures: {} };
}

/** The value below which the share `part` (0…1) of the values lies; NaN of none. */
export function quantile(values: readonly number[], part: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? Number.NaN;
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const [low, high] = [Math.ceil(sorted.length / 2) - 1, Math.floor(sorted.length / 2)];
  return ((sorted[low] ?? Number.NaN) + (sorted[high] ?? Number.NaN)) / 2;
}

/** Figures with three digits that mean something, and no exponent. */
export function show(value: number): string {
  if (!Number.isFinite(value)) return "–";
  if (Math.abs(value) >= 100) return Math.round(value).toLocaleString("en-US");
  return String(Number(value.toPrecision(3)));
}

export function rowText({ what, measured, budget, verdict }: Row): string {
  return `${verdict.padEnd(7)}  ${what}\n           measured  ${measured}\n           budget    ${budget}`;
}
