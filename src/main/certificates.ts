import { join } from "node:path";
import { acmeAuthority } from "../adapters/authority/acme/authority.ts";
import { localAuthority } from "../adapters/authority/local/authority.ts";
import { openCertificateVault } from "../adapters/certificates/directory/vault.ts";
import { domainProber } from "../adapters/domain/network/prober.ts";
import type { CheckView } from "../contract/controller.ts";
import type { CertificateDeps } from "../engine/certificates.ts";
import type { Certificates } from "../engine/engine.ts";
import { ok } from "./check.ts";
import { systemClock } from "./clock.ts";

/** The authority to use, and the contact. */
export interface AcmeSettings {
  readonly email: string;
  readonly directoryUrl: string;
  /** Asked first for a host without a certificate; null: the real one at once. */
  readonly stagingUrl: string | null;
  readonly caFile: string | null;
  readonly publicAddresses: readonly string[];
  /** `address:port` of a DNS server in place of the machine's own. */
  readonly resolver?: string;
  /** The port that the authority uses; default 80. */
  readonly challengePort?: number;
}

/** What the keeper of certificates stands on, beside what the engine has already. */
export async function openCertificates(options: {
  readonly stateDirectory: string;
  readonly acme?: AcmeSettings | null;
  readonly log: (line: string) => void;
}): Promise<Pick<CertificateDeps, "vault" | "prober" | "authorities">> {
  const { acme = null, log } = options;
  const directory = join(options.stateDirectory, "certs");
  const vault = await openCertificateVault({ directory, clock: systemClock, log });
  const prober = domainProber({
    publicAddresses: acme?.publicAddresses ?? [],
    resolver: acme?.resolver ?? null,
    port: acme?.challengePort ?? 80,
  });
  const authority = (directoryUrl: string) => {
    const { email = "", caFile = null } = acme ?? {};
    return acmeAuthority({ directoryUrl, email, caFile, accounts: directory });
  };
  const authorities = {
    local: localAuthority({ directory, clock: systemClock }),
    acme: acme === null ? null : authority(acme.directoryUrl),
    staging: acme?.stagingUrl ? authority(acme.stagingUrl) : null,
  };
  return { vault, prober, authorities };
}

/** One row of `doctor`: whether every host with a certificate, or a pending one, is well. */
export async function certificatesCheck(certificates: Certificates): Promise<CheckView> {
  const domains = await certificates.domains();
  const bad = domains.filter(({ state }) => state === "expired" || state === "failing" || state === "expiring");
  const name = "certificates";
  if (bad.length === 0) {
    const served = domains.filter(({ state }) => state === "served").length;
    return ok(name, `${served} of ${domains.length} hosts are served over TLS`);
  }
  const detail = bad.map(({ host, state }) => `${host} ${state}`).join(", ");
  const isEnded = bad.some(({ state }) => state === "expired");
  return { name, state: isEnded ? "fail" : "warn", detail, fix: "See `fairlead domains check` of each." };
}
