import type { FaultRecord } from "../base/faults.ts";
import { Serial } from "../base/serial.ts";
import type { HostRecord } from "../model/certificate.ts";
import type { CertificateVault } from "../ports/certificates.ts";
import type { Clock } from "../ports/clock.ts";

/**
 * Records of requests per host, written before and after, so that a crash does not cause too many requests. Concurrent
 * writes see each other's results.
 */
export class HostRecords {
  readonly #vault: CertificateVault;
  readonly #clock: Clock;
  readonly #serial = new Serial();

  constructor(vault: CertificateVault, clock: Clock) {
    this.#vault = vault;
    this.#clock = clock;
  }

  /** They are about to be requested. */
  begun(hosts: readonly string[]): Promise<void> {
    return this.#write(hosts, (before) => ({ ...before, lastAt: this.#clock.now() }));
  }

  failed(hosts: readonly string[], fault: FaultRecord): Promise<void> {
    return this.#write(hosts, (before) => ({
      ...before,
      failures: before.failures + 1,
      lastAt: this.#clock.now(),
      fault,
    }));
  }

  /** Allows a new request. */
  cleared(hosts: readonly string[], { rehearsed = false } = {}): Promise<void> {
    return this.#write(hosts, ({ host, rehearsedAt }) => ({
      host,
      failures: 0,
      lastAt: 0,
      fault: null,
      rehearsedAt: rehearsed ? this.#clock.now() : rehearsedAt,
    }));
  }

  #write(hosts: readonly string[], change: (before: HostRecord) => HostRecord): Promise<void> {
    return this.#serial.run("records", () => this.#writeAlone(hosts, change));
  }

  async #writeAlone(hosts: readonly string[], change: (before: HostRecord) => HostRecord): Promise<void> {
    if (hosts.length === 0) return;
    const records = new Map((await this.#vault.records()).map((record) => [record.host, record]));
    for (const host of hosts) {
      const fresh = { host, failures: 0, lastAt: 0, fault: null, rehearsedAt: null };
      records.set(host, change(records.get(host) ?? fresh));
    }
    const telling = [...records.values()].filter((one) => one.lastAt > 0 || one.rehearsedAt !== null);
    await this.#vault.saveRecords(telling);
  }
}
