import { networkInterfaces } from "node:os";
import { sha256 } from "../../../base/digest.ts";
import { Fault } from "../../../base/faults.ts";
import { Serial } from "../../../base/serial.ts";
import { type ContainerEngine, isRefusal } from "../../../host/engine.ts";
import { installationLabel } from "../../../host/installation.ts";
import { type EnvKey, keyText } from "../../../model/environment.ts";
import { type Inside, nowhere } from "../../../model/route.ts";
import { keyLabels, type Labels } from "./labels.ts";

/** One environment's network: the first three numbers of its addresses are its `prefix`. */
export interface EnvNetwork {
  readonly name: string;
  readonly prefix: string;
}

interface ListedNetwork {
  readonly Name: string;
  readonly Id: string;
  readonly Labels: Labels | null;
  readonly IPAM: { readonly Config: readonly { readonly Subnet?: string }[] | null };
}

/** Where the networks are cut from, each a /24: 256 environments. */
const pool = "10.222";
/**
 * In each network, .1 is the engine's, .2 to .191 are given out by us and stay with an instance, and the last quarter is
 * the engine's to give to what needs no address that lasts.
 */
const [firstHost, lastHost] = [2, 191];
/** How often another range is tried when the engine knows of an overlap that we do not. */
const mostTries = 16;

/** The machine's own address in a network. */
export function gatewayOf({ prefix }: EnvNetwork): string {
  return `${prefix}.1`;
}

/**
 * The name of an internal service to its neighbours; `.internal` is set aside for private use (ICANN, July 2024).
 * Not `.localhost`, which curl and others take for the container itself without looking.
 */
export function innerName({ app, environment }: EnvKey, service: string): string {
  return `${environment === "production" ? "" : `${environment}--`}${service}.${app}.internal`;
}

interface Range {
  readonly from: number;
  readonly to: number;
}

/** First and last address of a network in CIDR form as numbers, or null for anything else (IPv6). */
export function rangeOf(cidr: string): Range | null {
  const found = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})\/(\d{1,2})$/.exec(cidr);
  if (!found) return null;
  const [a = 0, b = 0, c = 0, d = 0, bits = 0] = found.slice(1).map(Number);
  const size = 2 ** (32 - bits);
  const from = Math.floor((a * 2 ** 24 + b * 2 ** 16 + c * 2 ** 8 + d) / size) * size;
  return { from, to: from + size - 1 };
}

/** Prefixes of the pool that overlap nothing of `taken`, beginning somewhere and going round. */
export function freePrefixes(taken: readonly string[], beginning: number): readonly string[] {
  const ranges = taken.map(rangeOf).filter((range) => range !== null);
  return Array.from({ length: 256 }, (_, i) => `${pool}.${(beginning + i) % 256}`).filter((prefix) => {
    const own = rangeOf(`${prefix}.0/24`);
    return own !== null && ranges.every((range) => range.to < own.from || range.from > own.to);
  });
}

/** Makes the networks of environments when they are needed, and takes them away when nothing is left in them. */
export class Networks {
  readonly #engine: ContainerEngine;
  readonly #installation: string;
  readonly #known = new Map<string, EnvNetwork>();
  /** One at a time for each environment: a network is never removed while somebody has just found it. */
  readonly #turns = new Serial();
  readonly #users = new Map<string, number>();
  readonly #last = new Map<string, number>();

  constructor(engine: ContainerEngine, installation: string) {
    this.#engine = engine;
    this.#installation = installation;
  }

  /** Runs `use` with the environment's network, which is there for as long as that takes. */
  async during<T>(key: EnvKey, use: (network: EnvNetwork) => Promise<T>): Promise<T> {
    const text = keyText(key);
    this.#users.set(text, (this.#users.get(text) ?? 0) + 1);
    try {
      return await use(await this.#ensure(key));
    } finally {
      this.#users.set(text, (this.#users.get(text) ?? 1) - 1);
    }
  }

  /** From where an environment's containers call, and where they find the edge; nothing while it has no network. */
  async inside(key: EnvKey): Promise<Inside> {
    const network = this.#known.get(keyText(key)) ?? (await this.#turns.run(keyText(key), () => this.#find(key)));
    if (network === null) return nowhere;
    this.#known.set(keyText(key), network);
    return { callers: [`${network.prefix}.0/24`], doors: [gatewayOf(network)] };
  }

  /** It may have been taken away by somebody else: looks again next time. */
  forget(key: EnvKey): void {
    this.#known.delete(keyText(key));
  }

  /** Takes the network of an environment away, unless somebody uses it; what is still in it keeps it. */
  drop(key: EnvKey): Promise<void> {
    const text = keyText(key);
    return this.#turns.run(text, async () => {
      if ((this.#users.get(text) ?? 0) > 0) return;
      this.#known.delete(text);
      await this.#remove(key);
    });
  }

  /** The next address of a network: all others come before the one given last comes again. `held`: those in use. */
  address(network: EnvNetwork, held: ReadonlySet<string>, last: string | null): string {
    const before = this.#last.get(network.name) ?? Number(last?.split(".")[3] ?? lastHost);
    const count = lastHost - firstHost + 1;
    for (let i = 1; i <= count; i += 1) {
      const host = firstHost + ((before - firstHost + i) % count);
      const address = `${network.prefix}.${host}`;
      if (held.has(address)) continue;
      this.#last.set(network.name, host);
      return address;
    }
    const hint = "Stop an instance of this environment first.";
    throw new Fault("runtime.ports-exhausted", `every address of ${network.name} is in use`, { hint });
  }

  #ensure(key: EnvKey): Promise<EnvNetwork> {
    const text = keyText(key);
    return this.#turns.run(text, async () => {
      const network = this.#known.get(text) ?? (await this.#find(key)) ?? (await this.#make(key));
      this.#known.set(text, network);
      return network;
    });
  }

  async #find(key: EnvKey): Promise<EnvNetwork | null> {
    const [found] = await this.#own(key);
    const subnet = found?.IPAM.Config?.[0]?.Subnet;
    return found && subnet ? { name: found.Name, prefix: subnet.split(".").slice(0, 3).join(".") } : null;
  }

  async #own(key: EnvKey): Promise<readonly ListedNetwork[]> {
    const labels = Object.entries(keyLabels(this.#installation, key)).map((pair) => pair.join("="));
    return this.#engine.json<ListedNetwork[]>("GET", "/networks", { query: { filters: { label: labels } } });
  }

  async #make(key: EnvKey): Promise<EnvNetwork> {
    // Hyphens are in names too: app `shop-eu` in `production` and app `shop` in `eu-production` would be one.
    const whose = sha256(`${this.#installation} ${keyText(key)}`).slice(-6);
    const name = `fl-${key.app}-${key.environment}-${whose}`;
    const prefixes = freePrefixes(await this.#taken(), Number.parseInt(this.#installation.slice(0, 2), 16));
    for (const prefix of prefixes.slice(0, mostTries)) {
      if (await this.#create(key, { name, prefix })) return { name, prefix };
    }
    throw new Fault("operation.failed", `no /24 of ${pool}.0.0/16 is free for the network ${name}`);
  }

  async #taken(): Promise<readonly string[]> {
    const networks = await this.#engine.json<ListedNetwork[]>("GET", "/networks");
    const engines = networks.flatMap(({ IPAM }) => (IPAM.Config ?? []).map(({ Subnet }) => Subnet ?? ""));
    const hosts = Object.values(networkInterfaces()).flatMap((each) => (each ?? []).map(({ cidr }) => cidr ?? ""));
    return [...engines, ...hosts];
  }

  /** False when the engine knows of something that overlaps: 403 says so, and 409 that the name is somebody else's. */
  async #create(key: EnvKey, { name, prefix }: EnvNetwork): Promise<boolean> {
    const config = { Subnet: `${prefix}.0/24`, Gateway: gatewayOf({ name, prefix }), IPRange: `${prefix}.192/26` };
    const body = {
      Name: name,
      CheckDuplicate: true,
      Driver: "bridge",
      IPAM: { Driver: "default", Config: [config] },
      Labels: keyLabels(this.#installation, key),
    };
    try {
      await this.#engine.json("POST", "/networks/create", { body });
      return true;
    } catch (thrown) {
      if (isRefusal(thrown, 400, 403, 500)) return false;
      throw thrown;
    }
  }

  async #remove(key: EnvKey): Promise<void> {
    for (const { Id, Labels } of await this.#own(key)) {
      if (Labels?.[installationLabel] !== this.#installation) continue;
      try {
        await this.#engine.json("DELETE", `/networks/${Id}`);
      } catch (thrown) {
        // 403: something is in it, which then needs it. 404: gone already.
        if (!isRefusal(thrown, 403, 404, 409)) throw thrown;
      }
    }
  }
}
