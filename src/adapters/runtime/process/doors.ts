import type { GuardedPort } from "../../../host/firewall.ts";
import type { Exit } from "../../../model/instance.ts";
import type { Clock } from "../../../ports/clock.ts";
import type { StoredWorkload } from "./folder.ts";
import { portHolder } from "./listening.ts";

/** Lets only these users dial these ports; answers why that is not in force, or null. */
export type Guard = (doors: readonly GuardedPort[]) => Promise<string | null>;

/** Interval for restoring the rules, because anything may replace them unnoticed (`nft flush ruleset`). */
const againMs = 60_000;

interface DoorOptions {
  readonly guard: Guard | null;
  readonly clock: Clock;
  readonly notify: (words: string) => void;
}

/** What has a port, and is gone when it has an exit. */
interface Guarded {
  readonly stored: Pick<StoredWorkload, "port" | "tcp" | "user">;
  readonly exit: Exit | null;
}

/** Controls who may connect to the ports of instances, and reports foreign holders of ports, each once. */
export class Doors {
  readonly #options: DoorOptions;
  readonly #said = new Set<string>();
  #guarding: Promise<string | null> = Promise.resolve(null);
  #callOff: () => void = () => undefined;

  constructor(options: DoorOptions) {
    this.#options = options;
  }

  /** When it returns, each port is open only to the environment of its instance, until `close`. */
  async guard(entries: Iterable<Guarded>): Promise<void> {
    const doors = [...entries]
      .filter(({ exit }) => exit === null)
      .flatMap(({ stored: { port, tcp, user } }) => {
        return user === null
          ? []
          : [...tcp, ...(port === null ? [] : [port])].map((each) => ({ port: each, uid: user.uid }));
      });
    await this.#apply(doors);
  }

  async #apply(doors: readonly GuardedPort[]): Promise<void> {
    const { guard, clock } = this.#options;
    if (guard === null) return;
    this.#callOff();
    this.#callOff = doors.length === 0 ? () => undefined : clock.after(againMs, () => void this.#apply(doors));
    this.#guarding = guard(doors);
    const reason = await this.#guarding;
    if (reason !== null) this.#sayOnce(`apps can connect to each other's ports: ${reason}`);
  }

  /** Resolves when what was asked so far is in force. The rules stay. */
  async close(): Promise<void> {
    this.#callOff();
    await this.#guarding;
  }

  sayTaken(port: number): void {
    const holder = portHolder(port) ?? "a process that does not answer for it";
    this.#sayOnce(`port ${port} of the pool is taken by ${holder}; instances get others`);
  }

  #sayOnce(words: string): void {
    if (!this.#said.has(words)) this.#options.notify(words);
    this.#said.add(words);
  }
}
