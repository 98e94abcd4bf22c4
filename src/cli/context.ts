import { globalFlags, takesValue } from "./flags.ts";

/** The environment of the process: collected by src/main, never read here. */
export interface Invocation {
  readonly argv: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Which streams are terminals. */
  readonly tty: { readonly stdin: boolean; readonly stdout: boolean; readonly stderr: boolean };
  /** Whether it runs as root. */
  readonly root: boolean;
}

/**
 * How this run communicates with its caller. A pure function of its environment, so that it can be tested with tables.
 */
export interface ExecutionContext {
  /** stdout is one JSON value, or one per line. */
  readonly json: boolean;
  /** stderr is a terminal. */
  readonly attended: boolean;
  /** Questions can be asked. */
  readonly interactive: boolean;
  readonly yes: boolean;
  /** Progress: redrawn in place, a line per change, or none. */
  readonly progress: "live" | "lines" | "none";
  readonly verbose: boolean;
  readonly colour: { readonly stdout: boolean; readonly stderr: boolean };
  /** A browser may be opened. */
  readonly browser: boolean;
  /** Address of the controller from the environment. */
  readonly controller: {
    readonly url: string | null;
    readonly state: string | null;
    readonly token: string | null;
    /**
     * The default state directory: XDG base directories 0.8 ($XDG_STATE_HOME or ~/.local/state); for root FHS 3.0,
     * section 5.8, because root's apps run as another user, who cannot enter root's home.
     */
    readonly fallback: string;
  };
}

/** The arguments that are Fairlead's own: those before `--`, without the values of global flags. */
function ownWords(argv: readonly string[]): Set<string> {
  const end = argv.indexOf("--");
  const withValue = new Set(
    Object.values(globalFlags)
      .filter(({ spec }) => takesValue(spec))
      .flatMap(({ spec }) => spec.replace(/ <.*/, "").split(", ")),
  );
  const own = end === -1 ? argv : argv.slice(0, end);
  return new Set(own.filter((_word, i) => !withValue.has(own[i - 1] ?? "")));
}

/** Colours: --no-color, then NO_COLOR (no-color.org), then FORCE_COLOR (as Node's own), then whether it is a terminal. */
function wantsColour(own: Set<string>, env: Invocation["env"], tty: boolean): boolean {
  if (own.has("--no-color") || (env.NO_COLOR ?? "") !== "") return false;
  if (env.FORCE_COLOR !== undefined) return env.FORCE_COLOR !== "0" && env.FORCE_COLOR !== "false";
  return tty && env.TERM !== "dumb";
}

function defaultState({ env, root }: Invocation): string {
  if (root) return "/var/lib/fairlead";
  return `${env.XDG_STATE_HOME || `${env.HOME ?? ""}/.local/state`}/fairlead`;
}

/** Derives the behaviour. CI, pipes and --json mean no questions, no redrawing, no browser. */
export function executionContext(surroundings: Invocation): ExecutionContext {
  const { argv, env, tty } = surroundings;
  const own = ownWords(argv);
  const set = (name: string) => (env[name] ?? "") !== "";
  const json = own.has("--json");
  const ci = set("CI") && env.CI !== "false";
  const quiet = own.has("-q") || own.has("--quiet");
  const attended = !ci && !json && tty.stderr;
  return {
    json,
    attended,
    interactive: attended && tty.stdin && !own.has("--no-input"),
    yes: own.has("-y") || own.has("--yes"),
    progress: quiet ? "none" : attended && env.TERM !== "dumb" ? "live" : "lines",
    verbose: own.has("-v") || own.has("--verbose"),
    colour: { stdout: !json && wantsColour(own, env, tty.stdout), stderr: wantsColour(own, env, tty.stderr) },
    browser: attended && tty.stdout,
    controller: {
      url: env.FAIRLEAD_URL || null,
      state: env.FAIRLEAD_STATE || null,
      token: env.FAIRLEAD_TOKEN || null,
      fallback: defaultState(surroundings),
    },
  };
}
