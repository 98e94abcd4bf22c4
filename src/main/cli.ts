import { existsSync } from "node:fs";
import { tmpdir } from "node:os";
import { isatty } from "node:tty";
import { executionContext } from "../cli/context.ts";
import { runCli } from "../cli/run.ts";
import type { ControllerSettings, Host, MachineService, StartedController } from "../cli/world.ts";
import type { CheckView } from "../contract/controller.ts";
import { memoryVariables } from "./node-flags.ts";
import { userTerminal } from "./terminal.ts";
import { version } from "./version.ts";

/** Whether an editor has the terminal: Ctrl-C there is one of its keys. */
let hasEditor = false;

/**
 * Fires at the first SIGINT, SIGTERM or SIGHUP; a second one ends the process at once (130, as shells report SIGINT).
 */
function interruption(): AbortSignal {
  const controller = new AbortController();
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
    process.on(signal, () => {
      if (signal === "SIGINT" && hasEditor) return;
      if (controller.signal.aborted) process.exit(130);
      controller.abort();
    });
  }
  return controller.signal;
}

/** Without variables that bin/fairlead sets only for this process. */
function ownEnvironment(): Record<string, string> {
  const given = Object.entries(process.env).filter(([name]) => !Object.hasOwn(memoryVariables, name));
  return Object.fromEntries(given.flatMap(([name, value]) => (value ? [[name, value]] : [])));
}

/**
 * The controller in this process; loaded only for the two commands that need it. If it is asked to end during its
 * start, or closed, it is killed when that takes too long.
 */
async function startController(options: ControllerSettings): Promise<StartedController> {
  const { startController: start } = await import("./controller.ts");
  const { endMs, killLater } = await import("./closing.ts");
  let callOff = (): void => undefined;
  let since: number | null = null;
  const interrupted = (): void => {
    since = performance.now();
    callOff = killLater(endMs);
  };
  host.interrupted.addEventListener("abort", interrupted, { once: true });
  try {
    const { uidClaims } = await import("../host/uid-claims.ts");
    const token = process.env.FAIRLEAD_TOKEN || null;
    const running = await start({ ...options, token, env: ownEnvironment(), uidClaims });
    const close = async (): Promise<void> => {
      killLater(since === null ? endMs : endMs - (performance.now() - since));
      await running.close();
    };
    return { ...running, close };
  } finally {
    host.interrupted.removeEventListener("abort", interrupted);
    callOff();
  }
}

async function absentChecks(stateDirectory: string): Promise<readonly CheckView[]> {
  const { checksWithoutController } = await import("./service/install.ts");
  return checksWithoutController(stateDirectory, ownEnvironment());
}

async function service(): Promise<MachineService> {
  const { installService, printedCompose, printedUnit, uninstallService } = await import("./service/install.ts");
  const env = ownEnvironment();
  return {
    unit: (request) => printedUnit(request, env),
    compose: (request) => printedCompose(request, env),
    install: (request) => installService(request, env),
    uninstall: (root) => uninstallService(root, env),
  };
}

/** Opens a URL with the desktop's own program. Without one nothing happens: the URL is printed anyway. */
async function openUrl(url: string): Promise<void> {
  const { startChild } = await import("../host/child.ts");
  const program = process.platform === "darwin" ? "open" : "xdg-open";
  const child = startChild([program, url], { env: ownEnvironment(), detached: true });
  child.unref();
  await new Promise<void>((resolve) => child.once("spawn", resolve).once("error", () => resolve()));
}

async function edit(file: string): Promise<void> {
  hasEditor = true;
  try {
    const { runEditor } = await import("./editor.ts");
    await runEditor(file, { env: ownEnvironment(), terminal: isatty(0), interrupted: host.interrupted });
  } finally {
    hasEditor = false;
  }
}

const host: Host = {
  version,
  cwd: process.cwd(),
  // Getters, because opening a standard stream costs a millisecond that `--help` does not have.
  get stdin() {
    return process.stdin;
  },
  get stdout() {
    return process.stdout;
  },
  get stderr() {
    return process.stderr;
  },
  terminal: userTerminal,
  interrupted: interruption(),
  now: Date.now,
  openUrl,
  edit,
  get fleetingDirectory() {
    const candidates = [process.env.XDG_RUNTIME_DIR ?? "", "/dev/shm"];
    return candidates.find((path) => path !== "" && existsSync(path)) ?? tmpdir();
  },
  startController,
  absentChecks,
  service,
  async lacking(needs) {
    const { lackingHere } = await import("./needs.ts");
    return lackingHere(needs, process.env.PATH ?? "", process.env.HOME);
  },
};

// `fairlead logs | head` ends when head has seen enough; that is no failure.
process.stdout.on("error", (error: NodeJS.ErrnoException) => process.exit(error.code === "EPIPE" ? 0 : 1));

const argv = process.argv.slice(2);
const root = process.getuid?.() === 0;
const tty = { stdin: isatty(0), stdout: isatty(1), stderr: isatty(2) };
process.exit(await runCli(argv, executionContext({ argv, env: process.env, tty, root }), host));
