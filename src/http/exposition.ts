import type { Measures } from "../usecases/metrics.ts";

/** Figures in the text format of Prometheus, version 0.0.4. All labels come from closed lists, so nothing is escaped. */
export function exposition({ environments, instances, verdicts }: Measures, residentBytes: number): string {
  return [
    ...gauge("fairlead_environments", "Known environments.", [["", environments]]),
    ...gauge("fairlead_instances", "Instances by observed state.", labelled("state", instances)),
    ...gauge(
      "fairlead_recent_deployments",
      "Newest deployments of every environment, at most 200 each, by verdict.",
      labelled("verdict", verdicts),
    ),
    ...gauge("fairlead_resident_memory_bytes", "Memory of the controller.", [["", residentBytes]]),
    "",
  ].join("\n");
}

function gauge(name: string, help: string, samples: readonly (readonly [string, number])[]): readonly string[] {
  return [
    `# HELP ${name} ${help}`,
    `# TYPE ${name} gauge`,
    ...samples.map(([labels, value]) => `${name}${labels} ${value}`),
  ];
}

function labelled(label: string, counts: ReadonlyMap<string, number>): readonly (readonly [string, number])[] {
  return [...counts].map(([word, count]) => [`{${label}="${word}"}`, count] as const);
}
