import { once } from "node:events";
import { appendFileSync } from "node:fs";
import path from "node:path";
import { Fault } from "../../../base/faults.ts";
import { defineCommand, optionalArgument } from "../../command.ts";
import { failureText } from "../../failure.ts";
import { textFlag } from "../../flags.ts";
import { type DeploymentResult, deploymentExit, deploymentText, followToEnd } from "../../follow.ts";
import { followLines, logLine } from "../../logs.ts";
import { confirmNewEnvironment, createFlag } from "../../new-environment.ts";
import { paintFor } from "../../paint.ts";
import { projectStateName, readAddress } from "../../place.ts";
import { platformFlags, platformOf } from "../../platform.ts";
import { projectManifest, sourceAndKey } from "../../project.ts";
import { refuseUnreadySource } from "../../readiness.ts";
import { stopAndWait } from "../../stop.ts";
import { servingUnchanged } from "../../unchanged.ts";
import type { ControllerSettings, StartedController, World } from "../../world.ts";

export default defineCommand({
  about:
    "All of Fairlead in one command: starts a controller in this process if none answers, with its state in .fairlead/\nbeside the manifest, deploys, prints the URLs and follows the logs. Ctrl-C stops everything it started; a second Ctrl-C\ndoes not wait.",
  args: { dir: optionalArgument("Directory with fairlead.yml; default: this one or a parent") },
  flags: {
    edge: textFlag(
      "--edge <address>",
      "Address where a controller started here takes traffic (default 127.0.0.1:8080)",
    ),
    ...platformFlags,
    create: createFlag,
  },
  examples: [
    ["fairlead up", "run the app of this directory"],
    ["fairlead up ./shop -e staging --edge 127.0.0.1:9000", "another directory, environment and address"],
  ],
  async run({ args, flags, world }) {
    const here = inProject(world, args.dir);
    const edge = readAddress("--edge", flags.edge ?? "127.0.0.1:8080");
    // For development: what is edited here runs here, without an image in between.
    const options = { edge, runtime: "process", ...platformOf(flags) } as const;
    const started = await startUnlessRunning(here, args.dir, options);
    try {
      const asked = { directory: args.dir, create: flags.create, started: started !== null };
      const result = await deployHere(here, asked).catch((error) => stay(here, started, error));
      if (result.deployment.status !== "live") return result;
      await here.print(
        here.context.json ? JSON.stringify(result) : deploymentText(result, paintFor(here.context.colour.stdout)),
      );
      await followLogs(here, result);
    } finally {
      if (started) await stopAll(here, started);
    }
  },
  view: deploymentText,
  exit: deploymentExit,
});

/** The same world, with the controller of the project when nothing names another one. */
function inProject(world: World, directory: string | undefined): World {
  const { globals, context } = world;
  const named = globals.url ?? globals.state ?? context.controller.url ?? context.controller.state;
  if (named !== null && named !== undefined) return world;
  const state = path.join(path.dirname(projectManifest(world, directory).file), projectStateName);
  return world.withGlobals({ ...globals, state });
}

/**
 * Values are set on a controller, so the one that was started here stays for a person who has to set some. Throws what
 * was wrong, then or at once.
 */
async function stay({ host, context, say }: World, started: StartedController | null, error: unknown): Promise<never> {
  if (started && context.interactive && error instanceof Fault && error.code === "manifest.invalid") {
    say(failureText(error, paintFor(context.colour.stderr), false));
    say("The controller keeps running. Fix it in another terminal, then `fairlead deploy`; Ctrl-C here stops it.");
    if (!host.interrupted.aborted) await once(host.interrupted, "abort");
  }
  throw error;
}

type StartOptions = Pick<ControllerSettings, "edge" | "runtime" | "engine" | "proxy" | "proxyImage">;

async function startUnlessRunning(
  world: World,
  directory: string | undefined,
  options: StartOptions,
): Promise<StartedController | null> {
  const { host, globals, context } = world;
  try {
    await world.api({ directory }).call("info");
    return null;
  } catch (error) {
    const nobody = error instanceof Fault && error.code === "controller.unreachable";
    const stateDirectory = globals.state ?? context.controller.state;
    if (!nobody || globals.url !== undefined || stateDirectory === null) throw error;
    return await startHere(world, path.resolve(host.cwd, stateDirectory), options);
  }
}

/** Its log goes to a file beside its state: the terminal is for the app's own. */
async function startHere(world: World, state: string, options: StartOptions): Promise<StartedController> {
  const log = path.join(state, "controller.log");
  world.say(world.paint.dim(`no controller answers; starting one, log: ${log}`));
  const onLog = (line: string) => appendFileSync(log, line, { mode: 0o600 });
  const running = await world.host.startController({ stateDirectory: state, listen: null, ...options, onLog });
  for (const warning of running.warnings) world.say(`${world.paint.yellow("warning:")} ${warning}`);
  return running;
}

interface Wanted {
  readonly directory: string | undefined;
  readonly create: boolean;
  /** Whether this process has the controller. */
  readonly started: boolean;
}

async function deployHere(world: World, { directory, create, started }: Wanted): Promise<DeploymentResult> {
  refuseUnreadySource(world, directory, { allowed: [] });
  const { api, key, sourced } = await sourceAndKey(world, directory);
  await confirmNewEnvironment(world, api, { ...key, create, directory });
  const serving = await servingUnchanged(api, key, { source: sourced.source });
  if (serving) return serving;
  const { deployment } = await api.call("beginDeployment", { params: key, body: { kind: "deploy", ...sourced } });
  return followToEnd({ world, api }, deployment, { endsWithUs: started });
}

/** Prints log lines until Ctrl-C, which is how this command ends. */
async function followLogs(world: World, { deployment }: DeploymentResult): Promise<void> {
  const { host, context } = world;
  const how = { key: deployment, json: context.json, timestamps: false, prefix: true, colour: context.colour.stdout };
  const query = { since: deployment.createdAt, tail: 1_000 };
  try {
    for await (const { lines } of followLines(world.api(), deployment, { query })) {
      if (lines.length > 0) await world.print(lines.map((line) => logLine(line, how)).join("\n"));
    }
  } catch (error) {
    if (!host.interrupted.aborted) throw error;
  }
}

/** Stops every environment of the controller that was started here, then the controller itself with its edge. */
async function stopAll(world: World, controller: StartedController): Promise<void> {
  world.say("\nStopping; press Ctrl-C again to exit at once and leave the rest running.");
  const api = world.api({ uninterrupted: true, confirmed: true });
  try {
    const { items } = await api.call("environments");
    await Promise.all(items.filter(({ state }) => state !== "stopped").map((one) => stopAndWait(world, api, one)));
  } finally {
    await controller.closeWithEdge();
  }
  world.say("Stopped; releases and variables are kept.");
}
