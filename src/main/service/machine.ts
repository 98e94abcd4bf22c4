import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import type { CheckView } from "../../contract/controller.ts";
import { ContainerEngine, isUnreachable } from "../../host/engine.ts";
import { fail, ok, warn } from "../check.ts";
import { systemClock } from "../clock.ts";
import { diskCheck, leftEdgeCheck, memoryCheck, processesCheck } from "../doctor.ts";
import { dockerChecks, webPortsCheck } from "../doctor-docker.ts";
import { keptPlatform } from "../platform.ts";
import { unitName } from "./unit.ts";

export interface MachineQuestions {
  readonly stateDirectory: string;
  readonly runtime: "auto" | "process" | "docker";
  readonly engineSocket: string;
  /** Ports of the edge of a controller that runs already. */
  readonly edgePorts: readonly number[];
  readonly program: string;
  /** Whether the service is started on this machine. */
  readonly starts: boolean;
}

/** What a machine must have before a controller is installed on it: the rows of `doctor` that need no controller. */
export async function machineChecks(asked: MachineQuestions): Promise<CheckView[]> {
  return [
    ...(asked.starts ? [systemdCheck()] : []),
    programCheck(asked.program),
    await diskCheck(existing(asked.stateDirectory)),
    memoryCheck(),
    ...(asked.runtime === "docker" ? [] : [await processesCheck()]),
    ...(asked.runtime === "process" ? [] : await engineChecks(asked)),
    webPortsCheck(asked.edgePorts),
  ];
}

export interface AbsentQuestions {
  readonly stateDirectory: string;
  readonly engineSocket: string;
  /** Whether the controller is a service of this machine. */
  readonly isService: boolean;
}

/** Checks of a machine whose controller does not answer, without ports: its edge may hold them. */
export async function absentChecks(asked: AbsentQuestions): Promise<CheckView[]> {
  const { stateDirectory, engineSocket, isService } = asked;
  const runtime = keptPlatform(stateDirectory) ?? "auto";
  const fix = `\`systemctl status ${unitName}\` and \`journalctl -u ${unitName} -n 50\` show why it does not answer.`;
  return [
    ...(isService ? [warn("service", `the controller is ${unitName} here`, fix)] : []),
    stateCheck(stateDirectory),
    ...(await leftEdgeCheck(stateDirectory)),
    await diskCheck(existing(stateDirectory)),
    memoryCheck(),
    ...(runtime === "docker" ? [] : [await processesCheck()]),
    ...(runtime === "process" ? [] : await engineChecks({ runtime, engineSocket })),
  ];
}

function stateCheck(directory: string): CheckView {
  const name = "state";
  if (existsSync(join(directory, "journal.db"))) return ok(name, `${directory} contains a controller's state`);
  const fix = "Name the state directory with --state, or restore it from a backup if it was lost.";
  return warn(name, `${directory} does not contain a controller's state`, fix);
}

function existing(path: string): string {
  return existsSync(path) ? path : existing(dirname(path));
}

/** The place where systemd says that it is what runs the machine: sd_booted(3). */
function systemdCheck(): CheckView {
  if (existsSync("/run/systemd/system")) return ok("systemd", "runs this machine");
  const fix = "Use --compose with a Docker engine, or start `fairlead controller` with this machine's service manager.";
  return fail("systemd", "does not run this machine", fix);
}

/** A service outlives the place that it was tried in. */
function programCheck(program: string): CheckView {
  const passing = /\/(?:_npx|tmp)\//.test(program) || program.startsWith("/dev/shm/");
  if (!passing) return ok("program", program);
  return warn("program", `${program} is not installed permanently`, "Install it first: npm install --global fairlead");
}

async function engineChecks({
  runtime,
  engineSocket,
}: Pick<MachineQuestions, "runtime" | "engineSocket">): Promise<readonly CheckView[]> {
  const engine = new ContainerEngine(engineSocket);
  try {
    if (runtime === "auto") await engine.version();
    return await dockerChecks(engine, systemClock.now);
  } catch (error) {
    if (!isUnreachable(error)) throw error;
    return [ok("engine", `none answers at ${engineSocket}: apps run as plain processes`)];
  } finally {
    engine.close();
  }
}
