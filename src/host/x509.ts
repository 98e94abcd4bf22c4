import { randomBytes } from "node:crypto";
import { isIP } from "node:net";
import { Secret } from "../base/secret.ts";

/** A certificate with its key, both as PEM. The chain begins with the certificate itself; no root is in it. */
export interface Signed {
  readonly chain: string;
  readonly key: Secret;
}

export interface Validity {
  /** In ms since 1970, as everywhere. */
  readonly from: number;
  readonly until: number;
}

/** ECDSA on P-256 is what every client of today takes, and its keys are made in a millisecond. */
const algorithm = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" } as const;

/** Loaded when it is needed, as it costs 15 MB; Node itself can read X.509, but not sign it. */
async function library() {
  await import("reflect-metadata");
  return import("@peculiar/x509");
}

/** A new root, which signs certificates of servers and nothing else. */
export async function makeAuthority(name: string, { from, until }: Validity): Promise<Signed> {
  const x509 = await library();
  const keys = await crypto.subtle.generateKey(algorithm, true, ["sign", "verify"]);
  const certificate = await x509.X509CertificateGenerator.createSelfSigned(
    {
      serialNumber: serial(),
      name: [{ CN: [name] }],
      notBefore: new Date(from),
      notAfter: new Date(until),
      keys,
      signingAlgorithm: algorithm,
      extensions: [
        new x509.BasicConstraintsExtension(true, 0, true),
        new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
        await x509.SubjectKeyIdentifierExtension.create(keys.publicKey, false, crypto),
      ],
    },
    crypto,
  );
  return { chain: `${certificate.toString("pem")}\n`, key: await pemOf(keys.privateKey) };
}

/** A certificate of a server for these host names and addresses, with a new key. */
export async function signServer(authority: Signed, names: readonly string[], validity: Validity): Promise<Signed> {
  const x509 = await library();
  const issuer = new x509.X509Certificate(authority.chain);
  const keys = await crypto.subtle.generateKey(algorithm, true, ["sign", "verify"]);
  const certificate = await x509.X509CertificateGenerator.create(
    {
      serialNumber: serial(),
      // A common name has at most 64 characters (RFC 5280 A.1); clients read the alternative names only.
      subject: [{ CN: [(names[0] ?? "").slice(0, 64)] }],
      issuer: issuer.subject,
      notBefore: new Date(validity.from),
      notAfter: new Date(validity.until),
      publicKey: keys.publicKey,
      signingKey: await signingKey(x509, authority.key),
      signingAlgorithm: algorithm,
      extensions: [
        new x509.BasicConstraintsExtension(false, undefined, true),
        new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
        new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth]),
        new x509.SubjectAlternativeNameExtension(
          names.map((value) => ({ type: isIP(value) === 0 ? "dns" : "ip", value }) as const),
        ),
        await x509.AuthorityKeyIdentifierExtension.create(issuer.publicKey, false, crypto),
      ],
    },
    crypto,
  );
  return { chain: `${certificate.toString("pem")}\n`, key: await pemOf(keys.privateKey) };
}

/** 16 random bytes, positive and not 0 (RFC 5280 4.1.2.2). */
function serial(): string {
  const bytes = randomBytes(16);
  bytes[0] = ((bytes[0] ?? 0) & 0x7f) | 0x40;
  return bytes.toString("hex");
}

async function pemOf(key: CryptoKey): Promise<Secret> {
  const base64 = Buffer.from(await crypto.subtle.exportKey("pkcs8", key)).toString("base64");
  const lines = base64.match(/.{1,64}/g) ?? [];
  return new Secret(`-----BEGIN PRIVATE KEY-----\n${lines.join("\n")}\n-----END PRIVATE KEY-----\n`);
}

async function signingKey(x509: Awaited<ReturnType<typeof library>>, key: Secret) {
  const [der] = x509.PemConverter.decode(key.reveal());
  return crypto.subtle.importKey("pkcs8", der ?? new ArrayBuffer(0), algorithm, false, ["sign"]);
}
