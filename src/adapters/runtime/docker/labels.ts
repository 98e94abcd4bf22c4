import { installationLabel } from "../../../host/installation.ts";
import type { EnvKey } from "../../../model/environment.ts";
import type {
  Address,
  DataIdentity,
  InstanceIdentity,
  InstanceSpec,
  PrivatePort,
  TaskSpec,
} from "../../../model/instance.ts";
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
      readonly privatePorts: readonly PrivatePort[];
    }
  | { readonly kind: "task"; readonly name: string; readonly spec: TaskSpec };

export type Labels = Readonly<Record<string, string>>;

export function labelledKey(about: About): EnvKey {
  return about.kind === "instance" ? about.identity.key : about.spec.key;
}

/** `host`: its address in its environment's network, for its ports. */
export function aboutInstance(spec: InstanceSpec | DataSpec, host: string | null): About {
  const { name, identity, artifact, port } = spec;
  const address = host !== null && port !== null ? { host, port } : null;
  return { kind: "instance", name, identity, artifact, address, privatePorts: portsAt(host, spec.tcpPorts) };
}

function portsAt(host: string | null, ports: readonly number[]): readonly PrivatePort[] {
  return host === null ? [] : ports.map((port) => ({ port, at: { host, port } }));
}

/** The address that an instance has in its environment's network; null: it needs none that lasts. */
export function hostOf(about: About): string | null {
  return about.kind === "instance" ? (about.address?.host ?? about.privatePorts[0]?.at.host ?? null) : null;
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
  const { artifact, address, privatePorts } = about;
  const dialled = address === null ? "" : `${address.host}:${address.port}`;
  const host = hostOf(about) ?? "";
  const ports = privatePorts.map(({ port }) => port).join(",");
  return { ...own, ...described({ ...who, artifact, address: dialled, ...(ports ? { host, ports } : {}) }) };
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
    return {
      is: "unknown",
      one: { name, key, kind, host: label("host") || (addressIn(label("address"))?.host ?? null) },
    };
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
      const privatePorts = portsAt(label("host") || null, label("ports").split(",").map(Number));
      return known(identity && { kind: "instance", name, identity, artifact, address, privatePorts });
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
  const privatePorts: readonly PrivatePort[] | undefined = written.privatePorts;
  const whole = { ...written, privatePorts: privatePorts ?? [] };
  if (kind === undefined) return { ...whole, identity: serviceIdentity(written.identity) };
  return kind === "service" || kind === "data" ? whole : null;
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
