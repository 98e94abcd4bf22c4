import type { EnvKey } from "../../model/environment.ts";
import type { CheckAnswer } from "../../model/instance.ts";
import { type Inquiry, inquiriesOf } from "../../plan/checks.ts";
import type { Sensed, Snapshot } from "../../plan/plan.ts";
import { isVoid, type ProbeRequest } from "../../ports/prober.ts";
import type { Sensor, SensorDeps } from "./sensor.ts";
import { WatchList } from "./watch-list.ts";

/** Delay between two requests while the answers are bad. */
const askAgainMs = 500;
/** Time limit of one answer, so that a missing one leaves time for others (R053's time for a probe). */
const answerWithinMs = 10_000;

type AnswerDeps = Pick<SensorDeps, "prober" | "clock" | "redactors" | "changed" | "failed">;

interface Asked {
  readonly key: EnvKey;
  /** As the inquiry is called. */
  readonly name: string;
  readonly inquiry: Inquiry;
  answer: CheckAnswer | null;
  /** When it came, on the steady clock. */
  at: number;
  cancel: () => void;
}

/** Sends the requests of checks until each gets a good answer, and stores the last answers. */
export class AnswerSensor implements Sensor<Sensed["answers"]> {
  readonly #deps: AnswerDeps;
  readonly #asked = new WatchList<Asked>();

  constructor(deps: AnswerDeps) {
    this.#deps = deps;
  }

  watch(s: Snapshot): void {
    this.ask(s.key, inquiriesOf(s));
  }

  read(key: EnvKey): Sensed["answers"] {
    const now = this.#deps.clock.steady();
    const told = ({ name, answer, at }: Asked) => {
      const agoMs = now - at;
      return answer ? [[name, { ...answer, ...(agoMs > 0 && { agoMs }) }] as const] : [];
    };
    return Object.fromEntries(this.#asked.of(key).flatMap(told));
  }

  close(): void {
    this.#asked.clear();
  }

  /** Sends exactly these requests of an environment from now on. */
  ask(key: EnvKey, inquiries: readonly Inquiry[]): void {
    this.#asked.keep(key, new Set(inquiries.map(({ id }) => id)));
    for (const inquiry of inquiries) {
      if (this.#asked.find(key, inquiry.id)) continue;
      const one: Asked = { key, name: inquiry.id, inquiry, answer: null, at: 0, cancel: () => undefined };
      this.#asked.add(one);
      this.#ask(one);
    }
  }

  #ask(one: Asked): void {
    void this.#answerOf(one)
      .then((answer) => {
        if (!this.#asked.has(one)) return;
        if (!answer) return this.#later(one);
        one.answer = answer;
        one.at = this.#deps.clock.steady();
        if (!answer.good) this.#later(one);
        this.#deps.changed(one.key);
      })
      .catch((thrown) => {
        this.#deps.failed(one.key, thrown);
        if (this.#asked.has(one)) this.#later(one);
      });
  }

  #later(one: Asked): void {
    one.cancel = this.#deps.clock.after(askAgainMs, () => this.#ask(one));
  }

  /** Null if the answer says nothing about the instance. */
  async #answerOf({ key, inquiry }: Asked): Promise<CheckAnswer | null> {
    const { address, host, question, withinMs, release } = inquiry;
    const redactor = await this.#deps.redactors.of(key, release);
    const timeoutMs = Math.min(withinMs, answerWithinMs);
    const request: ProbeRequest = { kind: "http", address, host, ...question, timeoutMs };
    const askedAt = this.#deps.clock.steady();
    const answer = await this.#deps.prober.probe(request);
    if (isVoid(request, answer, this.#deps.clock.steady() - askedAt)) return null;
    return { good: answer.good, words: redactor.text(answer.words) };
  }
}
