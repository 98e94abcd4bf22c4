/** Members of a value that came from elsewhere. */
export type Members = Readonly<Record<string, unknown>>;
export type Report = (path: string, message: string) => void;

/** Node's timers take at most 2^31-1 ms. */
export const longestMs = 2 ** 31 - 1;

export function members(value: unknown): Members {
  return typeof value === "object" && value !== null ? (value as Members) : {};
}

export function list(value: unknown, most: number): readonly unknown[] | null {
  return Array.isArray(value) && value.length <= most ? value : null;
}

export function isText(value: unknown, rule: { most: number; pattern?: RegExp }): boolean {
  if (typeof value !== "string" || value.length === 0 || value.length > rule.most) return false;
  return rule.pattern === undefined || rule.pattern.test(value);
}

export function whole(value: unknown, least: number, most: number): boolean {
  return Number.isSafeInteger(value) && (value as number) >= least && (value as number) <= most;
}
