/** A variable that Fairlead gives to processes beside those of the manifest and those that are set. */
export interface PlatformVariable {
  readonly name: string;
  readonly means: string;
  /** `fixed`: a manifest that declares it is refused. `default`: what a manifest declares wins. */
  readonly kind: "fixed" | "default";
  /** Who gets it: every process, instances that have `http`, or plain processes only: images bring their own. */
  readonly of: "all" | "http" | "plain processes";
  /** What an app loses that replaces a default; omitted: nothing that surprises. */
  readonly loss?: string;
}

/** All of them: docs/environments.md has the same list (variables.test.ts compares them). */
export const platformVariables: readonly PlatformVariable[] = [
  { name: "PORT", kind: "fixed", of: "http", means: "the port to listen on" },
  { name: "HOST", kind: "default", of: "http", means: "the address to listen on" },
  { name: "RELEASE", kind: "fixed", of: "all", means: "the release, like `v12`" },
  { name: "FAIRLEAD_APP", kind: "fixed", of: "all", means: "the app" },
  { name: "FAIRLEAD_ENVIRONMENT", kind: "fixed", of: "all", means: "the environment" },
  { name: "FAIRLEAD_SERVICE", kind: "fixed", of: "all", means: "the service; `build` in a build" },
  { name: "FAIRLEAD_RELEASE", kind: "fixed", of: "all", means: "the release, like `v12`" },
  { name: "FAIRLEAD_INSTANCE", kind: "fixed", of: "all", means: "the instance or task, as in `ps` and `logs`" },
  {
    name: "HOME",
    kind: "default",
    of: "all",
    means: "a private directory, removed with it; in a container `/tmp`, if its image names no user and no other",
    loss: "instances share the given directory, and must be allowed to write there",
  },
  {
    name: "TMPDIR",
    kind: "default",
    of: "all",
    means: "a private directory, removed with it; in a container `/tmp`, if its image names no other",
    loss: "instances share the given directory, and must be allowed to write there",
  },
  {
    name: "PATH",
    kind: "default",
    of: "plain processes",
    means:
      "the app's `.venv/bin` and `node_modules/.bin`, the Node that the app asks for, otherwise Fairlead's, then the controller's",
    loss: "programs outside the given directories are not found",
  },
  ...["LANG", "LC_ALL", "TZ", "SSL_CERT_FILE", "SSL_CERT_DIR", "NODE_EXTRA_CA_CERTS"].map(
    (name) => ({ name, kind: "default", of: "plain processes", means: "the controller's, if set" }) as const,
  ),
];

/** Names that a shell keeps for itself: what is started by one would not get the value (POSIX sh, 2.5.3 and 2.14). */
const shellNames = /^(?:IFS|OPTIND|PWD|OLDPWD|PPID|LINENO|SHLVL|_|_fl_.*)$/;

export function isShellName(name: string): boolean {
  return shellNames.test(name);
}

/** Why an app cannot have a variable of its own by this name, and what to do; null: it can. */
export function refusedName(name: string, hasHttp: boolean): string | null {
  if (isShellName(name)) return "is reserved by shells, which do not pass it on – choose another name";
  const own = platformVariables.find((each) => each.name === name && each.kind === "fixed");
  if (own === undefined || (own.of === "http" && !hasHttp)) return null;
  const form = own.of === "http" ? "omit it, and let the program read it" : "choose another name";
  return `is set by Fairlead: ${own.means} – ${form} (Fairlead sets ${fixedNames.join(", ")})`;
}

const fixedNames = platformVariables.flatMap(({ name, kind }) => (kind === "fixed" ? [name] : []));

/** What an app's own variable by this name replaces, and the loss, for a warning; null: nothing that surprises. */
export function replacedDefault(name: string): string | null {
  const own = platformVariables.find((each) => each.name === name);
  return own?.loss === undefined ? null : `replaces Fairlead's own (${own.means}): ${own.loss}`;
}
