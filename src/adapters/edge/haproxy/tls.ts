import { mkdir, readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { sha256 } from "../../../base/digest.ts";
import { Fault } from "../../../base/faults.ts";
import type { EdgeCertificate } from "../../../ports/edge.ts";
import { CertificateStore } from "../table/certificate-store.ts";
import { checkCertificates, type GoodCertificate, toWire } from "../table/certificates.ts";
import { askCli } from "./cli.ts";
import { type EdgeFiles, type FileText, writeWhole } from "./files.ts";
import type { MapEntry } from "./policies.ts";
import { serialKey } from "./route-map.ts";

/** A certificate as HAProxy keeps it: a file named by its hosts, so that its successor takes its place. */
interface Kept {
  readonly path: string;
  readonly hosts: readonly string[];
  readonly pem: string;
}

/** The certificates that HAProxy is to serve, as it starts from them and as they are replaced while it runs. */
export class ServedCertificates {
  readonly #files: EdgeFiles;
  readonly #store: CertificateStore;
  #good: readonly GoodCertificate[] = [];

  constructor(files: EdgeFiles) {
    this.#files = files;
    this.#store = new CertificateStore(files.certificates);
  }

  /** What was served last; a file that cannot be used is set aside. */
  async load(): Promise<void> {
    await mkdir(this.#files.pems, { recursive: true, mode: 0o700 });
    try {
      this.#good = checkCertificates(await this.#store.load());
    } catch (thrown) {
      if (!(thrown instanceof Fault)) throw thrown;
      await this.#store.setAside();
    }
  }

  /** Serves exactly these from now on, first on disk. Fault `certificate.invalid`. */
  async apply(certificates: readonly EdgeCertificate[], port: number): Promise<void> {
    const good = checkCertificates(certificates.map(toWire), this.#good);
    await this.#store.save(good);
    const before = new Map(this.#kept().map(({ path, pem }) => [path, pem]));
    this.#good = good;
    await this.write(port);
    await this.#exchange(before);
  }

  /** Brings HAProxy to serve what is on disk, whatever it serves now. */
  async serve(): Promise<void> {
    await this.#exchange(new Map());
  }

  /** The hosts with a certificate, and where they are served over TLS. */
  hosts(port: number): readonly MapEntry[] {
    const hosts = this.#good.flatMap(({ certificate }) => certificate.hosts);
    return [{ key: serialKey, value: this.serial() }, ...hosts.map((key) => ({ key, value: `:${port}` }))];
  }

  /** Names what is to be served. */
  serial(): string {
    return sha256(JSON.stringify(this.#kept())).slice(-16);
  }

  /** The files that HAProxy starts from; those of removed certificates are deleted. */
  async write(port: number): Promise<void> {
    const kept = this.#kept();
    await writeWhole(
      this.#files.pems,
      kept.map(({ path, pem }) => ({ path, text: pem })),
    );
    const list = kept.map(({ path, hosts }) => `${path} ${hosts.join(" ")}\n`).join("");
    const entries = this.hosts(port)
      .map(({ key, value }) => `${key} ${value}\n`)
      .join("");
    const texts: FileText[] = [
      { path: this.#files.crtList, text: list },
      { path: this.#files.secure, text: entries },
    ];
    await writeWhole(this.#files.directory, texts);
    const wanted = new Set(kept.map(({ path }) => path));
    for (const name of await readdir(this.#files.pems)) {
      const path = join(this.#files.pems, name);
      if (!wanted.has(path)) await rm(path, { force: true });
    }
  }

  #kept(): readonly Kept[] {
    return this.#good.map(({ certificate: { hosts, chain, key } }) => ({
      path: join(this.#files.pems, `${sha256(hosts.join(" ")).slice(-16)}.pem`),
      hosts,
      // HAProxy takes an empty line for the end.
      pem: `${chain}\n${key.reveal()}\n`.replace(/\r/g, "").replace(/\n{2,}/g, "\n"),
    }));
  }

  /** First new or changed ones, then removed ones. `served`: the certificates that HAProxy has, by path. */
  async #exchange(served: ReadonlyMap<string, string>): Promise<void> {
    const { admin, crtList } = this.#files;
    const listed = await this.#listed();
    const kept = this.#kept();
    for (const { path, pem, hosts } of kept) {
      if (!listed.has(path)) await askCli(admin, `new ssl cert ${path}`);
      if (!listed.has(path) || served.get(path) !== pem) {
        await askCli(admin, `set ssl cert ${path} <<\n${pem}`);
        await askCli(admin, `commit ssl cert ${path}`);
      }
      if (!listed.has(path)) await askCli(admin, `add ssl crt-list ${crtList} <<\n${path} ${hosts.join(" ")}\n`);
    }
    const wanted = new Set(kept.map(({ path }) => path));
    for (const path of listed) {
      if (wanted.has(path)) continue;
      await askCli(admin, `del ssl crt-list ${crtList} ${path}`);
      await askCli(admin, `del ssl cert ${path}`);
    }
    const now = await this.#listed();
    if (now.size === wanted.size && [...wanted].every((path) => now.has(path))) return;
    throw new Fault("operation.failed", "HAProxy did not accept the certificates.");
  }

  /** Paths of the certificates that HAProxy serves. */
  async #listed(): Promise<ReadonlySet<string>> {
    const text = await askCli(this.#files.admin, `show ssl crt-list -n ${this.#files.crtList}`);
    const lines = text.split("\n").filter((line) => line !== "" && !line.startsWith("#"));
    return new Set(lines.map((line) => line.split(" ")[0]?.replace(/:\d+$/, "") ?? ""));
  }
}
