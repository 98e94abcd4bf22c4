import type { Flags, FlagValues } from "./flags.ts";
import type { Paint } from "./paint.ts";
import type { World } from "./world.ts";

/** An argument of a command, in the order of the declaration. */
export interface Argument<Value> {
  readonly summary: string;
  readonly kind: "required" | "optional" | "several";
  /** Never set: carries the type of the value. */
  readonly value?: Value;
}

export function requiredArgument(summary: string): Argument<string> {
  return { summary, kind: "required" };
}

export function optionalArgument(summary: string): Argument<string | undefined> {
  return { summary, kind: "optional" };
}

/** Any number of arguments, including none; must be the last. */
export function severalArguments(summary: string): Argument<readonly string[]> {
  return { summary, kind: "several" };
}

export type Arguments = Readonly<Record<string, Argument<unknown>>>;
export type ArgumentValues<A extends Arguments> = {
  readonly [K in keyof A]: A[K] extends Argument<infer V> ? V : never;
};

/** One command: declared, requested once, printed. The one-line summary stands in the command table. */
export interface Command<Result = unknown, A extends Arguments = Arguments, F extends Flags = Flags> {
  /** A paragraph or two for help and docs/cli.md. */
  readonly about: string;
  readonly args?: A;
  readonly flags?: F;
  /** At least two: command line and purpose. */
  readonly examples: readonly (readonly [string, string])[];
  run(call: { args: ArgumentValues<A>; flags: FlagValues<F>; world: World }): Promise<Result>;
  /** The result for people; `--json` prints it unformatted. Not called for `undefined`: it was already written. */
  view?(result: Result, paint: Paint): string;
  /** The exit code, if a result without a fault can still mean failure. */
  exit?(result: Result): number;
}

/** Declares a command; the types of arguments and flags follow from the declaration. */
export function defineCommand<
  Result,
  const A extends Arguments = Record<never, never>,
  const F extends Flags = Record<never, never>,
>(declaration: Command<Result, A, F>): Command {
  return declaration as unknown as Command;
}
