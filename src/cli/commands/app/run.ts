import { constants } from "node:os";
import { Fault } from "../../../base/faults.ts";
import { type AttachedCommand, attachCommand } from "../../../client/attached.ts";
import type { TaskView } from "../../../contract/tasks.ts";
import { defineCommand, severalArguments } from "../../command.ts";
import { textFlag } from "../../flags.ts";
import { writeOutput } from "../../output.ts";
import type { Host, UserTerminal } from "../../world.ts";

export default defineCommand({
  about:
    "Runs the command as a separate task in the live release's artifact, with its environment and without a shell.\nstdin, stdout and stderr pass byte for byte, and the exit code is the command's own. From a terminal, the command has a\nterminal too: its size, colours and keys, Ctrl-C included. If stdin or stdout is no terminal, it has none.\nThe command ends with this one: SIGHUP, and SIGKILL five seconds later.",
  args: { command: severalArguments("Program and arguments, after --") },
  flags: { service: textFlag("-s, --service <name>", "Service whose environment it gets; default: the first") },
  examples: [
    ["fairlead run -- bash", "a shell, with the live release's code and variables"],
    ["fairlead run -- node dist/migrate.js status", "a one-off command"],
    ["fairlead run -- sh -c 'pg_dump \"$DATABASE_URL\"' > dump.sql", "with an explicit shell"],
    ["fairlead run -- sh -c 'psql \"$DATABASE_URL\"' < dump.sql", "with a file as its stdin"],
  ],
  async run({ args, flags, world }) {
    if (args.command.length === 0) throw new Fault("usage.invalid", "which command? Write it after --");
    const { host, context } = world;
    const terminal = context.json ? null : host.terminal();
    const service = flags.service === undefined ? {} : { service: flags.service };
    const command = await attachCommand({
      address: world.address(),
      key: world.key(),
      order: {
        command: [...args.command],
        ...service,
        terminal: terminal && { type: terminal.type, ...terminal.size() },
      },
      output: (stream, bytes) => writeOutput(host, stream, bytes),
      signal: host.interrupted,
    });
    try {
      return await (terminal === null ? toEnd(host, command) : onTerminal(host, terminal, command));
    } finally {
      host.stdin.destroy();
    }
  },
  exit: ({ exit }) => exitOf(exit),
});

/** What a program may have left switched on: other screen, hidden cursor, mouse, pasting in brackets, colours. */
const calmed = "\u001b[?1049l\u001b[?25h\u001b[?1000l\u001b[?1002l\u001b[?1003l\u001b[?1006l\u001b[?2004l\u001b[0m\r";

async function onTerminal(host: Host, terminal: UserTerminal, command: AttachedCommand): Promise<TaskView> {
  const restore = await terminal.takeKeys();
  terminal.onResize(() => command.resize(terminal.size()));
  // It may have changed since the command was asked for.
  command.resize(terminal.size());
  try {
    return await toEnd(host, command);
  } catch (thrown) {
    await writeOutput(host, "stdout", calmed);
    throw thrown;
  } finally {
    restore();
  }
}

/** The command may end before its input does. */
function toEnd({ stdin }: Host, command: AttachedCommand): Promise<TaskView> {
  const sent = passInput(stdin, command).then(() => command.ended);
  return Promise.race([command.ended, sent]);
}

async function passInput(stdin: Host["stdin"], command: AttachedCommand): Promise<void> {
  for await (const chunk of stdin) await command.write(Buffer.from(chunk as Uint8Array));
  command.end();
}

/** As shells report it: 128 + the signal's number, 127 for a command that could not be started (POSIX 2.8.2). */
function exitOf(exit: TaskView["exit"]): number {
  if (exit?.reason === "could-not-start") return 127;
  if (exit?.code !== null && exit?.code !== undefined) return exit.code;
  const number = constants.signals[(exit?.signal ?? "SIGKILL") as NodeJS.Signals];
  return 128 + (number ?? constants.signals.SIGKILL);
}
