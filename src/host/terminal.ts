import { closeSync, constants, existsSync, openSync } from "node:fs";
import { createRequire } from "node:module";
import type { Duplex } from "node:stream";
import { ReadStream } from "node:tty";
import { fileURLToPath } from "node:url";
import { Fault } from "../base/faults.ts";
import { giveFile } from "./tree.ts";
import type { User } from "./users.ts";

/** What is used of the add-on of node-pty: openpty(3), and the ioctl TIOCSWINSZ. */
interface PtyAddon {
  open(columns: number, rows: number): { master: number; slave: number; pty: string };
  resize(master: number, columns: number, rows: number): void;
}

/** A new pseudoterminal. */
export interface PseudoTerminal {
  /** The program's side, to inherit. */
  readonly theirs: number;
  /** What is typed and what is shown. */
  readonly ours: Duplex;
  resize(columns: number, rows: number): void;
}

/**
 * Opens a pseudoterminal for a program of `user`; null: of this process's user. Only the binary packages of
 * `@lydell/node-pty` are used, which need no install script: its own `open` would read the program's side itself. Faults:
 * `operation.failed` where this system has none.
 */
export function openTerminal(columns: number, rows: number, user: User | null): PseudoTerminal {
  const addon = ptyAddon();
  const { master, slave, pty } = addon.open(columns, rows);
  // That one does not block, and whoever inherits it would share that.
  closeSync(slave);
  const ours = new ReadStream(master);
  try {
    const theirs = openSync(pty, constants.O_RDWR | constants.O_NOCTTY);
    giveFile(theirs, user);
    return { theirs, ours, resize: (width, height) => resized(addon, ours, { master, width, height }) };
  } catch (thrown) {
    ours.destroy();
    throw thrown;
  }
}

/** A terminal that is closed has no size, and its descriptor may be another file's. */
function resized(
  addon: PtyAddon,
  ours: Duplex,
  { master, width, height }: { master: number; width: number; height: number },
): void {
  if (!ours.destroyed) addon.resize(master, width, height);
}

function ptyAddon(): PtyAddon {
  const system = `${process.platform}-${process.arch}`;
  const name = `@lydell/node-pty-${system}`;
  // A build has it beside itself.
  const beside = new URL(`./pty-${system}.node`, import.meta.url);
  try {
    return createRequire(import.meta.url)(existsSync(beside) ? fileURLToPath(beside) : `${name}/pty.node`) as PtyAddon;
  } catch (cause) {
    throw new Fault("operation.failed", `the controller cannot open terminals: its package ${name} cannot be loaded`, {
      hint: "Run the command without a terminal: `fairlead run -- CMD | cat`, or install the package beside Fairlead.",
      cause,
    });
  }
}
