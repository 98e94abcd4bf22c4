import path from "node:path";
import { Fault } from "../base/faults.ts";
import { type FlagValues, textFlag, toggleFlag } from "./flags.ts";
import { readAddress } from "./place.ts";
import type { ControllerSettings } from "./world.ts";

/** TLS address and certificate authority of a controller. */
export const tlsFlags = {
  edgeTls: textFlag(
    "--edge-tls <address>",
    "Address where the edge takes TLS (with --acme-email default: port 443 beside --edge)",
  ),
  acmeEmail: textFlag(
    "--acme-email <address>",
    "Request certificates with this contact, and accept the authority's terms",
  ),
  acmeDirectory: textFlag("--acme-directory <url>", "ACME directory of the authority (default Let's Encrypt)"),
  acmeStaging: toggleFlag("--acme-staging", "Try every first certificate with Let's Encrypt's staging authority"),
  acmeCa: textFlag("--acme-ca <file>", "Absolute path of a PEM file with the roots of the authority's own servers"),
  publicAddress: textFlag(
    "--public-address <addresses>",
    "Public addresses of this machine, like 192.0.2.7,2001:db8::7",
  ),
};

/** Let's Encrypt's directories (letsencrypt.org/docs/acme-protocol-updates and /docs/staging-environment). */
const production = "https://acme-v02.api.letsencrypt.org/directory";
const staging = "https://acme-staging-v02.api.letsencrypt.org/directory";

/** The same as controller options. Faults: `usage.invalid`. */
export function tlsOf(
  flags: FlagValues<typeof tlsFlags>,
  edge: { readonly host: string; readonly port: number },
): Pick<ControllerSettings, "edgeTls" | "acme"> {
  const { acmeEmail: email, acmeDirectory, acmeStaging, acmeCa, publicAddress } = flags;
  if (email === undefined && (acmeDirectory !== undefined || acmeStaging || acmeCa !== undefined)) {
    throw new Fault("usage.invalid", "certificates are requested only with --acme-email, which accepts the terms");
  }
  const secure = email === undefined ? null : { host: edge.host, port: 443 };
  const edgeTls = flags.edgeTls === undefined ? secure : readAddress("--edge-tls", flags.edgeTls);
  if (email === undefined) return { edgeTls };
  if (!/^[^\s@]+@[^\s@]+$/.test(email)) throw new Fault("usage.invalid", "--acme-email must be an e-mail address");
  if (acmeCa !== undefined && !path.isAbsolute(acmeCa)) {
    throw new Fault("usage.invalid", "--acme-ca must be an absolute path, so that it is the same file for a service");
  }
  const acme = {
    email,
    directoryUrl: urlOf(acmeDirectory ?? production),
    stagingUrl: acmeStaging ? staging : null,
    caFile: acmeCa ?? null,
    publicAddresses: (publicAddress ?? "").split(",").flatMap((one) => (one.trim() === "" ? [] : [one.trim()])),
  };
  return { edgeTls, acme };
}

function urlOf(text: string): string {
  if (URL.canParse(text) && new URL(text).protocol === "https:") return text;
  throw new Fault("usage.invalid", "--acme-directory must be a URL that begins with https://");
}
