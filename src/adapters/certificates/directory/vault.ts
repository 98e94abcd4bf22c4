import type { X509Certificate } from "node:crypto";
import { readdir, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { sha256 } from "../../../base/digest.ts";
import { asFault, Fault, isErrno } from "../../../base/faults.ts";
import { Secret } from "../../../base/secret.ts";
import { makeDirectory, readText, replaceFile, syncDirectory } from "../../../host/files.ts";
import { readPair } from "../../../host/pem.ts";
import type { CertificateSource, HostRecord } from "../../../model/certificate.ts";
import type { CertificatePair, CertificateVault, StoredCertificate } from "../../../ports/certificates.ts";
import type { Clock } from "../../../ports/clock.ts";

/** A certificate as it lies on disk: the one place where its key is text. */
interface CertificateFile {
  readonly source: CertificateSource;
  readonly hosts: readonly string[];
  readonly chain: string;
  readonly key: string;
}

export interface CertificateVaultOptions {
  /** Created if missing, readable only by this user. */
  readonly directory: string;
  readonly clock: Clock;
  /** Takes one line about a file that cannot be used. */
  readonly log: (line: string) => void;
}

/** Certificates as one file each, 0600 in a directory of 0700. What a crash left half written is taken away. */
export async function openCertificateVault(options: CertificateVaultOptions): Promise<CertificateVault> {
  const { directory } = options;
  await makeDirectory(directory);
  const drafts = (await readdir(directory)).filter((name) => name.endsWith(".new"));
  await Promise.all(drafts.map((name) => rm(join(directory, name), { force: true })));
  return new DirectoryVault(options);
}

class DirectoryVault implements CertificateVault {
  readonly #options: CertificateVaultOptions;
  readonly #records: string;

  constructor(options: CertificateVaultOptions) {
    this.#options = options;
    this.#records = join(options.directory, "records.json");
  }

  read(pair: CertificatePair, about: { source: CertificateSource; hosts: readonly string[] }): StoredCertificate {
    const { hosts } = about;
    const leaf = readPair(pair);
    if (typeof leaf === "string") throw invalid(hosts, leaf);
    const unnamed = hosts.find((host) => !names(leaf, host));
    if (unnamed !== undefined) throw invalid(hosts, `it names ${leaf.subjectAltName ?? "no host"}, not ${unnamed}`);
    const stored = describe(leaf, pair, about);
    if (stored.held.until > this.#options.clock.now()) return stored;
    throw invalid(hosts, `it expired at ${new Date(stored.held.until).toISOString()}`);
  }

  async list(): Promise<readonly StoredCertificate[]> {
    const names = (await readdir(this.#options.directory)).filter((name) => name.endsWith(".cert.json"));
    const found = await Promise.all(names.sort().map((name) => this.#load(name)));
    return found.filter((one) => one !== null);
  }

  async save({ held, chain, key }: StoredCertificate): Promise<void> {
    const file: CertificateFile = { source: held.source, hosts: held.hosts, chain, key: key.reveal() };
    await replaceFile(this.#path(held.id), JSON.stringify(file));
  }

  async remove(id: string): Promise<void> {
    await rm(this.#path(id), { force: true });
    await syncDirectory(this.#options.directory);
  }

  async records(): Promise<readonly HostRecord[]> {
    const text = await readText(this.#records);
    try {
      const read: unknown = text === null ? [] : JSON.parse(text);
      if (Array.isArray(read) && read.every(isRecord)) return read;
    } catch (thrown) {
      if (!(thrown instanceof SyntaxError)) throw thrown;
      return this.#setRecordsAside(thrown.message);
    }
    return this.#setRecordsAside("it contains something else");
  }

  /**
   * The record of requests matters less than working certificates: the hosts are requested as if for the first time.
   */
  async #setRecordsAside(why: string): Promise<readonly HostRecord[]> {
    const aside = `${this.#records}.damaged-${this.#options.clock.now()}`;
    try {
      await rename(this.#records, aside);
    } catch (thrown) {
      if (isErrno(thrown, "ENOENT")) return []; // another reader was first
      throw thrown;
    }
    this.#options.log(`the record of failed certificates cannot be read and was moved to ${aside}: ${why}`);
    return [];
  }

  async saveRecords(records: readonly HostRecord[]): Promise<void> {
    await replaceFile(this.#records, JSON.stringify(records));
  }

  async #load(name: string): Promise<StoredCertificate | null> {
    const file = await this.#readFile(name);
    if (file === null) return null;
    const { source, hosts, chain, key } = file;
    const pair = { chain, key: new Secret(key) };
    const leaf = readPair(pair);
    if (typeof leaf !== "string") return describe(leaf, pair, { source, hosts });
    this.#options.log(`the certificate in ${name} is ignored: ${leaf}`);
    return null;
  }

  /** One that cannot be read, whatever the reason, keeps none of the others from being served. */
  async #readFile(name: string): Promise<CertificateFile | null> {
    try {
      const text = await readText(join(this.#options.directory, name));
      if (text === null) return null;
      const file: unknown = JSON.parse(text);
      if (isCertificateFile(file)) return file;
      this.#options.log(`the certificate in ${name} is ignored: the file contains something else`);
    } catch (thrown) {
      this.#options.log(`the certificate in ${name} is ignored: it cannot be read: ${asFault(thrown).detail}`);
    }
    return null;
  }

  #path(id: string): string {
    return join(this.#options.directory, `${id}.cert.json`);
  }
}

function isRecord(read: unknown): read is HostRecord {
  const { host, failures, lastAt } = (read ?? {}) as Partial<HostRecord>;
  return typeof host === "string" && Number.isFinite(failures) && Number.isFinite(lastAt);
}

function isCertificateFile(read: unknown): read is CertificateFile {
  const { source, hosts, chain, key } = (read ?? {}) as Partial<CertificateFile>;
  const areTexts = [source, chain, key].every((one) => typeof one === "string");
  return areTexts && Array.isArray(hosts) && hosts.every((host) => typeof host === "string");
}

function describe(
  leaf: X509Certificate,
  pair: CertificatePair,
  { source, hosts }: { source: CertificateSource; hosts: readonly string[] },
): StoredCertificate {
  const first = (hosts[0] ?? "").replace("*", "_").replace(/[^a-z0-9._-]/g, "");
  const id = `${source}-${first.slice(0, 100)}-${sha256(hosts.join("\n")).slice(-12)}`;
  const written = /(?:^|\n)O=(.*)/.exec(leaf.issuer)?.[1] ?? /(?:^|\n)CN=(.*)/.exec(leaf.issuer)?.[1] ?? leaf.issuer;
  const issuer = written.replaceAll(/\\([^0-9A-Fa-f])/g, "$1"); // `\,` is a comma (RFC 4514, 2.4)
  const times = { from: leaf.validFromDate.getTime(), until: leaf.validToDate.getTime() };
  return { held: { id, source, hosts, issuer, serial: leaf.serialNumber, ...times }, ...pair };
}

/** A wildcard host must be in the certificate as it is; any other may be covered by one. */
function names(leaf: X509Certificate, host: string): boolean {
  if (!host.startsWith("*.")) return leaf.checkHost(host, { subject: "never" }) !== undefined;
  return (leaf.subjectAltName ?? "").toLowerCase().split(", ").includes(`dns:${host}`);
}

function invalid(hosts: readonly string[], why: string): Fault {
  return new Fault("certificate.invalid", `The certificate for ${hosts.join(", ")} cannot be used: ${why}.`);
}
