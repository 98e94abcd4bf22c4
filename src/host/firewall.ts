import { runChild } from "./child.ts";
import type { UidRange } from "./users.ts";

/** A port of this machine that only one app's user may connect to. */
export interface GuardedPort {
  readonly uid: number;
  readonly port: number;
}

export interface Guarded {
  /**
   * Users that may connect only to their own ports. Root, the edge and people are not included. Other ports are left
   * alone: they may belong to instances of another controller with the same range of users.
   */
  readonly apps: UidRange;
  readonly doors: readonly GuardedPort[];
}

/** A change of the rules takes some ms, but another program may hold the table's lock for seconds. */
const changeLimitMs = 10_000;
const env = { PATH: "/usr/sbin:/usr/bin:/sbin:/bin" };

/** The rules for nft(8): the whole table is replaced atomically. */
export function nftRules(name: string, { apps, doors }: Guarded): string {
  const rules = doors.map(
    ({ uid, port }) =>
      `    tcp dport ${port} meta skuid ${apps.from}-${apps.to} meta skuid != ${uid} reject with tcp reset`,
  );
  return [
    ...[`table inet ${name}`, `delete table inet ${name}`, `table inet ${name} {`],
    ...["  chain guard {", ...rules],
    ...["  }", "  chain output {", "    type filter hook output priority 0; policy accept;"],
    '    oifname "lo" tcp flags & (fin | syn | rst | ack) == syn jump guard',
    ...["  }", "}", ""],
  ].join("\n");
}

/** The chain for iptables-restore(8) with --noflush: it is replaced atomically. */
export function iptablesRules(name: string, { apps, doors }: Guarded): string {
  const others = `-m owner --uid-owner ${apps.from}-${apps.to} -j REJECT --reject-with tcp-reset`;
  const rules = doors.flatMap(({ uid, port }) => {
    const dials = `-A ${name} -p tcp -m tcp --dport ${port}`;
    return [`${dials} -m owner --uid-owner ${uid} -j RETURN`, `${dials} ${others}`];
  });
  return ["*filter", `:${name} - [0:0]`, ...rules, "COMMIT", ""].join("\n");
}

type Way = "nft" | "iptables";

/**
 * Refuses connections from apps to ports of other apps, by the user of the socket, over IPv4 and IPv6. The rules are a
 * table (nft) or a chain (iptables) with its own name, so that applying them again, also by another controller after a
 * crash, changes nothing. They outlive the controller, as the apps do, and are removed when there is nothing to
 * protect.
 */
export class Firewall {
  readonly #name: string;
  readonly #ways: readonly Way[];
  #way: Way | null = null;
  #turn: Promise<unknown> = Promise.resolve();

  /** `name`: at most 28 letters, digits and underscores (XT_EXTENSION_MAXNAMELEN). `ways`: in which order they are tried. */
  constructor(name: string, ways: readonly Way[] = ["nft", "iptables"]) {
    this.#name = name;
    this.#ways = ways;
  }

  /** One change at a time; when the answer is null the rules are in force. Else it says why they are not, in the system's words. */
  apply(guarded: Guarded): Promise<string | null> {
    return this.#inTurn(() => (guarded.doors.length === 0 ? this.#clear() : this.#apply(guarded)));
  }

  /** Why `apply` would not put rules in force here, in the system's words, or null. Changes nothing. */
  async check(guarded: Guarded): Promise<string | null> {
    const nft = await run(["nft", "--check", "-f", "-"], nftRules(this.#name, guarded));
    if (nft === null) return null;
    const rules = iptablesRules(this.#name, guarded);
    for (const program of families) {
      const reason = await run([`${program}-restore`, "--wait", "--noflush", "--test"], rules);
      if (reason !== null) return `${nft}; ${reason}`;
    }
    return null;
  }

  #inTurn(act: () => Promise<string | null>): Promise<string | null> {
    const done = this.#turn.then(act);
    this.#turn = done;
    return done;
  }

  async #apply(guarded: Guarded): Promise<string | null> {
    const reasons: string[] = [];
    for (const way of this.#way ? [this.#way] : this.#ways) {
      const reason = way === "nft" ? await this.#nft(guarded) : await this.#iptables(guarded);
      if (reason === null) {
        this.#way = way;
        return null;
      }
      reasons.push(reason);
    }
    return reasons.join("; ");
  }

  /** Without knowing which way a previous controller went, all of them. */
  async #clear(): Promise<null> {
    for (const way of this.#way ? [this.#way] : this.#ways) {
      if (way === "nft") await run(["nft", "delete", "table", "inet", this.#name]);
      else for (const program of families) await this.#removeChain(program);
    }
    return null;
  }

  #nft(guarded: Guarded): Promise<string | null> {
    return run(["nft", "-f", "-"], nftRules(this.#name, guarded));
  }

  async #iptables(guarded: Guarded): Promise<string | null> {
    const rules = iptablesRules(this.#name, guarded);
    const reasons = await Promise.all(
      families.map(async (program) => {
        const reason = await run([`${program}-restore`, "--wait", "--noflush"], rules);
        if (reason !== null || (await run([program, "--wait", "-C", ...this.#jump()])) === null) return reason;
        return run([program, "--wait", "-I", ...this.#jump()]);
      }),
    );
    return reasons.find((reason) => reason !== null) ?? null;
  }

  async #removeChain(program: string): Promise<void> {
    await run([program, "--wait", "-D", ...this.#jump()]);
    await run([program, "--wait", "-F", this.#name]);
    await run([program, "--wait", "-X", this.#name]);
  }

  /** Only what opens a connection: that is one packet of thousands. */
  #jump(): readonly string[] {
    return ["OUTPUT", "-o", "lo", "-p", "tcp", "-m", "tcp", "--syn", "-j", this.#name];
  }
}

const families = ["iptables", "ip6tables"] as const;

/** Why a program failed, or null. */
async function run(command: readonly [string, ...string[]], input = ""): Promise<string | null> {
  try {
    const { code, stderr } = await runChild(command, { env, input, limit: 1_000, withinMs: changeLimitMs });
    return code === 0 ? null : `${command[0]}: ${stderr.trim().split("\n")[0] || `ended with ${code}`}`;
  } catch (thrown) {
    return `${command[0]}: ${thrown instanceof Error && "code" in thrown ? String(thrown.code) : String(thrown)}`;
  }
}
