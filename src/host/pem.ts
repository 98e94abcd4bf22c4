import { createPrivateKey, X509Certificate } from "node:crypto";
import { isMistake } from "../base/faults.ts";
import type { Secret } from "../base/secret.ts";

const block = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g;

/** The certificate that a chain begins with; or, as the end of a sentence about the pair, why it cannot be used. */
export function readPair({ chain, key }: { readonly chain: string; readonly key: Secret }): X509Certificate | string {
  const leaf = attempt(() => (chain.match(block) ?? []).map((pem) => new X509Certificate(pem))[0]);
  if (leaf === undefined) return "its chain does not consist of PEM certificates";
  const secret = attempt(() => createPrivateKey(key.reveal()));
  if (secret === undefined) return "its key is not an unencrypted PEM private key";
  return leaf.checkPrivateKey(secret) ? leaf : "its key does not match the first certificate of its chain";
}

/** Whatever OpenSSL says of what it cannot read stays unsaid: some of its words quote the input. */
function attempt<T>(make: () => T): T | undefined {
  try {
    return make();
  } catch (thrown) {
    if (isMistake(thrown)) throw thrown;
    return undefined;
  }
}
