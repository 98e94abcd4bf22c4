import { formatDuration } from "../../../base/duration.ts";
import { Fault } from "../../../base/faults.ts";
import type { Client } from "../../../client/client.ts";
import { defineCommand, optionalArgument } from "../../command.ts";
import { harmless, harmlessLine, table } from "../../paint.ts";
import { codeText } from "../../views/code.ts";
import type { World } from "../../world.ts";

export default defineCommand({
  about: "Shows one deployment: its phases, gates and checks, and every step.",
  args: { id: optionalArgument("Id of the deployment; default: the newest") },
  examples: [
    ["fairlead deployments show", "the newest deployment"],
    ["fairlead deployments show dep_0k3v9m2rxa7qfj --json", "for scripts"],
  ],
  async run({ args, world }) {
    const api = world.api();
    return api.call("deployment", { params: { id: args.id ?? (await newest(world, api)) } });
  },
  view({ deployment, code, steps }, paint) {
    const { id, kind, release, status, phases, gates, checks, fault, durationMs } = deployment;
    const lines = [`${paint.bold(id)}  ${kind} ${release}  ${status} after ${formatDuration(durationMs)}`];
    const from = codeText(code, 64);
    if (from !== "") lines.push(`code: ${harmlessLine(from, paint)}`);
    lines.push(`phases: ${phases.map(({ phase }) => phase).join(" > ")}`);
    for (const { service, gate, tookMs } of gates)
      lines.push(`gate of ${service}: ${gate} (${formatDuration(tookMs)})`);
    if (fault) lines.push(`${paint.red(fault.code)}: ${harmless(fault.detail, paint)}`);
    const outcomes = { passed: paint.green, warned: paint.yellow, failed: paint.red };
    const found = checks.map(({ when, service, name, outcome, tookMs, detail }) => [
      name,
      service ?? "-",
      when,
      outcomes[outcome](outcome),
      formatDuration(tookMs),
      harmless(detail, paint),
    ]);
    if (found.length > 0) lines.push("", table(["CHECK", "SERVICE", "WHEN", "RESULT", "TOOK", "FOUND"], found, paint));
    const rows = steps.map((step) => [
      step.begunAt.slice(11, 23),
      step.what,
      step.subject,
      step.fault === null ? (step.endedAt === null ? "under way" : "done") : paint.red(step.fault.code),
      harmless(step.why, paint),
    ]);
    return [...lines, "", table(["AT", "STEP", "SUBJECT", "RESULT", "WHY"], rows, paint)].join("\n");
  },
});

/** Fault: `deployment.unknown`. */
async function newest(world: World, api: Client): Promise<string> {
  const key = world.key();
  const { items } = await api.call("deployments", { params: key, query: { limit: 1 } });
  if (items[0] !== undefined) return items[0].id;
  throw new Fault("deployment.unknown", `${key.app} has no deployment in ${key.environment}`);
}
