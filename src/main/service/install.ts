import { existsSync, mkdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { Fault } from "../../base/faults.ts";
import type { Installed, ServiceRequest, Uninstalled } from "../../cli/world.ts";
import type { CheckView } from "../../contract/controller.ts";
import { runChild } from "../../host/child.ts";
import { replaceFileSync } from "../../host/files.ts";
import { engineSocket } from "../platform.ts";
import { makeStateDirectory } from "../state-directory.ts";
import { version } from "../version.ts";
import { composeText } from "./compose.ts";
import { absentChecks, machineChecks } from "./machine.ts";
import { type ServiceFacts, signature, unitName, unitText } from "./unit.ts";

type Env = Readonly<Record<string, string>>;

/** The launcher of this Fairlead: in a release it is beside `dist/`, in a checkout above `src/`. */
const launcher = import.meta.url.endsWith(".ts") ? "../../../bin/fairlead" : "../bin/fairlead";
export const program = fileURLToPath(new URL(launcher, import.meta.url));

/** The service does not see this DOCKER_HOST, so an engine that is named by it is recorded like one of --engine. */
function factsOf({ stateDirectory, flags, engine, runtime }: ServiceRequest, env: Env): ServiceFacts {
  const named = engine ?? (runtime === "process" ? undefined : env.DOCKER_HOST);
  return { program, stateDirectory, flags: named === undefined ? flags : [...flags, "--engine", named] };
}

export function printedUnit(request: ServiceRequest, env: Env): string {
  return unitText(factsOf(request, env));
}

export function printedCompose({ stateDirectory, flags, engine }: ServiceRequest, env: Env): string {
  const socket = engineSocket(engine, env);
  const engineGroup = statSync(socket, { throwIfNoEntry: false })?.gid ?? null;
  return composeText({ image: `fairlead:${version}`, stateDirectory, flags, engineSocket: socket, engineGroup });
}

function unitFile(root: string | null): string {
  return join(root ?? "/", "etc/systemd/system", unitName);
}

/**
 * Makes the controller a service of this machine and starts it. Doing it twice is doing it once; a changed unit
 * restarts the controller, and apps continue. Nothing is touched when a check fails, unless forced. With a root other
 * than the machine's, the unit is written there and nothing is started. Faults: `access.denied` for others than root,
 * `install.foreign` for a unit that somebody else wrote, `operation.failed` with systemd's own words.
 */
export async function installService(request: ServiceRequest, env: Env): Promise<Installed> {
  const { root, force, stateDirectory, edgePorts } = request;
  if (root === null) refuseUnlessRoot("install");
  const file = unitFile(root);
  const text = printedUnit(request, env);
  const before = contentOf(file);
  if (!force) refuseForeign(file, before);
  const checks = await machineChecks({
    stateDirectory,
    runtime: request.runtime,
    engineSocket: engineSocket(request.engine, env),
    edgePorts,
    program,
    starts: root === null,
  });
  const refused = !force && checks.some(({ state }) => state === "fail");
  if (refused) return { file, change: "refused", checks };
  const change = before === text ? "none" : "written";
  if (change === "written") write(file, text);
  if (root === null) await start(stateDirectory, change === "written", env);
  return { file, change, checks };
}

/** What can be seen of this machine while the controller of a state directory does not answer, with its service first. */
export async function checksWithoutController(stateDirectory: string, env: Env): Promise<readonly CheckView[]> {
  const isService = contentOf(unitFile(null))?.includes(stateDirectory) ?? false;
  return absentChecks({ stateDirectory, engineSocket: engineSocket(undefined, env), isService });
}

/** Takes the unit away, and stops the controller; apps, the edge and all state stay. Faults as of installing. */
export async function uninstallService(root: string | null, env: Env): Promise<Uninstalled> {
  if (root === null) refuseUnlessRoot("uninstall");
  const file = unitFile(root);
  const before = contentOf(file);
  if (before === null) return { file, change: "none" };
  refuseForeign(file, before);
  if (root === null) await systemctl(["disable", "--now", unitName], env);
  rmSync(file);
  if (root === null) await systemctl(["daemon-reload"], env);
  return { file, change: "removed" };
}

async function start(stateDirectory: string, changed: boolean, env: Env): Promise<void> {
  makeStateDirectory(stateDirectory);
  if (changed) await systemctl(["daemon-reload"], env);
  await systemctl(["enable", unitName], env);
  await systemctl([changed ? "restart" : "start", unitName], env);
}

function refuseUnlessRoot(verb: string): void {
  if (process.getuid?.() === 0) return;
  const hint = `As root: sudo ${program} controller ${verb}, with the same flags; --print shows the unit.`;
  throw new Fault("access.denied", "only root may change this machine's services", { hint });
}

function refuseForeign(file: string, text: string | null): void {
  if (text === null || text.startsWith(signature)) return;
  throw new Fault("install.foreign", `${file} was not written by Fairlead and is not changed`);
}

function contentOf(file: string): string | null {
  return existsSync(file) ? readFileSync(file, "utf8") : null;
}

/** Whole or not at all: systemd may read it at any time. */
function write(file: string, text: string): void {
  mkdirSync(dirname(file), { recursive: true, mode: 0o755 });
  replaceFileSync(file, text, 0o644);
}

async function systemctl(args: readonly string[], env: Env): Promise<void> {
  const { code, stderr } = await runChild(["systemctl", ...args], { env: { PATH: env.PATH ?? "/usr/bin:/bin" } });
  if (code === 0) return;
  const hint = `See \`journalctl -u ${unitName}\`.`;
  throw new Fault("operation.failed", `systemctl ${args.join(" ")}: ${stderr.trim() || `exit code ${code}`}`, { hint });
}
