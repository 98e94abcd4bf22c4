import { join } from "node:path";
import { acmeAuthority } from "../adapters/authority/acme/authority.ts";
import { localAuthority } from "../adapters/authority/local/authority.ts";
import { openVault } from "../adapters/certificates/directory/vault.ts";
import { domainProber } from "../adapters/domain/network/prober.ts";
import type { CertificateDeps } from "../engine/certificates.ts";
import { systemClock } from "./clock.ts";

/** Whom to ask for certificates, and as whom. */
export interface AcmeOptions {
  readonly email: string;
  readonly directoryUrl: string;
  /** Asked first for a host without a certificate; null: the real one at once. */
  readonly stagingUrl: string | null;
  readonly caFile: string | null;
  readonly publicAddresses: readonly string[];
  /** `address:port` of a DNS server in place of the machine's own. */
  readonly resolver?: string;
  /** Where the authority asks; default 80. */
  readonly challengePort?: number;
}

/** What the keeper of certificates stands on, beside what the engine has already. */
export async function openCertificates(options: {
  readonly stateDirectory: string;
  readonly acme?: AcmeOptions | null;
  readonly log: (line: string) => void;
}): Promise<Pick<CertificateDeps, "vault" | "prober" | "authorities">> {
  const { acme = null, log } = options;
  const directory = join(options.stateDirectory, "certs");
  const vault = await openVault({ directory, clock: systemClock, log });
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
