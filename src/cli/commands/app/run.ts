import { constants } from "node:os";
import type { Readable } from "node:stream";
import { Fault } from "../../../base/faults.ts";
import type { Client } from "../../../client/client.ts";
import { waitFor } from "../../../client/events.ts";
import type { TaskView } from "../../../contract/tasks.ts";
import type { EnvKey } from "../../../model/environment.ts";
import { defineCommand, severalArguments } from "../../command.ts";
import { textFlag } from "../../flags.ts";
import { writeOutput } from "../../output.ts";
import type { World } from "../../world.ts";

export default defineCommand({
  about:
    "Runs the command as a separate task in the live release's artifact, with its environment and without a shell. stdout and\nstderr arrive byte for byte on stdout and stderr, and the exit code is the command's own. Ctrl-C kills it.\nIts stdin is empty: stdin is not passed on yet, and input or an interactive shell is refused.",
  args: { command: severalArguments("Program and arguments, after --") },
  flags: { service: textFlag("-s, --service <name>", "Service whose environment it gets; default: the first") },
  examples: [
    ["fairlead run -- node dist/migrate.js status", "a one-off command"],
    ["fairlead run -s worker -- env", "show a service's environment"],
    ["fairlead run -- sh -c 'pg_dump \"$DATABASE_URL\"' > dump.sql", "with an explicit shell"],
  ],
  async run({ args, flags, world }) {
    if (args.command.length === 0) throw new Fault("usage.invalid", "which command? Write it after --");
    const { context, host } = world;
    if (context.interactive || ("isTTY" in host.stdin && host.stdin.isTTY === true)) {
      refuseInteractive(args.command);
      return runTask(world, args.command, flags.service);
    }
    const input = watchInput(host.stdin);
    try {
      await input.settled;
      input.refuse();
      const ended = await runTask(world, args.command, flags.service);
      input.refuse();
      return ended;
    } finally {
      host.stdin.destroy();
    }
  },
  exit: ({ exit }) => exitOf(exit),
});

/** Programs that wait for a person if they get no arguments. */
const interactive = /^(?:[a-z]*sh|python[\d.]*|node|irb|php|psql|mysql|sqlite3|redis-cli|bun|deno)$/;

/** Such a program would end at once, with exit code 0. Fault: `usage.invalid`. */
function refuseInteractive([program = "", ...rest]: readonly string[]): void {
  const name = program.slice(program.lastIndexOf("/") + 1);
  if (!interactive.test(name) || rest.some((word) => !/^-[il]+$/.test(word))) return;
  throw new Fault("usage.invalid", `run does not pass a terminal yet: ${name} would end at once`, {
    hint: "Give it a command, like `fairlead run -- sh -c 'ls -l'`.",
  });
}

/** An open pipe that says nothing for so long is taken for one without input, as build services have it. */
const inputMs = 200;

/** Notices input that the command would not get. `refuse` throws `usage.invalid` if there is some. */
function watchInput(stdin: Readable) {
  let seen = false;
  const settled = new Promise<void>((resolve) => {
    const timer = setTimeout(resolve, inputMs);
    const settle = () => {
      clearTimeout(timer);
      resolve();
    };
    stdin.once("data", () => {
      seen = true;
      settle();
    });
    stdin.once("end", settle).once("error", settle);
  });
  const hint = "Put the input into a file of the source, or end the line with `< /dev/null`.";
  return {
    settled,
    refuse(): void {
      if (seen) throw new Fault("usage.invalid", "run does not pass stdin yet: the command gets no input", { hint });
    },
  };
}

async function runTask(world: World, command: readonly string[], named: string | undefined): Promise<TaskView> {
  const key = world.key();
  const service = named === undefined ? {} : { service: named };
  const { task } = await world.api().call("beginTask", { params: key, body: { command: [...command], ...service } });
  return await runToEnd(world, key, task);
}

async function runToEnd(world: World, key: EnvKey, task: TaskView): Promise<TaskView> {
  const api = world.api();
  try {
    await Promise.all((["stdout", "stderr"] as const).map((stream) => copyOutput({ world, api, key }, task, stream)));
    for (;;) {
      const now = await api.call("task", { params: { ...key, task: task.name } });
      if (now.exit !== null) return now;
      await waitFor(50, world.host.interrupted);
    }
  } finally {
    await world.api({ uninterrupted: true }).call("removeTask", { params: { ...key, task: task.name } });
  }
}

async function copyOutput(
  { world, api, key }: { world: World; api: Client; key: EnvKey },
  task: TaskView,
  stream: "stdout" | "stderr",
): Promise<void> {
  try {
    for await (const chunk of await api.bytes("taskOutput", {
      params: { ...key, task: task.name },
      query: { stream },
    })) {
      await writeOutput(world.host, stream, chunk);
    }
  } catch (error) {
    if (error instanceof Fault) throw error;
    throw new Fault("controller.unreachable", `the connection was lost while ${task.name} ran`, { cause: error });
  }
}

/** As shells report it: 128 + the signal's number, 127 for a command that could not be started (POSIX 2.8.2). */
function exitOf(exit: TaskView["exit"]): number {
  if (exit?.reason === "could-not-start") return 127;
  if (exit?.code !== null && exit?.code !== undefined) return exit.code;
  const number = constants.signals[(exit?.signal ?? "SIGKILL") as NodeJS.Signals];
  return 128 + (number ?? constants.signals.SIGKILL);
}
