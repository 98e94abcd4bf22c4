import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { isErrno } from "../../../base/faults.ts";
import { Secret } from "../../../base/secret.ts";
import { makeDirectory, replaceFile } from "../../../host/files.ts";
import { makeAuthority, type Signed, signServer } from "../../../host/x509.ts";
import type { CertificateAuthority } from "../../../ports/certificates.ts";
import type { Clock } from "../../../ports/clock.ts";

const day = 86_400_000;
/** Clocks of two machines differ; a certificate from this very second is not valid yet on some. */
const backdateMs = 3_600_000;
const rootLifeMs = 3_650 * day;
/** Browsers refuse certificates of more than 398 days, also of authorities that a person trusts. */
const lifeMs = 90 * day;

export interface LocalAuthorityOptions {
  /** Holds its root and the root's key. */
  readonly directory: string;
  readonly clock: Clock;
}

/** Where its root is, for clients that shall trust it. */
export function rootFile(directory: string): string {
  return join(directory, "local-root.pem");
}

/** The authority of this machine, which nobody else trusts. Its root is created when first needed, and stored. */
export function localAuthority({ directory, clock }: LocalAuthorityOptions): CertificateAuthority {
  let root: Promise<Signed> | null = null;
  return {
    async issue(hosts) {
      root ??= keptRoot(directory, clock).catch((thrown: unknown) => {
        root = null;
        throw thrown;
      });
      const now = clock.now();
      return signServer(await root, hosts, { from: now - backdateMs, until: now + lifeMs });
    },
  };
}

async function keptRoot(directory: string, clock: Clock): Promise<Signed> {
  const path = rootFile(directory);
  const keyPath = join(directory, "local-root.key.pem");
  try {
    return { chain: await readFile(path, "utf8"), key: new Secret(await readFile(keyPath, "utf8")) };
  } catch (thrown) {
    if (!isErrno(thrown, "ENOENT")) throw thrown;
  }
  await makeDirectory(directory);
  const now = clock.now();
  const root = await makeAuthority("Fairlead, this machine only", { from: now - backdateMs, until: now + rootLifeMs });
  // The key comes first: a root without its key would be of no use forever.
  await replaceFile(keyPath, root.key.reveal());
  await replaceFile(path, root.chain);
  return root;
}
