import { isUtf8 } from "node:buffer";
import type { Readable } from "node:stream";
import { Fault } from "../base/faults.ts";
import { valueLimit } from "../base/variable-name.ts";
import type { VariablesAnswer, VariablesRequest, VariablesView } from "../contract/variables.ts";
import { platformVariables, replacedDefault } from "../model/variables.ts";
import { type DeploymentResult, deploymentExit, deploymentText, followToEnd } from "./follow.ts";
import type { Paint } from "./paint.ts";
import type { World } from "./world.ts";

/** Output of `env set` and `env unset`: the set names, and their deployment. */
export interface VariablesResult extends Partial<Pick<DeploymentResult, "urls">> {
  readonly variables: readonly string[];
  readonly changes: VariablesAnswer["changes"];
  /** Only validated. */
  readonly dryRun: boolean;
  readonly deployment: VariablesAnswer["deployment"];
}

/** A character has at most four bytes in UTF-8; two more for a line end. */
const inputLimit = 4 * valueLimit + 2;

/**
 * The value of a variable from a stream, without one trailing newline. Faults: `usage.invalid`, also if it is empty.
 */
export async function valueFrom(stdin: Readable, name: string): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of stdin) {
    const bytes = Buffer.from(chunk);
    size += bytes.length;
    if (size > inputLimit)
      throw new Fault("usage.invalid", `the value of ${name} is longer than ${valueLimit} characters`);
    chunks.push(bytes);
  }
  const bytes = Buffer.concat(chunks);
  if (!isUtf8(bytes))
    throw new Fault(
      "usage.invalid",
      `the value of ${name} on stdin is not UTF-8 text: encode it, as base64 for example`,
    );
  const text = bytes.toString("utf8").replace(/\r?\n$/, "");
  if (text === "") throw new Fault("usage.invalid", `stdin has no value for ${name}`);
  return text;
}

/** Changes variables and follows their deployment. */
export async function sendVariables(
  world: World,
  request: VariablesRequest,
  detach: boolean,
): Promise<VariablesResult> {
  const api = world.api();
  for (const [name, value] of Object.entries(request.set ?? {})) {
    const note = value === null ? null : platformNote(name);
    if (note !== null) world.say(`${world.paint.yellow("warning:")} ${note}`);
  }
  const answer = await api.call("changeVariables", { params: world.key(), body: request });
  return { ...(await followChange(world, answer, detach)), dryRun: request.dryRun ?? false };
}

/** What setting a variable that Fairlead gives does not do, or does beside; null: nothing that surprises. */
function platformNote(name: string): string | null {
  const own = platformVariables.find((one) => one.name === name);
  if (own?.kind === "fixed" && own.of === "http")
    return `services with http do not get ${name}: Fairlead sets it (${own.means})`;
  const replaced = replacedDefault(name);
  return replaced && `${name} ${replaced}`;
}

/** Follows the deployment of a change of variables. */
export async function followChange(
  world: World,
  { variables, changes, deployment }: VariablesAnswer,
  detach: boolean,
): Promise<VariablesResult> {
  const result = { variables: Object.keys(variables).sort(), changes, dryRun: false };
  if (deployment === null) return { ...result, deployment: null };
  return { ...result, ...(await followToEnd({ world, api: world.api() }, deployment, { detach })) };
}

/** Names whose set value differs from that in the newest release. */
export function namesThatDiffer({ variables, effective, build }: VariablesView): readonly string[] {
  const values = [...Object.values(effective), build].flatMap((all) => Object.values(all));
  const used = new Set(values.flatMap(({ set }) => set));
  const set = new Set(Object.entries(variables).map(([name, { version }]) => `${name}@${version}`));
  const refs = [...[...set].filter((ref) => !used.has(ref)), ...[...used].filter((ref) => !set.has(ref))];
  return [...new Set(refs.map((ref) => ref.slice(0, ref.lastIndexOf("@"))))].sort();
}

/** The expected effect on every name. */
export function previewText(changes: VariablesAnswer["changes"]): string {
  return Object.entries(changes)
    .map(([name, change]) => `${change.padEnd(9)}  ${name}`)
    .join("\n");
}

/** The text for people. */
export function variablesText({ deployment, changes, dryRun, urls = [] }: VariablesResult, paint: Paint): string {
  if (dryRun) return previewText(changes);
  const changed = Object.keys(changes).filter((name) => changes[name] !== "same");
  if (deployment === null) return changed.length === 0 ? "Nothing was changed." : "Saved; the next deployment uses it.";
  const text = deploymentText({ deployment, urls }, paint);
  if (text !== "" || changed.length === 0) return text;
  return `The change of ${changed.join(", ")} is saved for the next deployment; to revert it, change it again.`;
}

/** 0, or the exit code of the deployment's fault. */
export function variablesExit({ deployment }: VariablesResult): number {
  return deployment === null ? 0 : deploymentExit({ deployment });
}
