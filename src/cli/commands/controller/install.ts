import path from "node:path";
import { Fault } from "../../../base/faults.ts";
import { waitFor } from "../../../client/events.ts";
import { defineCommand } from "../../command.ts";
import { controllerFlags, controllerWords, readControllerFlags } from "../../controller-flags.ts";
import { type FlagValues, textFlag, toggleFlag } from "../../flags.ts";
import type { Paint } from "../../paint.ts";
import { checksText } from "../../views/checks.ts";
import type { Installed, ServiceRequest, World } from "../../world.ts";

/** Where a service keeps its state (FHS 3.0, section 5.8). */
const serviceState = "/var/lib/fairlead";
const startMs = 15_000;

const installFlags = {
  ...controllerFlags,
  edge: textFlag("--edge <address>", "Address where the edge takes traffic (default 0.0.0.0:80)"),
  print: toggleFlag("--print", "Print the systemd unit and change nothing"),
  compose: toggleFlag("--compose", "Print a compose file and change nothing"),
  root: textFlag("--root <dir>", "Write below this directory and start nothing, e.g. for a machine image"),
  force: toggleFlag("--force", "Install even if a check fails, and overwrite a unit that Fairlead did not write"),
};

type Result = { readonly text: string } | (Installed & { readonly answers: boolean | null });

export default defineCommand({
  about:
    "Checks this machine as `doctor` does, writes a systemd unit for the controller, starts it and waits until it answers.\nAccepts the flags of `controller`. A second run changes nothing; with other flags it restarts the controller, and apps\nkeep running. If a check fails, nothing is changed. Put secrets like FAIRLEAD_TOKEN into /etc/fairlead.env, mode 0600.",
  flags: installFlags,
  examples: [
    ["sudo fairlead controller install", "serve port 80, state in /var/lib/fairlead"],
    ["fairlead controller install --edge 0.0.0.0:8080 --print", "show the unit first"],
    ["fairlead controller install --compose > compose.yaml", "if everything runs in containers"],
  ],
  async run({ flags, world }): Promise<Result> {
    const service = await world.host.service();
    const request = await requestOf(world, flags);
    if (flags.print) return { text: service.unit(request).trimEnd() };
    if (flags.compose) return { text: service.compose(request).trimEnd() };
    const installed = await service.install(request);
    const started = installed.change !== "refused" && request.root === null;
    return { ...installed, answers: started ? await answers(world, request.stateDirectory) : null };
  },
  view: (result, paint) => ("text" in result ? result.text : installedText(result, paint)),
  exit: (result) => ("text" in result || (result.change !== "refused" && result.answers !== false) ? 0 : 1),
});

async function requestOf(world: World, flags: FlagValues<typeof installFlags>): Promise<ServiceRequest> {
  const { globals, context, host } = world;
  if (flags.print && flags.compose) throw new Fault("usage.invalid", "use only one of --print and --compose");
  const { engine, ...given } = flags;
  // In a container there are no plain processes for apps to be.
  const written = {
    ...given,
    edge: flags.edge ?? "0.0.0.0:80",
    runtime: flags.compose ? "docker" : flags.runtime,
  } as const;
  // What the controller would refuse must not become a service that never starts.
  readControllerFlags({ ...written, engine });
  const stateDirectory = path.resolve(host.cwd, globals.state ?? context.controller.state ?? serviceState);
  return {
    stateDirectory,
    flags: controllerWords({ ...written, engine: undefined }),
    runtime: written.runtime ?? "auto",
    ...(engine !== undefined && { engine }),
    root: flags.root === undefined ? null : path.resolve(host.cwd, flags.root),
    force: flags.force,
    edgePorts: flags.root === undefined ? await edgePorts(world, stateDirectory) : [],
  };
}

/** The controller that runs there already has these ports with good reason. */
async function edgePorts(world: World, state: string): Promise<readonly number[]> {
  try {
    return [(await serviceApi(world, state).call("info")).edge.port];
  } catch (error) {
    if (error instanceof Fault) return [];
    throw error;
  }
}

function serviceApi(world: World, state: string) {
  const { url: _elsewhere, ...here } = world.globals;
  return world.withGlobals({ ...here, url: undefined, state }).api();
}

async function answers(world: World, state: string): Promise<boolean> {
  const end = world.host.now() + startMs;
  while (world.host.now() < end) {
    try {
      await serviceApi(world, state).call("info");
      return true;
    } catch (error) {
      if (!(error instanceof Fault)) throw error;
      await waitFor(100);
    }
  }
  return false;
}

function installedText({ file, change, checks, answers: up }: Exclude<Result, { text: string }>, paint: Paint): string {
  return `${checksText(checks, paint)}\n\n${wordsOf({ file, change, up })}`;
}

function wordsOf({ file, change, up }: { file: string; change: Installed["change"]; up: boolean | null }): string {
  if (change === "refused") return "Nothing was changed, because a check failed: fix it, or use --force.";
  const wrote = change === "written" ? `Wrote ${file}.` : `${file} is already up to date.`;
  if (up === null) return `${wrote} Nothing was started.`;
  return up
    ? `${wrote} The controller answers.`
    : `${wrote} The controller does not answer: see \`journalctl -u fairlead\`.`;
}
