import type { FaultRecord } from "../base/faults.ts";
import { Serial } from "../base/serial.ts";
import type { HostRecord } from "../model/certificate.ts";
import type { CertificateVault } from "../ports/certificates.ts";
import type { Clock } from "../ports/clock.ts";

/**
 * How asking for hosts has gone, written down before and after, so that a crash does not make it be asked too often. Of writings
 * that come together each sees what the one before left.
 */
export class HostRecords {
  readonly #vault: CertificateVault;
  readonly #clock: Clock;
  readonly #serial = new Serial();

  constructor(vault: CertificateVault, clock: Clock) {
    this.#vault = vault;
    this.#clock = clock;
  }

  /** They are about to be asked for. */
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

  /** Nothing stands against asking again. */
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
