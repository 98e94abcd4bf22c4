import { Fault, isErrno } from "../base/faults.ts";
import { startChild } from "../host/child.ts";

interface Surroundings {
  readonly env: Readonly<Record<string, string>>;
  /** Whether stdin is a terminal. */
  readonly terminal: boolean;
  /** Ends the editor. */
  readonly interrupted: AbortSignal;
}

/**
 * Opens a file in $VISUAL, else $EDITOR, else vi, and waits for its end. Words after the program, as in `code --wait`, are
 * its arguments; there is no shell. It draws on stderr, since stdout is for results. Faults: `usage.invalid`.
 */
export async function runEditor(file: string, { env, terminal, interrupted }: Surroundings): Promise<void> {
  const wanted = env.VISUAL || env.EDITOR || (terminal ? "vi" : "");
  const [program, ...args] = wanted.split(" ").filter((word) => word !== "");
  if (program === undefined) throw new Fault("usage.invalid", "which editor? Set VISUAL or EDITOR");
  const child = startChild([program, ...args, file], { env, stdio: ["inherit", 2, "inherit"] });
  const end = () => child.kill("SIGTERM");
  interrupted.addEventListener("abort", end);
  try {
    const code = await new Promise((resolve, reject) => child.once("error", reject).once("exit", resolve));
    if (code !== 0) throw new Fault("usage.invalid", `${program} failed; nothing was changed`);
  } catch (thrown) {
    if (!isErrno(thrown, "ENOENT", "EACCES")) throw thrown;
    throw new Fault("usage.invalid", `${program} cannot be started; set VISUAL or EDITOR`, { cause: thrown });
  } finally {
    interrupted.removeEventListener("abort", end);
  }
}
