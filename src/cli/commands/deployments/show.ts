import { formatDuration } from "../../../base/duration.ts";
import { defineCommand, requiredArgument } from "../../command.ts";
import { harmless, table } from "../../paint.ts";

export default defineCommand({
  about: "Shows one deployment: its phases, gates and checks, and every step.",
  args: { id: requiredArgument("Id of the deployment") },
  examples: [
    ["fairlead deployments show dep_0k3v9m2rxa7qfj", "one deployment"],
    ["fairlead deployments show dep_0k3v9m2rxa7qfj --json", "for scripts"],
  ],
  run: ({ args, world }) => world.api().call("deployment", { params: { id: args.id } }),
  view({ deployment, steps }, paint) {
    const { id, kind, release, status, phases, gates, checks, fault, durationMs } = deployment;
    const lines = [`${paint.bold(id)}  ${kind} ${release}  ${status} after ${formatDuration(durationMs)}`];
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
