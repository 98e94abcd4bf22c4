/** What every fault of Fairlead means to a caller: HTTP status (RFC 9110), exit code (docs/cli.md) and what to do next. */
interface FaultKind {
  readonly status: number;
  readonly exit: number;
  readonly hint: string;
  /** Who meets it in a step of a deployment meets it again, however often it is tried: somebody has to change something. */
  readonly lasting?: true;
}

/** The closed catalogue. A code is part of the public contract: add, never rename. */
export const faults = {
  "manifest.invalid": {
    status: 422,
    exit: 2,
    hint: "Mend the lines named above, then run `fairlead check`.",
    lasting: true,
  },
  "manifest.missing": { status: 422, exit: 2, hint: "Write a fairlead.yml beside the code (see docs/manifest.md)." },
  "usage.invalid": { status: 400, exit: 2, hint: "See `fairlead help` for the command's arguments." },
  "request.invalid": {
    status: 400,
    exit: 2,
    hint: "See /v1/openapi.json for what the request must look like.",
    lasting: true,
  },
  "request.too-large": { status: 413, exit: 2, hint: "Leave large files out with .gitignore or .dockerignore." },
  "access.denied": { status: 403, exit: 3, hint: "Use the controller's own socket, on its machine." },
  "access.unauthenticated": { status: 401, exit: 3, hint: "Give a token with --token or FAIRLEAD_TOKEN." },
  "branch.not-allowed": {
    status: 403,
    exit: 3,
    hint: "Deploy from a branch that may go live there; `environments.<name>.protected.branches` says which.",
  },
  "protected.not-allowed": {
    status: 403,
    exit: 3,
    hint: "Ask somebody who may; `environments.<name>.protected.who` says who.",
  },
  "token.unknown": { status: 404, exit: 4, hint: "`fairlead tokens list` lists them." },
  "token.name-taken": { status: 409, exit: 5, hint: "Choose another name, or revoke the token that has it." },
  "preview.unknown": { status: 404, exit: 4, hint: "`fairlead preview list` lists them." },
  "preview.ended": {
    status: 409,
    exit: 5,
    hint: "Make it again with `fairlead preview create`.",
  },
  "preview.name-taken": { status: 409, exit: 5, hint: "Choose another name, like pr-12." },
  "preview.from-protected": {
    status: 409,
    exit: 5,
    hint: "Take the configuration of another environment, with --from or `previews.from`.",
  },
  "preview.too-many": {
    status: 409,
    exit: 5,
    hint: "Remove one with `fairlead preview remove`, or raise `previews.max`.",
  },
  "app.unknown": { status: 404, exit: 4, hint: "`fairlead status` without -e lists what is deployed." },
  "service.unknown": { status: 404, exit: 4, hint: "`fairlead ps` lists the services." },
  "release.unknown": { status: 404, exit: 4, hint: "`fairlead releases` lists the releases that can be used." },
  "deployment.unknown": { status: 404, exit: 4, hint: "`fairlead deployments` lists the deployments." },
  "task.unknown": { status: 404, exit: 4, hint: "Start it again with `fairlead run`." },
  "path.unknown": { status: 404, exit: 4, hint: "See /v1/openapi.json for the paths there are." },
  "method.wrong": { status: 405, exit: 2, hint: "See /v1/openapi.json for the methods of this path." },
  "release.none-before": { status: 409, exit: 5, hint: "Deploy instead; `fairlead releases` lists what there is." },
  "release.incomplete": {
    status: 409,
    exit: 5,
    hint: "An artifact of that release is gone; deploy that version again.",
    lasting: true,
  },
  "promote.other-build": {
    status: 409,
    exit: 5,
    hint: "Deploy it instead, or see that `build` and the variables of the build are the same in both environments.",
  },
  "deploy.nothing-staged": { status: 409, exit: 5, hint: "Stage code first, with `fairlead deploy --stage`." },
  "deployment.ended": {
    status: 409,
    exit: 5,
    hint: "It is over already; `fairlead deployments show` says how it ended.",
  },
  "scale.single": {
    status: 409,
    exit: 5,
    hint: "A `single` service runs exactly once; take `single: true` out to scale it.",
  },
  "document.stale": {
    status: 412,
    exit: 5,
    hint: "Somebody changed it meanwhile; read it again and repeat the change.",
  },
  "idempotency.mismatch": { status: 422, exit: 5, hint: "Use a new Idempotency-Key for a different request." },
  "idempotency.in-flight": {
    status: 409,
    exit: 5,
    hint: "The first request with this key has not been answered; wait for it.",
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
    hint: "Restore the state directory from a backup, or begin with an empty journal: `fairlead controller --new`. What runs goes on.",
  },
  "check.failed": {
    status: 422,
    exit: 1,
    hint: 'Mend what is named above; or deploy with --allow RULE --because "…", which is kept with the release.',
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
    hint: "Restore vault.key and vault.json from a backup, or set all lost values again at once with `fairlead env import`.",
    lasting: true,
  },
  "value.unknown": { status: 404, exit: 4, hint: "`fairlead env list` lists what is set.", lasting: true },
  "value.not-generated": { status: 409, exit: 5, hint: "Give its new value: `fairlead env rotate NAME --stdin`." },
  "value.needed": { status: 409, exit: 5, hint: "Deploy without it first; releases that can be gone back to need it." },
  "value.destroyed": {
    status: 409,
    exit: 5,
    hint: "Set it again and deploy; that release cannot be gone back to.",
    lasting: true,
  },
  "source.unsafe": { status: 422, exit: 2, hint: "Take the named entry out of the source.", lasting: true },
  "source.missing": { status: 409, exit: 5, hint: "Upload the source again; `fairlead deploy` does.", lasting: true },
  "file.exists": { status: 409, exit: 5, hint: "Nothing was written. Change it by hand, or move it away first." },
  "source.digest-mismatch": { status: 422, exit: 2, hint: "The files changed while they were read; deploy again." },
  "build.failed": { status: 409, exit: 1, hint: "Read the build's own lines above; the old release still serves." },
  "build.no-room": {
    status: 409,
    exit: 1,
    hint: "Make room on the disk of the container engine; the old release still serves.",
  },
  "build.out-of-memory": {
    status: 409,
    exit: 1,
    hint: "The build needs more memory than builds may use or the machine has; the old release still serves.",
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
    hint: "Give the registry a login that may read the image, under registries in fairlead.yml, and set its password with `fairlead env set NAME --stdin --stage`; the old release still serves.",
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
    hint: "Try again when the registry answers, or load the image into the engine; the old release still serves.",
  },
  "release.command-failed": {
    status: 409,
    exit: 1,
    hint: "Read the command's own lines above; the old release still serves.",
  },
  "release.check-failed": {
    status: 409,
    exit: 1,
    hint: "Read the check's own lines above; the old release still serves.",
  },
  "gate.crashed": { status: 409, exit: 1, hint: "Read its last lines above; the old release still serves." },
  "gate.not-ready": { status: 409, exit: 1, hint: "Look at the readiness answer above; the old release still serves." },
  "gate.wrong-port": { status: 409, exit: 1, hint: "Listen on the port given in PORT. The old release still serves." },
  "gate.port-taken": {
    status: 409,
    exit: 1,
    hint: "Stop who has the port, and see that apps listen on no port but their own PORT; the old release still serves.",
    lasting: true,
  },
  "watch.errors": {
    status: 409,
    exit: 1,
    hint: "The earlier release serves again; read `fairlead logs --release` of the bad one.",
  },
  "watch.slow": {
    status: 409,
    exit: 1,
    hint: "The earlier release serves again; raise deploy.watch.p95 if this is expected.",
  },
  "watch.crashed": {
    status: 409,
    exit: 1,
    hint: "The earlier release serves again; read `fairlead logs --release` of the bad one.",
  },
  "watch.check-failed": {
    status: 409,
    exit: 1,
    hint: "`fairlead deployments show` lists what the checks found; read `fairlead logs --release` of the bad one.",
  },
  "switch.single-failed": {
    status: 409,
    exit: 1,
    hint: "The earlier instance was started again; read the last lines above.",
  },
  "deployment.deadline": {
    status: 409,
    exit: 1,
    hint: "The phase took longer than it may; the old release still serves.",
  },
  "deployment.cancelled": { status: 409, exit: 1, hint: "It was cancelled; the old release still serves." },
  "deployment.superseded": { status: 409, exit: 1, hint: "A newer deployment took its place." },
  "wait.timeout": { status: 504, exit: 6, hint: "It still runs; follow it with `fairlead deployments attach`." },
  "confirm.needed": { status: 409, exit: 8, hint: "Repeat with the flag named above." },
  "route.host-taken": {
    status: 409,
    exit: 5,
    hint: "Another environment owns this host; change services.<name>.http.hosts.",
    lasting: true,
  },
  "route.invalid": {
    status: 422,
    exit: 1,
    hint: "The route table was refused as a whole; the last good one still serves.",
    lasting: true,
  },
  "certificate.invalid": {
    status: 422,
    exit: 2,
    hint: "Give the chain as PEM, the server's own certificate first, and its unencrypted key. The old ones serve on.",
  },
  "certificate.refused": {
    status: 409,
    exit: 1,
    hint: "The words above are the authority's own; it is asked again after a while. `fairlead domains check` looks now.",
  },
  "certificate.unknown": { status: 404, exit: 4, hint: "`fairlead domains` lists the certificates there are." },
  "authority.unreachable": {
    status: 502,
    exit: 1,
    hint: "Look at --acme-directory, --acme-ca and the way out of this machine; it is asked again after a while.",
  },
  "domain.elsewhere": {
    status: 409,
    exit: 1,
    hint: "Let the A and AAAA records of the host name this machine; see --public-address if it has another one outside.",
  },
  "domain.unreachable": {
    status: 409,
    exit: 1,
    hint: "Port 80 of the host must lead to the edge: look at --edge, the firewall and proxies in front.",
  },
  "edge.unreachable": {
    status: 503,
    exit: 1,
    hint: "The edge is being started again; requests go on as soon as it is up.",
  },
  "runtime.start-failed": { status: 409, exit: 1, hint: "Check that the command exists and may be run." },
  "runtime.ports-exhausted": { status: 503, exit: 1, hint: "Widen --ports or stop something.", lasting: true },
  "runtime.user": { status: 500, exit: 1, hint: "Name an existing unprivileged user with --run-as.", lasting: true },
  "engine.unreachable": {
    status: 503,
    exit: 1,
    hint: "Start the container engine (`systemctl start docker`) and let this user use its socket; what runs goes on.",
  },
  "engine.refused": { status: 502, exit: 1, hint: "The words above are the container engine's own." },
  "engine.unsupported": {
    status: 500,
    exit: 1,
    hint: "Use Docker 20.10 or newer, and the newest Fairlead.",
    lasting: true,
  },
  "install.foreign": {
    status: 409,
    exit: 5,
    hint: "Look at it; move it away, or write over it with `fairlead controller install --force`.",
  },
  "listen.in-use": { status: 409, exit: 5, hint: "Choose another address, or stop what listens there." },
  "disk.full": {
    status: 507,
    exit: 1,
    hint: "Make room on the disk of the state directory; `fairlead doctor` says how much there is. What runs goes on.",
  },
  "operation.failed": { status: 500, exit: 1, hint: "See the controller's log for the cause; it is tried again." },
} as const satisfies Record<string, FaultKind>;

export type FaultCode = keyof typeof faults;

/** Whether trying again does not mend what a fault of this code is about. */
export function isLasting(code: FaultCode): boolean {
  const kind: FaultKind = faults[code];
  return kind.lasting === true;
}

/** One place in a document that is wrong. `line` and `column` count from 1. */
export interface Complaint {
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

/** The only error that Fairlead throws on purpose: a code of the catalogue, what happened to which object, and its cause. */
export class Fault extends Error {
  readonly code: FaultCode;
  readonly hint: string;
  readonly complaints: readonly Complaint[];
  /** For `confirm.needed`: the name that has to be given to go on. */
  readonly confirm: string | null;

  constructor(
    code: FaultCode,
    detail: string,
    more: { hint?: string; complaints?: readonly Complaint[]; confirm?: string; cause?: unknown } = {},
  ) {
    super(detail, more.cause === undefined ? {} : { cause: more.cause });
    this.name = "Fault";
    this.code = code;
    this.hint = more.hint ?? faults[code].hint;
    this.complaints = more.complaints ?? [];
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
  if (isDiskFull(thrown)) return new Fault("disk.full", "no room is left on the disk", { cause: thrown });
  return new Fault("operation.failed", thrown instanceof Error ? thrown.message : String(thrown), { cause: thrown });
}

/** Whether a Node system error carries one of these codes (`ENOENT`, …). */
export function isErrno(thrown: unknown, ...codes: readonly string[]): boolean {
  return thrown instanceof Error && "code" in thrown && codes.includes(String(thrown.code));
}

/** SQLITE_FULL (sqlite.org/rescode.html), the lowest byte of `errcode` in an error of node:sqlite. */
const sqliteFull = 13;

function isDiskFull(thrown: unknown): boolean {
  if (isErrno(thrown, "ENOSPC", "EDQUOT")) return true;
  return thrown instanceof Error && "errcode" in thrown && (Number(thrown.errcode) & 0xff) === sqliteFull;
}

/** Fails loudly where the types already say that nothing can be left over. */
export function unreachable(value: never): never {
  throw new Error(`unreachable: ${JSON.stringify(value)}`);
}
