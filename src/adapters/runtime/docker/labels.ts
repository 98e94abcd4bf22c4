import { installationLabel } from "../../../host/installation.ts";
import type { EnvKey } from "../../../model/environment.ts";
import type { Address, InstanceIdentity, InstanceSpec, TaskSpec } from "../../../model/instance.ts";

/**
 * What is known of an instance or task from its container alone. A task's variables are not: they may hold secrets, and
 * labels are shown to everybody who may list containers.
 */
export type About =
  | {
      readonly kind: "instance";
      readonly name: string;
      readonly identity: InstanceIdentity;
      readonly artifact: string;
      readonly address: Address | null;
    }
  | { readonly kind: "task"; readonly name: string; readonly spec: TaskSpec };

export type Labels = Readonly<Record<string, string>>;

export function labelledKey(about: About): EnvKey {
  return about.kind === "instance" ? about.identity.key : about.spec.key;
}

export function aboutInstance(spec: InstanceSpec, address: Address | null): About {
  return { kind: "instance", name: spec.name, identity: spec.identity, artifact: spec.artifact, address };
}

export function aboutTask(spec: TaskSpec): About {
  return { kind: "task", name: spec.name, spec: { ...spec, env: {} } };
}

export function keyLabels(installation: string, key: EnvKey): Labels {
  return { [installationLabel]: installation, "fairlead.app": key.app, "fairlead.environment": key.environment };
}

export function labelsOf(about: About, installation: string): Labels {
  const own = { ...keyLabels(installation, labelledKey(about)), "fairlead.kind": about.kind };
  if (about.kind === "task") {
    const { service, release, deployment, artifact } = about.spec;
    const task = JSON.stringify(about.spec);
    return {
      ...own,
      ...described({ service, release, artifact, deployment: deployment ?? "" }),
      "fairlead.task": task,
    };
  }
  const { service, release, deployment, ordinal, attempt } = about.identity;
  const { artifact, address } = about;
  const dialled = address === null ? "" : `${address.host}:${address.port}`;
  return { ...own, ...described({ service, release, artifact, deployment, ordinal, attempt, address: dialled }) };
}

function described(facts: Readonly<Record<string, string | number>>): Labels {
  return Object.fromEntries(Object.entries(facts).map(([name, value]) => [`fairlead.${name}`, String(value)]));
}

/** A container with the label of the installation, and of no kind that can be read. */
export interface Illegible {
  readonly name: string;
  readonly key: EnvKey;
}

/** What `aboutOf` cannot read of a container that says to be an instance or a task; null when it can. */
export function illegibleOf(name: string, labels: Labels): Illegible | null {
  if (!["instance", "task"].includes(labels["fairlead.kind"] ?? "") || aboutOf(name, labels) !== null) return null;
  return { name, key: { app: labels["fairlead.app"] ?? "", environment: labels["fairlead.environment"] ?? "" } };
}

/** Reads what `labelsOf` wrote; null for what is neither instance nor task (an edge), or not as it was written. */
export function aboutOf(name: string, labels: Labels): About | null {
  const label = (key: string) => labels[`fairlead.${key}`] ?? "";
  if (label("kind") === "task") {
    const spec = taskIn(label("task"));
    return spec === null ? null : { kind: "task", name, spec };
  }
  if (label("kind") !== "instance") return null;
  const key = { app: label("app"), environment: label("environment") };
  const [service, release, deployment] = [label("service"), Number(label("release")), label("deployment")];
  const place = { ordinal: Number(label("ordinal")), attempt: Number(label("attempt")) };
  const [host, port] = label("address").split(":");
  const address = host && port ? { host, port: Number(port) } : null;
  const identity = { key, service, release, deployment, ...place };
  if (!service || ![release, place.ordinal, place.attempt].every(Number.isSafeInteger)) return null;
  return { kind: "instance", name, identity, artifact: label("artifact"), address };
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
