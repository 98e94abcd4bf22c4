import { isatty } from "node:tty";
import type { UserTerminal } from "../cli/world.ts";
import { startChild } from "../host/child.ts";

/** The terminal of this process; null unless both its stdin and its stdout are one. */
export function userTerminal(): UserTerminal | null {
  if (!isatty(0) || !isatty(1)) return null;
  return {
    type: process.env.TERM || "dumb",
    size: () => ({ columns: process.stdout.columns || 80, rows: process.stdout.rows || 24 }),
    async takeKeys() {
      const restore = () => process.stdin.setRawMode(false);
      process.on("exit", restore);
      process.stdin.setRawMode(true);
      await passOutput();
      return () => {
        process.off("exit", restore);
        restore();
      };
    },
    onResize: (listener) => void process.stdout.on("resize", listener),
  };
}

/**
 * Output has passed a terminal once already. Node's raw mode would still put a carriage return before each line feed
 * (libuv, uv_tty_set_mode), which moves the cursor of full-screen programs. Without stty, that remains.
 */
async function passOutput(): Promise<void> {
  const stty = startChild(["stty", "-opost"], {
    env: { PATH: process.env.PATH ?? "" },
    stdio: [0, "ignore", "ignore"],
  });
  await new Promise<unknown>((resolve) => stty.once("exit", resolve).once("error", resolve));
}
