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

/** The label that every object of one installation carries, and the only thing that makes an object ours. */
export const installationLabel = "fairlead.installation";

export function keyOf(about: About): EnvKey {
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
  const own = { ...keyLabels(installation, keyOf(about)), "fairlead.kind": about.kind };
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

/** Reads what `labelsOf` wrote; null for an object of the installation that is neither instance nor task (an edge). */
export function aboutOf(name: string, labels: Labels): About | null {
  const label = (key: string) => labels[`fairlead.${key}`] ?? "";
  if (label("kind") === "task") return { kind: "task", name, spec: JSON.parse(label("task")) as TaskSpec };
  if (label("kind") !== "instance") return null;
  const key = { app: label("app"), environment: label("environment") };
  const [service, release, deployment] = [label("service"), Number(label("release")), label("deployment")];
  const place = { ordinal: Number(label("ordinal")), attempt: Number(label("attempt")) };
  const [host, port] = label("address").split(":");
  const address = host && port ? { host, port: Number(port) } : null;
  const identity = { key, service, release, deployment, ...place };
  return { kind: "instance", name, identity, artifact: label("artifact"), address };
}
