import { isWord, type Node, parsePattern, refusePattern, type UnitTest } from "./pattern.ts";

/** How much of a line is looked at. */
const testedUnits = 4 * 1024;
/** Most instructions of a pattern, most states remembered before beginning anew, and most units remembered of a state. */
const limits = { instructions: 1_000, states: 500, units: 500 } as const;

export interface Grep {
  test(line: string): boolean;
  /** A text that must stand in every matching line; quick to look for in many lines at once. Null when there is none. */
  readonly literal: string | null;
}

/**
 * A regular expression that takes time proportional to the line, whatever the pattern and the line are: a deterministic
 * automaton made while matching (Thompson, "Regular Expression Search Algorithm", CACM 1968; as RE2 does). Fault
 * `request.invalid` for a pattern outside of what pattern.ts reads. Looks at the first 4,096 characters of a line.
 */
export function createGrep(source: string): Grep {
  const node = parsePattern(source);
  if (!/[\\^$.*+?()[\]{}|]/.test(source)) {
    return { literal: source, test: (line) => line.slice(0, testedUnits).includes(source) };
  }
  const automaton = new Automaton(compile(node));
  return { literal: null, test: (line) => automaton.matches(line) };
}

type Instruction =
  | { readonly kind: "unit"; readonly test: UnitTest }
  | { readonly kind: "assert"; readonly what: Extract<Node, { kind: "assert" }>["what"] }
  | { kind: "split"; first: number; second: number }
  | { readonly kind: "match" };

function compile(node: Node): readonly Instruction[] {
  const program: Instruction[] = [];
  emit(node, program);
  add(program, { kind: "match" });
  return program;
}

function add<Kind extends Instruction>(program: Instruction[], instruction: Kind): Kind {
  if (program.length >= limits.instructions)
    throw refusePattern("the pattern is too large once its counts are written out");
  program.push(instruction);
  return instruction;
}

function emit(node: Node, program: Instruction[]): void {
  switch (node.kind) {
    case "unit":
    case "assert":
      add(program, node);
      break;
    case "sequence":
      for (const each of node.nodes) emit(each, program);
      break;
    case "choice":
      emitChoice(node.nodes, program);
      break;
    case "repeat":
      emitRepeat(node, program);
  }
}

function emitChoice(nodes: readonly Node[], program: Instruction[]): void {
  const exits: { first: number; second: number }[] = [];
  for (const [index, node] of nodes.entries()) {
    if (index === nodes.length - 1) {
      emit(node, program);
      break;
    }
    const fork = add(program, { kind: "split", first: program.length + 1, second: 0 });
    emit(node, program);
    exits.push(add(program, { kind: "split", first: 0, second: 0 }));
    fork.second = program.length;
  }
  for (const exit of exits) exit.first = exit.second = program.length;
}

function emitRepeat({ node, least, most }: Extract<Node, { kind: "repeat" }>, program: Instruction[]): void {
  for (let i = 0; i < least; i += 1) emit(node, program);
  if (most === Number.POSITIVE_INFINITY) {
    const start = program.length;
    const fork = add(program, { kind: "split", first: start + 1, second: 0 });
    emit(node, program);
    add(program, { kind: "split", first: start, second: start });
    fork.second = program.length;
    return;
  }
  const forks: { second: number }[] = [];
  for (let i = least; i < most; i += 1) {
    forks.push(add(program, { kind: "split", first: program.length + 1, second: 0 }));
    emit(node, program);
  }
  for (const fork of forks) fork.second = program.length;
}

/** What stands before a place: nothing, or a unit that is part of a word or not. */
type Before = "start" | "word" | "other";

interface State {
  /** Instructions to go on from, sorted; the first one is always among them, for a match may begin anywhere. */
  readonly from: readonly number[];
  readonly before: Before;
  readonly next: Map<number, State | "match">;
  endMatches: boolean | null;
}

class Automaton {
  readonly #program: readonly Instruction[];
  readonly #states = new Map<string, State>();

  constructor(program: readonly Instruction[]) {
    this.#program = program;
  }

  matches(line: string): boolean {
    let state = this.#state([0], "start");
    const length = Math.min(line.length, testedUnits);
    for (let at = 0; at < length; at += 1) {
      const unit = line.charCodeAt(at);
      let next = state.next.get(unit);
      if (next === undefined) {
        next = this.#step(state, unit);
        if (state.next.size < limits.units) state.next.set(unit, next);
      }
      if (next === "match") return true;
      state = next;
    }
    state.endMatches ??= this.#reach(state, null).has(this.#program.length - 1);
    return state.endMatches;
  }

  #state(from: readonly number[], before: Before): State {
    const name = `${before} ${from.join(",")}`;
    const known = this.#states.get(name);
    if (known) return known;
    if (this.#states.size >= limits.states) this.#forget();
    const state: State = { from, before, next: new Map(), endMatches: null };
    this.#states.set(name, state);
    return state;
  }

  #forget(): void {
    for (const state of this.#states.values()) state.next.clear(); // else they would keep each other in memory
    this.#states.clear();
  }

  #step(state: State, unit: number): State | "match" {
    const reached = this.#reach(state, unit);
    if (reached.has(this.#program.length - 1)) return "match";
    const next = new Set([0]);
    for (const index of reached) {
      const instruction = this.#program[index];
      if (instruction?.kind === "unit" && instruction.test(unit)) next.add(index + 1);
    }
    return this.#state(
      [...next].sort((a, b) => a - b),
      isWord(unit) ? "word" : "other",
    );
  }

  /** All instructions reached without taking a unit, when `unit` (null: the end) comes next. */
  #reach(state: State, unit: number | null): Set<number> {
    const boundary = (state.before === "word") !== (unit !== null && isWord(unit));
    const holds = { start: state.before === "start", end: unit === null, boundary, "no-boundary": !boundary };
    const reached = new Set<number>();
    const open = [...state.from];
    for (let index = open.pop(); index !== undefined; index = open.pop()) {
      if (reached.has(index)) continue;
      reached.add(index);
      const instruction = this.#program[index];
      if (instruction?.kind === "split") open.push(instruction.first, instruction.second);
      else if (instruction?.kind === "assert" && holds[instruction.what]) open.push(index + 1);
    }
    return reached;
  }
}
