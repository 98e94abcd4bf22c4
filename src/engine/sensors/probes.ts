import { Serial } from "../../base/serial.ts";
import { type EnvKey, keyText } from "../../model/environment.ts";
import type { ProbeState } from "../../model/instance.ts";
import type { Sensed, Snapshot } from "../../plan/plan.ts";
import { type ProbeTarget, probeTargets } from "../../plan/probes.ts";
import { isVoid, type ProbeAnswer, type ProbeRequest } from "../../ports/prober.ts";
import type { Sensor, SensorDeps } from "./sensor.ts";
import { Wakeups } from "./wakeups.ts";
import { WatchList } from "./watch-list.ts";

/** A starting instance is probed again after 5, 10, 20, 25, 25 … ms: longer waits would only cost time. */
const firstAskMs = 5;
const startingAskMs = 25;
/** Longest wait for a readiness answer. */
const readyTimeoutMs = 5_000;
/** How often the ports of an instance are looked up while nothing listens on its PORT. */
const lookForPortsMs = 500;
/** A serving instance may be probed earlier than its interval by half of it and at most this, together with others. */
const soonerAtMostMs = 500;

/** Foreign answers in a row before a report: a look at sockets may fall between two states. */
const strangersInRow = 2;

const unasked: ProbeState = { readyInRow: 0, unreadyInRow: 0, deadInRow: 0, lastAnswer: null, listensOn: null };

interface Watched {
  readonly key: EnvKey;
  readonly name: string;
  target: ProbeTarget;
  state: ProbeState;
  asked: number;
  portsAt: number;
  /** When the last readiness answer came, on the steady clock. */
  answeredAt: number;
  /** Whether its own processes held its port at the last good answer after a bad one. */
  isOwn: boolean;
  strangers: number;
  readonly cancels: Map<"ready" | "alive", () => void>;
  readonly cancel: () => void;
}

type ProbeDeps = Pick<
  SensorDeps,
  "prober" | "runtime" | "edge" | "journal" | "clock" | "redactors" | "changed" | "failed"
>;

/** Probes all running instances, each at its own interval, and counts the results. */
export class ProbeSensor implements Sensor<Sensed["probes"]> {
  readonly #deps: ProbeDeps;
  readonly #watched = new WatchList<Watched>();
  readonly #wakeups: Wakeups;
  readonly #notes = new Serial();

  constructor(deps: ProbeDeps) {
    this.#deps = deps;
    this.#wakeups = new Wakeups(deps.clock);
  }

  watch(s: Snapshot): void {
    this.ask(s.key, probeTargets(s));
  }

  /** The probe results of an environment's instances. */
  read(key: EnvKey): Sensed["probes"] {
    const now = this.#deps.clock.steady();
    const scored = ({ name, state, answeredAt }: Watched) => [name, { ...state, lastAgoMs: now - answeredAt }] as const;
    return Object.fromEntries(this.#watched.of(key).map(scored));
  }

  close(): Promise<void> {
    this.#watched.clear();
    return this.#notes.idle();
  }

  /** Probes exactly these instances of an environment from now on. */
  ask(key: EnvKey, targets: readonly ProbeTarget[]): void {
    this.#watched.keep(key, new Set(targets.map(({ name }) => name)));
    for (const target of targets) {
      const known = this.#watched.find(key, target.name);
      if (known) this.#update(known, target);
      else this.#begin(key, target);
    }
  }

  /** Checks again, with the next answers, which process answers at the addresses of these instances. */
  doubt(key: EnvKey, instances: readonly { readonly id: string }[]): void {
    for (const { id } of instances) {
      const one = this.#watched.find(key, id);
      if (one) one.isOwn = false;
    }
  }

  #begin(key: EnvKey, target: ProbeTarget): void {
    const since = this.#deps.clock.steady();
    const cancels: Watched["cancels"] = new Map();
    const one: Watched = {
      key,
      name: target.name,
      target,
      state: unasked,
      asked: 0,
      portsAt: since,
      answeredAt: since,
      isOwn: false,
      strangers: 0,
      cancels,
      cancel: () => {
        for (const cancel of cancels.values()) cancel();
      },
    };
    this.#watched.add(one);
    this.#askReady(one);
    if (target.alive) this.#askAlive(one);
  }

  #update(one: Watched, target: ProbeTarget): void {
    const wasAlive = one.target.alive;
    one.target = target;
    if (target.alive && !wasAlive) this.#later(one, "alive", target.alive.everyMs);
  }

  /** Serving instances are probed together if their intervals allow it; a starting one is probed to the millisecond. */
  #later(one: Watched, what: "ready" | "alive", ms: number): void {
    const ask = () => (what === "ready" ? this.#askReady(one) : this.#askAlive(one));
    const soonerMs = one.target.gated ? Math.min(ms / 2, soonerAtMostMs) : 0;
    one.cancels.set(what, this.#wakeups.after({ ms, soonerMs }, ask));
  }

  #askReady(one: Watched): void {
    // The answer that gives it traffic is verified again.
    if (one.state.readyInRow + 1 === one.target.times) one.isOwn = false;
    void this.#ask(one, readyRequest(one.target)).then(async (answer) => {
      if (!this.#watched.has(one)) return;
      if (answer?.good && !one.target.gated && one.state.readyInRow + 1 === one.target.times) await this.#askFront(one);
      if (answer) await this.#scoreReady(one, answer);
      if (this.#watched.has(one)) this.#later(one, "ready", this.#nextReadyMs(one));
    });
  }

  /** Asks what visitors ask for first, when the manifest asks for something else: before the gate opens. */
  async #askFront(one: Watched): Promise<void> {
    const { ready } = one.target;
    if (ready === null || ready.path === "/" || ready.status === "below 500") return;
    const request = { ...readyRequest(one.target), path: "/", status: "below 500", json: [] } as ProbeRequest;
    const answer = await this.#deps.prober.probe(request);
    one.state = { ...one.state, front: answer.good || answer.late ? null : answer.words };
  }

  /** The answer of an instance; null if it says nothing about the instance. */
  async #ask(one: Watched, request: ProbeRequest): Promise<ProbeAnswer | null> {
    const { clock, prober } = this.#deps;
    const askedAt = clock.steady();
    const answer = await prober.probe(request);
    if (!this.#watched.has(one)) return null;
    if (!answer.good) {
      one.isOwn = false;
      const tookMs = clock.steady() - askedAt;
      return isVoid(request, answer, tookMs) ? null : answer;
    }
    const stranger = one.isOwn ? null : await this.#strangerAt(one);
    one.isOwn = stranger === null;
    one.strangers = stranger === null ? 0 : one.strangers + 1;
    if (stranger === null) return answer;
    return { good: false, words: `${stranger} answers instead`, refused: false };
  }

  /** The foreign process that answers at an instance's address, in words; null also if unknown. */
  async #strangerAt({ key, target }: Watched): Promise<string | null> {
    try {
      return (await this.#deps.runtime.strangerAt(target.name))?.who ?? null;
    } catch (thrown) {
      this.#deps.failed(key, thrown);
      return null;
    }
  }

  #nextReadyMs(one: Watched): number {
    if (one.target.gated) return one.target.everyMs;
    return Math.min(one.target.everyMs, startingAskMs, firstAskMs * 2 ** Math.min(one.asked - 1, 10));
  }

  async #scoreReady(one: Watched, answer: ProbeAnswer): Promise<void> {
    const before = one.state;
    one.asked += 1;
    one.answeredAt = this.#deps.clock.steady();
    const isStrange = one.strangers >= strangersInRow;
    one.state = {
      ...before,
      readyInRow: answer.good ? before.readyInRow + 1 : 0,
      unreadyInRow: answer.good ? 0 : before.unreadyInRow + 1,
      lastAnswer: await this.#wordsOf(one, answer),
      listensOn: answer.refused ? await this.#ports(one) : null,
      stranger: isStrange ? answer.words : null,
    };
    const { times, unreadyAfter } = one.target;
    if (one.strangers === strangersInRow) this.#report(one);
    else if (!before.listensOn?.length && one.state.listensOn?.length) this.#report(one);
    else if (one.state.readyInRow === times || (!answer.good && one.state.unreadyInRow === unreadyAfter))
      this.#report(one);
  }

  /** The text for an answer. A good one contains what the manifest requires; a bad one may quote anything. */
  async #wordsOf({ key, target }: Watched, { good, words }: ProbeAnswer): Promise<string> {
    if (good) return words;
    try {
      return (await this.#deps.redactors.of(key, target.release)).text(words);
    } catch (thrown) {
      this.#deps.failed(key, thrown);
      return "a bad answer that cannot be shown";
    }
  }

  /** The ports of an instance that does not listen on its PORT. */
  async #ports(one: Watched): Promise<readonly number[] | null> {
    const now = this.#deps.clock.steady();
    if (now - one.portsAt < lookForPortsMs) return one.state.listensOn;
    one.portsAt = now;
    try {
      return await this.#deps.runtime.listening(one.target.name);
    } catch (thrown) {
      this.#deps.failed(one.key, thrown);
      return null;
    }
  }

  #askAlive(one: Watched): void {
    const alive = one.target.alive;
    if (!alive) return;
    const { address, host } = one.target;
    const timeoutMs = alive.timeoutMs;
    const request: ProbeRequest = { kind: "http", address, host, path: alive.path, status: null, json: [], timeoutMs };
    void this.#ask(one, request).then((answer) => {
      if (!this.#watched.has(one)) return;
      if (answer) {
        const deadInRow = answer.good ? 0 : one.state.deadInRow + 1;
        one.state = { ...one.state, deadInRow };
        if (deadInRow === alive.failures) this.#report(one);
      }
      this.#later(one, "alive", alive.everyMs);
    });
  }

  #report(one: Watched): void {
    this.#notes.run(one.name, () => this.#note(one)).catch((thrown) => this.#deps.failed(one.key, thrown));
    this.#deps.changed(one.key);
  }

  /** Reports when a serving instance is no longer ready, and when it keeps its traffic because it is the last one. */
  async #note({ key, target, state }: Watched): Promise<void> {
    if (!target.gated || state.unreadyInRow !== target.unreadyAfter) return;
    const { journal, edge, clock } = this.#deps;
    const { table } = await edge.observe(keyText(key));
    const upstreams = table?.routes.find((route) => route.service === target.service)?.upstreams ?? [];
    const isLast = upstreams.every((upstream) => upstream.id === target.name);
    const kind = isLast ? "edge.last-upstream-kept" : "instance.not-ready";
    const what = isLast ? "it is the last one, so it keeps its traffic" : "it gets no traffic until it is ready again";
    const detail = `${target.service}: ${state.lastAnswer}, ${state.unreadyInRow} in a row; ${what}`;
    await journal.commit([
      { kind: "event", event: { at: clock.now(), key, kind, deployment: null, subject: target.name, detail } },
    ]);
  }
}

function readyRequest(target: ProbeTarget): ProbeRequest {
  const { address, host, ready } = target;
  if (!ready) return { kind: "tcp", address, timeoutMs: readyTimeoutMs };
  const { path, status, json } = ready;
  return { kind: "http", address, host, path, status, json, timeoutMs: readyTimeoutMs };
}
