import { type EnvKey, keyText } from "../../model/environment.ts";
import type { CheckAnswer } from "../../model/instance.ts";
import type { Inquiry } from "../../plan/checks.ts";
import type { SteadyClock } from "../../ports/clock.ts";
import { isVoid, type ProbeRequest, type Prober } from "../../ports/prober.ts";
import type { Redactors } from "../redaction.ts";

/** Delay between two requests while the answers are bad. */
const askAgainMs = 500;
/** Time limit of one answer, so that a missing one leaves time for others (R053's time for a probe). */
const answerWithinMs = 10_000;

interface SensorDeps {
  readonly prober: Prober;
  readonly clock: SteadyClock;
  readonly redactors: Redactors;
  /** An answer came in. */
  readonly changed: (key: EnvKey) => void;
  readonly failed: (key: EnvKey, thrown: unknown) => void;
}

interface Asked {
  readonly key: EnvKey;
  readonly inquiry: Inquiry;
  answer: CheckAnswer | null;
  /** When it came, on the steady clock. */
  at: number;
  cancel: () => void;
}

/** Sends the requests of checks until each gets a good answer, and stores the last answers. */
export class AnswerSensor {
  readonly #deps: SensorDeps;
  readonly #asked = new Map<string, Asked>();

  constructor(deps: SensorDeps) {
    this.#deps = deps;
  }

  answers(key: EnvKey): Record<string, CheckAnswer> {
    const mine = [...this.#asked.values()].filter((one) => keyText(one.key) === keyText(key));
    const now = this.#deps.clock.steady();
    const told = ({ inquiry: { id }, answer, at }: Asked) => {
      const agoMs = now - at;
      return answer ? [[id, { ...answer, ...(agoMs > 0 && { agoMs }) }] as const] : [];
    };
    return Object.fromEntries(mine.flatMap(told));
  }

  /** Sends exactly these requests of an environment from now on. */
  watch(key: EnvKey, inquiries: readonly Inquiry[]): void {
    const wanted = new Set(inquiries.map(({ id }) => id));
    for (const [id, one] of this.#asked) {
      if (keyText(one.key) === keyText(key) && !wanted.has(id)) this.#forget(id, one);
    }
    for (const inquiry of inquiries) {
      if (this.#asked.has(inquiry.id)) continue;
      const one: Asked = { key, inquiry, answer: null, at: 0, cancel: () => undefined };
      this.#asked.set(inquiry.id, one);
      this.#ask(one);
    }
  }

  close(): void {
    for (const [id, one] of this.#asked) this.#forget(id, one);
  }

  #forget(id: string, one: Asked): void {
    one.cancel();
    this.#asked.delete(id);
  }

  #ask(one: Asked): void {
    void this.#answerOf(one)
      .then((answer) => {
        if (this.#asked.get(one.inquiry.id) !== one) return;
        if (!answer) return this.#later(one);
        one.answer = answer;
        one.at = this.#deps.clock.steady();
        if (!answer.good) this.#later(one);
        this.#deps.changed(one.key);
      })
      .catch((thrown) => {
        this.#deps.failed(one.key, thrown);
        if (this.#asked.get(one.inquiry.id) === one) this.#later(one);
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
