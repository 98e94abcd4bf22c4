import { installationLabel } from "../../../host/installation.ts";
import type { EnvKey } from "../../../model/environment.ts";
import type { Address, DataIdentity, InstanceIdentity, InstanceSpec, TaskSpec } from "../../../model/instance.ts";
import { type DataSpec, isPurpose, serviceIdentity, type UnknownWorkload } from "../../../model/workload.ts";

/**
 * What is known of an instance or task from its container alone. A task's variables are not: they may hold secrets, and
 * labels are shown to everybody who may list containers.
 */
export type About =
  | {
      readonly kind: "instance";
      readonly name: string;
      readonly identity: InstanceIdentity | DataIdentity;
      readonly artifact: string;
      readonly address: Address | null;
    }
  | { readonly kind: "task"; readonly name: string; readonly spec: TaskSpec };

export type Labels = Readonly<Record<string, string>>;

export function labelledKey(about: About): EnvKey {
  return about.kind === "instance" ? about.identity.key : about.spec.key;
}

export function aboutInstance(spec: InstanceSpec | DataSpec, address: Address | null): About {
  return { kind: "instance", name: spec.name, identity: spec.identity, artifact: spec.artifact, address };
}

export function aboutTask(spec: TaskSpec): About {
  return { kind: "task", name: spec.name, spec: { ...spec, env: {} } };
}

export function keyLabels(installation: string, key: EnvKey): Labels {
  return { [installationLabel]: installation, "fairlead.app": key.app, "fairlead.environment": key.environment };
}

export function labelsOf(about: About, installation: string): Labels {
  const kind = about.kind === "task" ? about.kind : about.identity.kind;
  const own = { ...keyLabels(installation, labelledKey(about)), "fairlead.kind": kind };
  if (about.kind === "task") {
    const { service, release, deployment, artifact } = about.spec;
    const task = JSON.stringify(about.spec);
    return {
      ...own,
      ...described({ service, release, artifact, deployment: deployment ?? "" }),
      "fairlead.task": task,
    };
  }
  const { key: _, kind: __, ...who } = about.identity;
  const { artifact, address } = about;
  const dialled = address === null ? "" : `${address.host}:${address.port}`;
  return { ...own, ...described({ ...who, artifact, address: dialled }) };
}

function described(facts: Readonly<Record<string, string | number>>): Labels {
  return Object.fromEntries(Object.entries(facts).map(([name, value]) => [`fairlead.${name}`, String(value)]));
}

/** A container with the label of the installation, and of no kind that can be read. */
export interface Illegible {
  readonly name: string;
  readonly key: EnvKey;
}

/** A container of a kind that a later version brought, and the address that it may have. */
export interface UnknownContainer extends UnknownWorkload {
  readonly host: string | null;
}

/** What a container is by its labels; null: nothing that this runtime runs, as an edge. */
export type Identified =
  | { readonly is: "known"; readonly about: About }
  | { readonly is: "illegible"; readonly one: Illegible }
  | { readonly is: "unknown"; readonly one: UnknownContainer }
  | null;

/** Reads what `labelsOf` wrote, also that of a previous version. */
export function identified(name: string, labels: Labels): Identified {
  const label = (text: string) => labels[`fairlead.${text}`] ?? "";
  const key = { app: label("app"), environment: label("environment") };
  const known = (about: About | null): Identified =>
    about ? { is: "known", about } : { is: "illegible", one: { name, key } };
  const unknown = (kind: string): Identified => {
    return { is: "unknown", one: { name, key, kind, host: addressIn(label("address"))?.host ?? null } };
  };
  switch (label("kind")) {
    case "":
      return null;
    case "task": {
      const spec = taskIn(label("task"));
      if (spec !== null && !isPurpose(spec.purpose)) return unknown(`task ${spec.purpose}`);
      return known(spec && { kind: "task", name, spec });
    }
    case "instance": // earlier than kinds
    case "service":
    case "data": {
      const identity = identityIn(key, label);
      const [artifact, address] = [label("artifact"), addressIn(label("address"))];
      return known(identity && { kind: "instance", name, identity, artifact, address });
    }
    default:
      return unknown(label("kind"));
  }
}

/** What a runtime recorded beside a container, also a previous version; null: it is of no known kind. */
export function aboutIn(written: About): About | null {
  if (written.kind === "task") return isPurpose(written.spec.purpose) ? written : null;
  if (written.kind !== "instance") return null;
  const kind: string | undefined = written.identity.kind;
  if (kind === undefined) return { ...written, identity: serviceIdentity(written.identity) };
  return kind === "service" || kind === "data" ? written : null;
}

function identityIn(key: EnvKey, label: (text: string) => string): InstanceIdentity | DataIdentity | null {
  const [service, attempt] = [label("service"), Number(label("attempt"))];
  const [release, ordinal, deployment] = [Number(label("release")), Number(label("ordinal")), label("deployment")];
  if (!service || ![release, ordinal, attempt].every(Number.isSafeInteger)) return null;
  if (label("kind") === "data") return { kind: "data", key, service, attempt };
  return { kind: "service", key, service, release, deployment, ordinal, attempt };
}

function addressIn(text: string): Address | null {
  const [host, port] = text.split(":");
  return host && port ? { host, port: Number(port) } : null;
}

function taskIn(text: string): TaskSpec | null {
  try {
    const spec = JSON.parse(text) as TaskSpec | null;
    return typeof spec?.key?.app === "string" && typeof spec.key.environment === "string" ? spec : null;
  } catch (thrown) {
    if (thrown instanceof SyntaxError) return null;
    throw thrown;
  }
}
