import { withReadableHost } from "../base/host-name.ts";
import type { AppSpec, VariableSpec } from "../model/app.ts";
import { refusedName, replacedDefault } from "../model/variables.ts";
import { allOf, type Diagnostics, nearest, oneOf, quoted } from "./diagnostic.ts";
import { type Owner, ownersIn } from "./owner.ts";
import { matcher, type PatternMatcher } from "./pattern.ts";
import { piecesOf } from "./references.ts";
import { valueFault } from "./resolve.ts";
import { entryOf, type Node, nodeAt } from "./source.ts";

/** Input for checking a whole manifest: its model, and where each part is written. */
export interface JudgedManifest {
  readonly spec: AppSpec;
  readonly root: Node;
  readonly diagnostics: Diagnostics;
  readonly warnings: Diagnostics;
}

/** Checks what involves several keys: needs, hosts, references and values that break their own rules. */
export function judge(judged: JudgedManifest): void {
  const written = writtenIn(judged);
  const { diagnostics } = judged;
  // A variable that could not be read has no value to check.
  const isRead = ({ path }: Node) => !diagnostics.isAbout(path);
  const readable = new Set(written.filter(({ node, valueNode }) => isRead(node) && isRead(valueNode)));
  judgeNeeds(judged);
  judgeGroups(judged);
  judgeHosts(judged);
  const match = matcher();
  for (const owner of ownersIn(judged.spec)) judgeRounds(judged, owner);
  judgeBuild(judged);
  judgePreviews(judged);
  for (const one of written) {
    if (diagnostics.isFull) return;
    judgeName(judged, one);
    judgeReferences(judged, one);
    if (readable.has(one)) judgeValue(judged, one, match);
  }
}

/** A variable as written, with all that get it from there. */
interface Written {
  readonly name: string;
  /** What is said about the variable at all. */
  readonly node: Node;
  /** The layer that sets its value, if that is another one. */
  readonly valueNode: Node;
  readonly variable: VariableSpec;
  readonly owners: Owner[];
}

function writtenIn({ spec, root }: JudgedManifest): readonly Written[] {
  const written = new Map<string, Written>();
  for (const owner of ownersIn(spec)) {
    for (const [name, variable] of Object.entries(owner.variables)) {
      const node = nodeAt(root, ...owner.at, name);
      const value = (entryOf(node, "value") ?? entryOf(node, "default"))?.value ?? node;
      const valueNode = value.path.startsWith(node.path) ? node : value;
      const id = JSON.stringify([node.line, node.column, valueNode.line, valueNode.column, variable]);
      const known = written.get(id);
      if (known) known.owners.push(owner);
      else written.set(id, { name, node, valueNode, variable, owners: [owner] });
    }
  }
  return [...written.values()];
}

function judgeNeeds(judged: JudgedManifest): void {
  const { spec, root, diagnostics } = judged;
  const known = spec.services.map((service) => service.name);
  for (const service of known)
    judgeNames(judged, nodeAt(root, "services", service, "needs"), { what: "service", known });
  for (const round of roundsIn(new Map(spec.services.map(({ name, needs }) => [name, needs])))) {
    diagnostics.add(nodeAt(root, "services", round[0] ?? "", "needs"), `need each other: ${round.join(" → ")}`);
  }
}

/** A group that a service names must exist; one that no service names is probably a typo. */
function judgeGroups(judged: JudgedManifest): void {
  const { spec, root, warnings } = judged;
  const groups = entryOf(root, "groups")?.value;
  const known = groups?.kind === "map" ? [...groups.entries.keys()] : [];
  const named = spec.services.flatMap(({ name }) => {
    return judgeNames(judged, nodeAt(root, "services", name, "groups"), { what: "group", known });
  });
  for (const name of known) {
    if (groups && !named.includes(name)) warnings.add(nodeAt(groups, name), "is a group that no service has");
  }
}

/** Reports unknown names in a list; returns all names. */
function judgeNames(
  { diagnostics }: JudgedManifest,
  node: Node,
  { what, known }: { what: string; known: readonly string[] },
): readonly string[] {
  const items = node.kind === "list" ? node.items.filter((item) => item.kind === "scalar") : [];
  for (const item of items) {
    if (known.includes(item.text) || diagnostics.isAbout(item.path)) continue;
    const meant = nearest(item.text, known);
    const all = known.length === 0 ? `there are no ${what}s` : `the ${what}s are ${oneOf(known)}`;
    diagnostics.add(
      item,
      `${quoted(item.text)} is not a ${what} – ${meant === null ? all : `did you mean ${quoted(meant)}?`}`,
    );
  }
  return items.map(({ text }) => text);
}

function judgeHosts({ spec, root, diagnostics }: JudgedManifest): void {
  const owners = new Map<string, string>();
  for (const { name, http } of spec.services) {
    const node = nodeAt(root, "services", name, "http", "hosts");
    for (const host of http?.hosts ?? []) {
      if (host === "") continue;
      const owner = owners.get(host);
      if (owner !== undefined) diagnostics.add(node, `${quoted(withReadableHost(host))} is already a host of ${owner}`);
      owners.set(host, name);
      if (host.split(".").some((label) => label.length > 63))
        diagnostics.add(
          node,
          `${quoted(host)} has a label of more than 63 characters – set hosts, or use shorter names`,
        );
    }
  }
}

/** A name that Fairlead sets itself would be silently overwritten; one that replaces a default is mentioned. */
function judgeName({ spec, diagnostics, warnings }: JudgedManifest, { name, node, owners }: Written): void {
  const hasHttp = owners.some(({ service }) => spec.services.find((each) => each.name === service)?.http);
  const refused = refusedName(name, hasHttp);
  if (refused !== null && !diagnostics.isAbout(node.path)) diagnostics.add(node, refused);
  const replaced = replacedDefault(name);
  if (replaced !== null) warnings.add(node, replaced);
}

function judgeReferences({ spec, diagnostics }: JudgedManifest, { valueNode, variable, owners }: Written): void {
  for (const piece of piecesOf(variable.value ?? "") ?? []) {
    if (piece.kind === "variable") {
      const without = owners.filter(({ variables }) => !Object.hasOwn(variables, piece.name));
      const [first] = without;
      if (!first) continue;
      const meant = nearest(piece.name, Object.keys(first.variables));
      const help = meant === null ? "" : ` – did you mean ${meant}?`;
      const who = allOf(without.map(({ service }) => service ?? "the build"));
      diagnostics.add(
        valueNode,
        `refers to a variable that ${who} ${without.length > 1 ? "do" : "does"} not have${help}`,
      );
    }
    if (piece.kind !== "output") continue;
    const names = spec.services.map((other) => other.name);
    const target = spec.services.find((other) => other.name === piece.service);
    if (!target)
      diagnostics.add(valueNode, `refers to a service that does not exist – the services are ${oneOf(names)}`);
    else if (!target.http) diagnostics.add(valueNode, `refers to ${target.name}, which has no http`);
  }
}

/** A value that is fully written in the file must keep the variable's own rules; `forbid` is for the final value only. */
function judgeValue(
  { diagnostics, warnings }: JudgedManifest,
  { node, valueNode, variable }: Written,
  match: PatternMatcher,
): void {
  const pieces = piecesOf(variable.value ?? "") ?? [];
  if (variable.value === null || pieces.some((piece) => piece.kind !== "literal")) return;
  const literal = pieces.map((piece) => (piece.kind === "literal" ? piece.text : "")).join("");
  const fault = valueFault(variable, literal, match);
  if (fault !== null) diagnostics.add(valueNode, fault);
  if (variable.secret && entryOf(node, "value"))
    warnings.add(valueNode, "is a secret whose value is in the file – set it with `fairlead env set` instead");
}

/** All services share one build, so only the app's own variables can be for it. */
function judgeBuild({ spec, root, diagnostics }: JudgedManifest): void {
  const { build, buildVariables, services } = spec;
  const isForBuild = (name: string) => (buildVariables[name]?.scope ?? "run") !== "run";
  for (const { name: service, variables } of services) {
    for (const [name, { scope }] of Object.entries(variables)) {
      if (scope === "run" || isForBuild(name)) continue;
      const node = nodeAt(root, "services", service, "env", name, "scope");
      diagnostics.add(node, "is for the build, which all services share – write it under the env: of the app");
    }
  }
  for (const name of Object.keys(buildVariables).filter(isForBuild)) {
    const node = nodeAt(root, "env", name);
    if (build.image !== null)
      diagnostics.add(node, "is for the build, but an image is not built – remove one", "scope");
    if (Object.hasOwn(build.args, name)) diagnostics.add(node, "is already a build argument – remove one of them");
  }
}

/** Anyone who writes the code of a preview can print its values. */
function judgePreviews({ spec, root, diagnostics }: JudgedManifest): void {
  if (spec.previews.from !== "production") return;
  diagnostics.add(
    nodeAt(root, "previews", "from"),
    "is production, whose secrets must stay there – name another environment",
  );
}

function judgeRounds({ root, diagnostics }: JudgedManifest, owner: Owner): void {
  const graph = Object.entries(owner.variables).map(([name, { value }]): [string, readonly string[]] => {
    const pieces = piecesOf(value ?? "") ?? [];
    return [name, pieces.flatMap((piece) => (piece.kind === "variable" ? [piece.name] : []))];
  });
  let names = 0;
  for (const round of roundsIn(new Map(graph))) {
    const node = nodeAt(root, ...owner.at, round[0] ?? "");
    diagnostics.add(node, `refers to itself: ${round.join(" → ")}`);
    names += round.length;
    if (diagnostics.isFull || names > namesTold) return;
  }
}

/** Maximum number of names in reported cycles; the rest is reported when those are fixed. */
const namesTold = 500;

/**
 * The cycles of a graph, each with its first name repeated at the end: one for every edge that closes a cycle, so that
 * removing those edges leaves none. The result does not depend on the graph's order. Each edge is followed once.
 */
function* roundsIn(graph: ReadonlyMap<string, readonly string[]>): Generator<readonly string[]> {
  const done = new Set<string>();
  // A set keeps its order: the names on the path, first one first.
  const way = new Set<string>();
  function* visit(name: string): Generator<readonly string[]> {
    if (way.has(name)) yield fromFirst([...way].slice([...way].indexOf(name)));
    if (way.has(name) || done.has(name)) return;
    way.add(name);
    for (const next of [...new Set(graph.get(name))].sort()) yield* visit(next);
    way.delete(name);
    done.add(name);
  }
  for (const name of [...graph.keys()].sort()) yield* visit(name);
}

function fromFirst(round: readonly string[]): readonly string[] {
  const first = round.toSorted()[0] ?? "";
  const at = round.indexOf(first);
  return [...round.slice(at), ...round.slice(0, at), first];
}
