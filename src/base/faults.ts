/** What every fault of Fairlead means to a caller: HTTP status (RFC 9110), exit code (docs/cli.md) and what to do next. */
interface FaultKind {
  readonly status: number;
  readonly exit: number;
  readonly hint: string;
  /** A step of a deployment that fails with it fails again on every retry, until somebody changes something. */
  readonly lasting?: true;
}

const seeOutput = "`fairlead logs --release` shows its output; the old release still serves.";

/** The closed catalogue. A code is part of the public contract: add, never rename. */
export const faults = {
  "manifest.invalid": {
    status: 422,
    exit: 2,
    hint: "Fix the lines listed above, then run `fairlead check`.",
    lasting: true,
  },
  "manifest.missing": { status: 422, exit: 2, hint: "Run `fairlead init` in the app's directory to write one." },
  "usage.invalid": { status: 400, exit: 2, hint: "See `fairlead help` for the command's arguments." },
  "request.invalid": {
    status: 400,
    exit: 2,
    hint: "See /v1/openapi.json for the format of the request.",
    lasting: true,
  },
  "request.too-large": { status: 413, exit: 2, hint: "Exclude large files with .gitignore or .dockerignore." },
  "access.denied": { status: 403, exit: 3, hint: "Use the controller's socket, on its machine." },
  "access.unauthenticated": { status: 401, exit: 3, hint: "Give a token with --token or FAIRLEAD_TOKEN." },
  "branch.not-allowed": {
    status: 403,
    exit: 3,
    hint: "Deploy from a branch listed in `environments.<name>.protected.branches`.",
  },
  "protected.not-allowed": {
    status: 403,
    exit: 3,
    hint: "Ask somebody listed in `environments.<name>.protected.who`.",
  },
  "token.unknown": { status: 404, exit: 4, hint: "`fairlead tokens list` lists them." },
  "token.name-taken": { status: 409, exit: 5, hint: "Choose another name, or revoke the token that has it." },
  "preview.unknown": { status: 404, exit: 4, hint: "`fairlead preview list` lists them." },
  "preview.ended": { status: 409, exit: 5, hint: "Create it again with `fairlead preview create`." },
  "environment.destroyed": { status: 409, exit: 5, hint: "Retry when `fairlead status` no longer lists it." },
  "environment.data": { status: 409, exit: 5, hint: "`fairlead down` stops the environment and keeps its data." },
  "preview.name-taken": { status: 409, exit: 5, hint: "Choose another name, like pr-12." },
  "preview.from-protected": { status: 409, exit: 5, hint: "Name another environment with --from or `previews.from`." },
  "preview.too-many": {
    status: 409,
    exit: 5,
    hint: "Remove one with `fairlead preview remove`, or raise `previews.max`.",
  },
  "app.unknown": { status: 404, exit: 4, hint: "`fairlead status` without -e lists what is deployed." },
  "service.unknown": { status: 404, exit: 4, hint: "`fairlead ps` lists the services." },
  "release.unknown": { status: 404, exit: 4, hint: "`fairlead releases` lists the available releases." },
  "deployment.unknown": { status: 404, exit: 4, hint: "`fairlead deployments` lists the deployments." },
  "task.unknown": { status: 404, exit: 4, hint: "Start it again with `fairlead run`." },
  "task.too-many": { status: 409, exit: 5, hint: "Wait until one has ended, or end one." },
  "path.unknown": { status: 404, exit: 4, hint: "See /v1/openapi.json for the available paths." },
  "method.wrong": { status: 405, exit: 2, hint: "See /v1/openapi.json for the methods of this path." },
  "release.none-before": {
    status: 409,
    exit: 5,
    hint: "Deploy instead; `fairlead releases` lists the existing releases.",
  },
  "release.incomplete": {
    status: 409,
    exit: 5,
    hint: "Its source was removed too, so it cannot be built again; deploy that version again.",
    lasting: true,
  },
  "promote.other-build": {
    status: 409,
    exit: 5,
    hint: "Deploy it instead, or make `build` and the variables of the build the same in both environments.",
  },
  "deploy.nothing-staged": { status: 409, exit: 5, hint: "Stage code first, with `fairlead deploy --stage`." },
  "deployment.ended": {
    status: 409,
    exit: 5,
    hint: "It has already ended; `fairlead deployments show` shows how.",
  },
  "scale.single": {
    status: 409,
    exit: 5,
    hint: "A `single` service runs exactly once; remove `single: true` to scale it.",
  },
  "document.stale": {
    status: 412,
    exit: 5,
    hint: "It was changed in the meantime; read it again and repeat the change.",
  },
  "idempotency.mismatch": { status: 422, exit: 5, hint: "Use a new Idempotency-Key for a different request." },
  "idempotency.in-flight": {
    status: 409,
    exit: 5,
    hint: "The first request with this key is still running; wait for it.",
  },
  "controller.held": {
    status: 409,
    exit: 5,
    hint: "Use the running controller, or give this one another --state directory.",
  },
  "controller.unreachable": { status: 503, exit: 7, hint: "Start one with `fairlead up` or `fairlead controller`." },
  "journal.newer": {
    status: 500,
    exit: 1,
    hint: "Use the Fairlead version that wrote it, or a newer one. Nothing was changed.",
  },
  "journal.damaged": { status: 500, exit: 1, hint: "Restore the state directory from a backup. Nothing was changed." },
  "journal.lost": {
    status: 503,
    exit: 1,
    hint: "Restore the state directory from a backup, or start with an empty journal: `fairlead controller --new`. Running apps are not affected.",
  },
  "check.failed": {
    status: 422,
    exit: 1,
    hint: 'Fix the findings above, or deploy with --allow RULE --because "…", which the release records.',
  },
  "vault.key": {
    status: 500,
    exit: 1,
    hint: "Give the controller the key that sealed it: vault.key in the state directory, or FAIRLEAD_VAULT_KEY.",
    lasting: true,
  },
  "vault.damaged": {
    status: 500,
    exit: 1,
    hint: "Restore vault.key and vault.json from a backup, or set all lost values again with one `fairlead env import`.",
    lasting: true,
  },
  "value.unknown": { status: 404, exit: 4, hint: "`fairlead env list` lists the set values.", lasting: true },
  "value.not-generated": { status: 409, exit: 5, hint: "Supply the new value: `fairlead env rotate NAME --stdin`." },
  "value.needed": {
    status: 409,
    exit: 5,
    hint: "Deploy without it first; releases that can be rolled back to need it.",
  },
  "value.destroyed": {
    status: 409,
    exit: 5,
    hint: "Set it again and deploy; that release can no longer be rolled back to.",
    lasting: true,
  },
  "source.unsafe": { status: 422, exit: 2, hint: "Remove the named entry from the source.", lasting: true },
  "source.missing": { status: 409, exit: 5, hint: "Upload the source again with `fairlead deploy`.", lasting: true },
  "file.exists": { status: 409, exit: 5, hint: "Nothing was written. Edit the file, or move it away first." },
  "source.digest-mismatch": { status: 422, exit: 2, hint: "The files changed during the upload; deploy again." },
  "build.failed": {
    status: 409,
    exit: 1,
    hint: "`fairlead logs build --release` shows its output; the old release still serves.",
  },
  "build.no-room": {
    status: 409,
    exit: 1,
    hint: "Free space on the disk of the container engine; the old release still serves.",
  },
  "build.out-of-memory": {
    status: 409,
    exit: 1,
    hint: "The build needs more memory than is allowed or available; the old release still serves.",
  },
  "build.unrecognised": {
    status: 409,
    exit: 1,
    hint: "Write a Dockerfile, or add one of the files named above; the old release still serves.",
    lasting: true,
  },
  "image.denied": {
    status: 409,
    exit: 1,
    hint: "Add a login that can read the image under registries in fairlead.yml, and set its password with `fairlead env set NAME --stdin --stage`; the old release still serves.",
    lasting: true,
  },
  "image.unknown": {
    status: 409,
    exit: 1,
    hint: "Check the name, tag and digest of the image; the old release still serves.",
    lasting: true,
  },
  "image.unreachable": {
    status: 409,
    exit: 1,
    hint: "Retry when the registry answers, or load the image into the engine; the old release still serves.",
  },
  "release.command-failed": { status: 409, exit: 1, hint: seeOutput },
  "release.check-failed": { status: 409, exit: 1, hint: seeOutput },
  "gate.crashed": { status: 409, exit: 1, hint: seeOutput },
  "gate.unreachable": { status: 409, exit: 1, hint: "Listen on 0.0.0.0, not only on localhost or an IPv6 address." },
  "gate.not-ready": {
    status: 409,
    exit: 1,
    hint: "Make the app answer as wanted, or change `ready`; the old release still serves.",
  },
  "gate.wrong-port": { status: 409, exit: 1, hint: "Listen on the port given in PORT. The old release still serves." },
  "gate.port-taken": {
    status: 409,
    exit: 1,
    hint: "Stop the process that holds the port, and make every app listen only on its own PORT; the old release still serves.",
    lasting: true,
  },
  "watch.errors": {
    status: 409,
    exit: 1,
    hint: "The previous release serves again; see `fairlead logs --release` for the bad one.",
  },
  "watch.slow": {
    status: 409,
    exit: 1,
    hint: "The previous release serves again; raise deploy.watch.p95 if this is expected.",
  },
  "watch.crashed": {
    status: 409,
    exit: 1,
    hint: "The previous release serves again; see `fairlead logs --release` for the bad one.",
  },
  "watch.check-failed": {
    status: 409,
    exit: 1,
    hint: "`fairlead deployments show` lists the check results; see `fairlead logs --release` for the bad release.",
  },
  "switch.single-failed": {
    status: 409,
    exit: 1,
    hint: "`fairlead logs --release` shows its output; the previous instance was restarted.",
  },
  "deployment.deadline": {
    status: 409,
    exit: 1,
    hint: "The phase exceeded its time limit; the old release still serves.",
  },
  "deployment.cancelled": { status: 409, exit: 1, hint: "It was cancelled; the old release still serves." },
  "deployment.superseded": { status: 409, exit: 1, hint: "A newer deployment replaced it." },
  "wait.timeout": { status: 504, exit: 6, hint: "It is still running; follow it with `fairlead deployments attach`." },
  "confirm.needed": { status: 409, exit: 8, hint: "Repeat with the flag named above." },
  "route.host-taken": {
    status: 409,
    exit: 5,
    hint: "Another environment uses this host; change services.<name>.http.hosts.",
    lasting: true,
  },
  "route.invalid": {
    status: 422,
    exit: 1,
    hint: "The whole route table was refused; the last good one stays in use.",
    lasting: true,
  },
  "certificate.invalid": {
    status: 422,
    exit: 2,
    hint: "Give the chain as PEM, the server's own certificate first, and its unencrypted key. The current certificates stay in use.",
  },
  "certificate.refused": {
    status: 409,
    exit: 1,
    hint: "The message above comes from the authority; the request is retried later. `fairlead domains check` checks now.",
  },
  "certificate.unknown": { status: 404, exit: 4, hint: "`fairlead domains` lists the existing certificates." },
  "authority.unreachable": {
    status: 502,
    exit: 1,
    hint: "Check --acme-directory, --acme-ca and this machine's network access; the request is retried later.",
  },
  "domain.elsewhere": {
    status: 409,
    exit: 1,
    hint: "Point the host's A and AAAA records at this machine; use --public-address if its public address differs.",
  },
  "domain.unreachable": {
    status: 409,
    exit: 1,
    hint: "Port 80 of the host must reach the edge: check --edge, the firewall and proxies in front of it.",
  },
  "edge.unreachable": {
    status: 503,
    exit: 1,
    hint: "The edge is being restarted; requests continue when it is up.",
  },
  "runtime.start-failed": { status: 409, exit: 1, hint: "Check that the command exists and is executable." },
  "runtime.ports-exhausted": { status: 503, exit: 1, hint: "Widen --ports or stop something.", lasting: true },
  "runtime.user": { status: 500, exit: 1, hint: "Name an existing unprivileged user with --run-as.", lasting: true },
  "engine.unreachable": {
    status: 503,
    exit: 1,
    hint: "Start the container engine (`systemctl start docker`) and give this user access to its socket; running apps are not affected.",
  },
  "engine.refused": { status: 502, exit: 1, hint: "The message above comes from the container engine." },
  "engine.unsupported": {
    status: 500,
    exit: 1,
    hint: "Use Docker 20.10 or newer, and the newest Fairlead.",
    lasting: true,
  },
  "install.foreign": {
    status: 409,
    exit: 5,
    hint: "Inspect it; move it away, or overwrite it with `fairlead controller install --force`.",
  },
  "listen.in-use": { status: 409, exit: 5, hint: "Choose another address, or stop the process that listens there." },
  "disk.full": {
    status: 507,
    exit: 1,
    hint: "Free space on the disk of the state directory; `fairlead doctor` shows how much is left. Running apps are not affected.",
  },
  "operation.failed": { status: 500, exit: 1, hint: "See the controller's log for the cause; it is retried." },
} as const satisfies Record<string, FaultKind>;

export type FaultCode = keyof typeof faults;

/** Whether a retry cannot fix a fault of this code. */
export function isLasting(code: FaultCode): boolean {
  const kind: FaultKind = faults[code];
  return kind.lasting === true;
}

/** One place in a document that is wrong. `line` and `column` count from 1. */
export interface Diagnostic {
  readonly path: string;
  readonly message: string;
  readonly file?: string;
  readonly line?: number;
  readonly column?: number;
}

/** A fault as plain data: what the journal keeps and the API sends. */
export interface FaultRecord {
  readonly code: FaultCode;
  readonly detail: string;
  readonly hint: string;
}

/** The only error that Fairlead throws on purpose: a code of the catalogue, what happened to which object, the cause. */
export class Fault extends Error {
  readonly code: FaultCode;
  readonly hint: string;
  readonly diagnostics: readonly Diagnostic[];
  /** For `confirm.needed`: the name that confirms the request. */
  readonly confirm: string | null;

  constructor(
    code: FaultCode,
    detail: string,
    more: { hint?: string; diagnostics?: readonly Diagnostic[]; confirm?: string; cause?: unknown } = {},
  ) {
    super(detail, more.cause === undefined ? {} : { cause: more.cause });
    this.name = "Fault";
    this.code = code;
    this.hint = more.hint ?? faults[code].hint;
    this.diagnostics = more.diagnostics ?? [];
    this.confirm = more.confirm ?? null;
  }

  get detail(): string {
    return this.message;
  }

  toRecord(): FaultRecord {
    return { code: this.code, detail: this.detail, hint: this.hint };
  }
}

/** Makes a Fault of anything thrown; what is not one already becomes `disk.full` or `operation.failed` and keeps its cause. */
export function asFault(thrown: unknown): Fault {
  if (thrown instanceof Fault) return thrown;
  if (isDiskFull(thrown)) return new Fault("disk.full", "no space is left on the disk", { cause: thrown });
  return new Fault("operation.failed", thrown instanceof Error ? thrown.message : String(thrown), { cause: thrown });
}

/** Whether a Node system error carries one of these codes (`ENOENT`, …). */
export function isErrno(thrown: unknown, ...codes: readonly string[]): boolean {
  return thrown instanceof Error && "code" in thrown && codes.includes(String(thrown.code));
}

/** Whether V8 or Node threw it because of a programming error, which callers do not expect: it is rethrown or reported. */
export function isMistake(thrown: unknown): boolean {
  const classes = [TypeError, RangeError, ReferenceError];
  return !(thrown instanceof Error) || classes.some((each) => thrown instanceof each);
}

/** SQLITE_FULL (sqlite.org/rescode.html), the lowest byte of `errcode` in an error of node:sqlite. */
const sqliteFull = 13;

function isDiskFull(thrown: unknown): boolean {
  if (isErrno(thrown, "ENOSPC", "EDQUOT")) return true;
  return thrown instanceof Error && "errcode" in thrown && (Number(thrown.errcode) & 0xff) === sqliteFull;
}

/** Throws if the types are wrong and a case was left over. */
export function unreachable(value: never): never {
  throw new TypeError(`unreachable: ${JSON.stringify(value)}`);
}
