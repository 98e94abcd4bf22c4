import type { AppSpec, ServiceTemplate, VariableSpec } from "../model/app.ts";
import { type Complaints, nearest, oneOf, quoted } from "./complaint.ts";
import { type Matcher, matcher } from "./pattern.ts";
import { piecesOf } from "./references.ts";
import { valueFault } from "./resolve.ts";
import { entryOf, type Node, nodeAt } from "./source.ts";

/** What the judgement of a whole manifest needs: its meaning, and where each part is written. */
export interface Judged {
  readonly spec: AppSpec;
  readonly root: Node;
  readonly complaints: Complaints;
  readonly warnings: Complaints;
}

/** Complains about what no single key shows: needs, hosts, references and values that break their own rules. */
export function judge(judged: Judged): void {
  judgeNeeds(judged);
  judgeHosts(judged);
  const rules = { match: matcher(), done: new Set<Node>() };
  for (const service of judged.spec.services) {
    judgeRounds(judged, service);
    for (const [name, variable] of Object.entries(service.variables)) {
      const node = nodeAt(judged.root, "services", service.name, "env", name);
      if (judged.complaints.isFull) return;
      judgeReferences(judged, service, { node, value: variable.value });
      judgeValue(judged, { node, variable, rules });
    }
  }
}

function judgeNeeds({ spec, root, complaints }: Judged): void {
  const names = spec.services.map((service) => service.name);
  for (const { name, needs } of spec.services) {
    const node = nodeAt(root, "services", name, "needs");
    needs.forEach((need, i) => {
      if (need === "" || names.includes(need)) return;
      const meant = nearest(need, names);
      const help = meant === null ? `the services are ${oneOf(names)}` : `did you mean ${quoted(meant)}?`;
      complaints.add(
        node.kind === "list" ? (node.items[i] ?? node) : node,
        `${quoted(need)} is not a service – ${help}`,
      );
    });
  }
  const round = findRound(new Map(spec.services.map(({ name, needs }) => [name, needs])));
  if (round) complaints.add(nodeAt(root, "services", round[0] ?? "", "needs"), `need each other: ${round.join(" → ")}`);
}

function judgeHosts({ spec, root, complaints }: Judged): void {
  const owners = new Map<string, string>();
  for (const { name, http } of spec.services) {
    const node = nodeAt(root, "services", name, "http", "hosts");
    for (const host of http?.hosts ?? []) {
      if (host === "") continue;
      const owner = owners.get(host);
      if (owner !== undefined) complaints.add(node, `${quoted(host)} is a host of ${owner} already`);
      owners.set(host, name);
      if (host.split(".").some((label) => label.length > 63))
        complaints.add(node, `${quoted(host)} has a part of more than 63 characters – give hosts, or shorter names`);
    }
  }
}

interface Written {
  readonly node: Node;
  readonly value: string | null;
}

function judgeReferences({ spec, complaints }: Judged, service: ServiceTemplate, { node, value }: Written): void {
  for (const piece of piecesOf(value ?? "") ?? []) {
    if (piece.kind === "variable" && !Object.hasOwn(service.variables, piece.name)) {
      const meant = nearest(piece.name, Object.keys(service.variables));
      const help = meant === null ? "" : ` – did you mean ${meant}?`;
      complaints.add(node, `refers to a variable that ${service.name} does not have${help}`);
    }
    if (piece.kind !== "output") continue;
    const names = spec.services.map((other) => other.name);
    const target = spec.services.find((other) => other.name === piece.service);
    if (!target) complaints.add(node, `refers to a service that there is not – the services are ${oneOf(names)}`);
    else if (!target.http) complaints.add(node, `refers to ${target.name}, which has no http`);
  }
}

interface WrittenVariable {
  readonly node: Node;
  readonly variable: VariableSpec;
  /** A variable of the app comes once for each service, and is judged once. */
  readonly rules: { readonly match: Matcher; readonly done: Set<Node> };
}

/** A value that is fully written in the file must keep the variable's own rules; `forbid` is for the final value only. */
function judgeValue({ complaints, warnings }: Judged, { node, variable, rules }: WrittenVariable): void {
  const pieces = piecesOf(variable.value ?? "") ?? [];
  if (variable.value === null || rules.done.has(node) || pieces.some((piece) => piece.kind !== "literal")) return;
  rules.done.add(node);
  const literal = pieces.map((piece) => (piece.kind === "literal" ? piece.text : "")).join("");
  const fault = complaints.isAbout(node.path) ? null : valueFault(variable, literal, rules.match);
  if (fault !== null) complaints.add(node, fault);
  if (variable.secret && entryOf(node, "value"))
    warnings.add(node, "is a secret whose value stands in the file – set it with `fairlead env set` instead");
}

function judgeRounds({ root, complaints }: Judged, service: ServiceTemplate): void {
  const graph = Object.entries(service.variables).map(([name, { value }]): [string, readonly string[]] => {
    const pieces = piecesOf(value ?? "") ?? [];
    return [name, pieces.flatMap((piece) => (piece.kind === "variable" ? [piece.name] : []))];
  });
  const round = findRound(new Map(graph));
  if (round)
    complaints.add(
      nodeAt(root, "services", service.name, "env", round[0] ?? ""),
      `refers to itself: ${round.join(" → ")}`,
    );
}

/** The first round of a graph, its start at both ends; null when there is none. Each edge is followed once. */
export function findRound(graph: ReadonlyMap<string, readonly string[]>): readonly string[] | null {
  const done = new Set<string>();
  const visit = (name: string, way: readonly string[]): readonly string[] | null => {
    if (way.includes(name)) return [...way.slice(way.indexOf(name)), name];
    if (done.has(name)) return null;
    for (const next of graph.get(name) ?? []) {
      const round = visit(next, [...way, name]);
      if (round) return round;
    }
    done.add(name);
    return null;
  };
  for (const name of graph.keys()) {
    const round = visit(name, []);
    if (round) return round;
  }
  return null;
}
