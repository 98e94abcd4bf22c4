import { createContext, Script } from "node:vm";

/** Longest pattern, and longest processor time for one value and for all values of one reading. */
const limits = { characters: 200, milliseconds: 100, allMilliseconds: 1_000 } as const;

/**
 * Why a pattern of the manifest is refused, or null if it is allowed. A repeated group that contains a repetition or
 * choice can take exponential time on a value that does not match (OWASP: regular expression denial of service).
 * Backreferences and lookaround are refused too, because the form of a variable needs neither.
 */
export function patternFault(pattern: string): string | null {
  if (pattern.length > limits.characters) return `has more than ${limits.characters} characters`;
  if (!isRegExp(pattern)) return "is not a regular expression of JavaScript";
  const bare = pattern
    .replace(/\\k<|\\[1-9]/g, "\u0001")
    .replace(/\\./g, "x")
    .replace(/\[[^\]]*\]/g, "x");
  if (bare.includes("\u0001") || /\(\?<?[=!]/.test(bare))
    return "uses a backreference or lookaround – write it without";
  return repeatsARepetition(bare)
    ? "repeats a group that contains a repetition or choice – that can take forever"
    : null;
}

function isRegExp(pattern: string): boolean {
  try {
    return new RegExp(pattern, "u") instanceof RegExp;
  } catch (thrown) {
    if (thrown instanceof SyntaxError) return false;
    throw thrown;
  }
}

/** Whether a group that holds a repetition or a choice is itself repeated. Escapes and classes are `x` already. */
function repeatsARepetition(bare: string): boolean {
  const risky: boolean[] = [];
  for (let i = 0; i < bare.length; i += 1) {
    const sign = bare.charAt(i);
    if (sign === "(") risky.push(false);
    else if (sign === ")") {
      const inner = risky.pop() ?? false;
      const repeated = isRepetition(bare, i + 1);
      if (inner && repeated) return true;
      if ((inner || repeated) && risky.length > 0) risky[risky.length - 1] = true;
    } else if ((sign === "|" || (bare.charAt(i - 1) !== "(" && /[*+?{]/.test(sign))) && risky.length > 0) {
      risky[risky.length - 1] = true;
    }
  }
  return false;
}

/** `*`, `+` or `{…}`: more than once. */
function isRepetition(bare: string, at: number): boolean {
  return /^(?:[*+]|\{\d)/.test(bare.slice(at));
}

/** Matches values until its time is used up; then, and for a value that takes too long, the answer is `slow`. */
export type PatternMatcher = (pattern: string, value: string) => "yes" | "no" | "slow";

/**
 * A pattern that passes the check above can still have high polynomial cost, so the time is limited too: V8 stops a
 * running expression at the deadline, and all matches of one reading share a second. A deadline that passed while
 * another process had the processor says nothing about the expression: it is retried with twice the time.
 */
export function matcher(): PatternMatcher {
  const context = createContext(Object.create(null));
  const script = new Script('new RegExp(pattern, "u").test(value)');
  let leftMs: number = limits.allMilliseconds;
  return (pattern, value) => {
    Object.assign(context, { pattern, value });
    let usedMs = 0;
    for (let timeout: number = limits.milliseconds; leftMs > 0 && usedMs < limits.milliseconds / 2; timeout *= 2) {
      const began = processorMs();
      try {
        return script.runInContext(context, { timeout }) === true ? "yes" : "no";
      } catch (thrown) {
        if (!isTimeout(thrown)) throw thrown;
      } finally {
        usedMs += processorMs() - began;
        leftMs -= processorMs() - began;
      }
    }
    return "slow";
  };
}

/** Processor time of this thread so far. */
function processorMs(): number {
  const { user, system } = process.threadCpuUsage();
  return (user + system) / 1_000;
}

/** Not `isErrno`: the error is made in the script's own context, so it is not an instance of our `Error`. */
function isTimeout(thrown: unknown): boolean {
  const code = typeof thrown === "object" && thrown !== null && "code" in thrown ? thrown.code : null;
  return code === "ERR_SCRIPT_EXECUTION_TIMEOUT";
}
