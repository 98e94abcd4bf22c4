/** One place where the shape is broken. Printed as `path:line check: words`. */
export interface Finding {
  readonly check: string;
  readonly path: string;
  readonly line: number;
  readonly words: string;
}
