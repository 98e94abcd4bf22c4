/** Where everything about one environment begins. */
export const environmentPath = "/v1/apps/{app}/environments/{environment}";

/** Fills the braces of a path, each value escaped. */
export function fillPath(path: string, params: Readonly<Record<string, string>>): string {
  return path.replace(/\{(\w+)\}/g, (_braces, member: string) => encodeURIComponent(params[member] ?? ""));
}

/** The members of a path's braces, in order. */
export function paramsOf(path: string): readonly string[] {
  return [...path.matchAll(/\{(\w+)\}/g)].map(([, member = ""]) => member);
}
