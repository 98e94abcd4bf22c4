import { closeSync, constants, openSync, rmSync } from "node:fs";
import { Socket } from "node:net";
import { join } from "node:path";
import type { Duplex } from "node:stream";
import { Fault } from "../base/faults.ts";
import { runChild } from "./child.ts";
import { giveFile } from "./tree.ts";
import type { User } from "./users.ts";

/** A program's side of its standard streams, as descriptors to inherit, and the other side of each. */
export interface ProgramPipes {
  readonly theirs: readonly [number, number, number];
  readonly ours: readonly [Duplex, Duplex, Duplex];
}

const names = ["stdin", "stdout", "stderr"] as const;

/**
 * Three pipes for a program of `user`; null: of this process's user. They are real pipes, which those of a child process
 * of Node are not: a program may open its `/dev/stdin` and `/dev/stdout`. `directory`: where nobody else may write.
 * Faults: `operation.failed`.
 */
export async function makePipes(
  directory: string,
  { user, path }: { readonly user: User | null; readonly path: string },
): Promise<ProgramPipes> {
  const paths = names.map((name) => join(directory, name));
  const { code, stderr } = await runChild(["mkfifo", "-m", "600", ...paths], { env: { PATH: path } });
  if (code !== 0) throw new Fault("operation.failed", `mkfifo failed: ${stderr.trim().slice(0, 200)}`);
  try {
    const open = (name: (typeof names)[number]) => openBoth(join(directory, name), user, name === "stdin");
    const [stdin, stdout, stderr] = [open("stdin"), open("stdout"), open("stderr")];
    return { theirs: [stdin.theirs, stdout.theirs, stderr.theirs], ours: [stdin.ours, stdout.ours, stderr.ours] };
  } finally {
    for (const each of paths) rmSync(each, { force: true });
  }
}

/** Opened for both first, so that neither side waits for the other. Only ours does not block. */
function openBoth(path: string, user: User | null, isInput: boolean): { theirs: number; ours: Duplex } {
  const { O_RDWR, O_RDONLY, O_WRONLY, O_NONBLOCK } = constants;
  const both = openSync(path, O_RDWR | O_NONBLOCK);
  giveFile(both, user);
  const theirs = openSync(path, isInput ? O_RDONLY : O_WRONLY);
  const ours = openSync(path, (isInput ? O_WRONLY : O_RDONLY) | O_NONBLOCK);
  closeSync(both);
  return { theirs, ours: new Socket({ fd: ours, readable: !isInput, writable: isInput }) };
}
