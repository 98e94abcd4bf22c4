import { constants } from "node:os";
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
    "Runs the command as a separate task in the live release's artifact, with its environment and without a shell. stdout and\nstderr arrive byte for byte on stdout and stderr, and the exit code is the command's own. Ctrl-C kills it.",
  args: { command: severalArguments("Program and arguments, after --") },
  flags: { service: textFlag("-s, --service <name>", "Service whose environment it gets; default: the first") },
  examples: [
    ["fairlead run -- node dist/migrate.js status", "a one-off command"],
    ["fairlead run -s worker -- env", "show a service's environment"],
    ["fairlead run -- sh -c 'pg_dump \"$DATABASE_URL\"' > dump.sql", "with an explicit shell"],
  ],
  async run({ args, flags, world }) {
    if (args.command.length === 0) throw new Fault("usage.invalid", "which command? Write it after --");
    const key = world.key();
    const service = flags.service === undefined ? {} : { service: flags.service };
    const { task } = await world
      .api()
      .call("beginTask", { params: key, body: { command: [...args.command], ...service } });
    return await runToEnd(world, key, task);
  },
  exit: ({ exit }) => exitOf(exit),
});

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
