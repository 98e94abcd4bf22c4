import { randomBytes } from "node:crypto";
import { chmodSync, existsSync, readFileSync, renameSync, rmSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { Fault, isErrno } from "../../../base/faults.ts";
import { Secret } from "../../../base/secret.ts";
import { replaceFileSync, syncSync } from "../../../host/files.ts";
import { type EnvKey, keyText } from "../../../model/environment.ts";
import { refText } from "../../../model/release.ts";
import type { SealedPlace, Vault } from "../../../ports/vault.ts";
import { decrypt, encrypt, keyBytes, mac, parseMasterKey } from "./aead.ts";
import { newKey, newRing, type Ring, unwrap, wrap } from "./keyring.ts";

export interface VaultOptions {
  /** Directory of `vault.json`: the keys that seal values, encrypted with the master key. */
  readonly directory: string;
  /** The master key as text; null: it is in `vault.key` beside it, and created if missing. */
  readonly masterKey: Secret | null;
  /** The previous master key; tried if the current one does not open the ring. */
  readonly oldMasterKey: Secret | null;
}

/**
 * Takes away what others may do with the key file of a state directory, as they may after `age -d … > vault.key`, and says so
 * when there was something: whoever read it meanwhile still has the key. Fault `vault.key` when it is another user's.
 */
export function guardKeyFile(directory: string): string | null {
  const file = join(directory, "vault.key");
  const mode = (statSync(file, { throwIfNoEntry: false })?.mode ?? 0) & 0o777;
  if ((mode & 0o077) === 0) return null;
  ownKeyFile(file, () => chmodSync(file, 0o600));
  const was = mode.toString(8).padStart(4, "0");
  return `others could read ${file} (mode ${was}, now 0600); if somebody may have read it, run \`fairlead vault rotate\``;
}

/**
 * Opens the vault of a state directory, or makes it. Values are sealed by AES-256-GCM with a key of the ring, bound to
 * environment, name and version. Both files have mode 0600 and are replaced as a whole. Faults: `vault.key` when the
 * master key is none or another one's, `vault.damaged`.
 */
export function openVault(options: VaultOptions): Vault {
  return new KeyringVault(options);
}

class KeyringVault implements Vault {
  readonly #ringFile: string;
  readonly #keyFile: string;
  readonly #keepsMaster: boolean;
  #master: Buffer;
  #ring: Ring;

  constructor({ directory, masterKey, oldMasterKey }: VaultOptions) {
    this.#ringFile = join(directory, "vault.json");
    this.#keyFile = join(directory, "vault.key");
    this.#keepsMaster = masterKey === null;
    const given = masterKey && parseMasterKey(masterKey.reveal(), "FAIRLEAD_VAULT_KEY");
    this.#master = given ?? this.#keptMaster();
    const former = oldMasterKey ? [parseMasterKey(oldMasterKey.reveal(), "FAIRLEAD_VAULT_KEY_OLD")] : [];
    this.#ring = this.#read(given === null ? this.#halfExchanged() : [...former, ...this.#keptKeys()]);
  }

  seal(secret: Secret, place: SealedPlace): string {
    const { id, key } = this.#newest();
    return `${id}.${encrypt(key, Buffer.from(secret.reveal()), placeText(place))}`;
  }

  open(sealed: string, place: SealedPlace): Secret {
    const [id, text = ""] = sealed.split(".", 2);
    const key = this.#ring.keys.find((one) => one.id === id);
    const opened = key ? decrypt(key.key, text, placeText(place)) : null;
    if (opened !== null) return new Secret(opened.toString());
    const why = key
      ? "was altered, or belongs to another value"
      : "was sealed with a key that this vault does not have";
    throw new Fault("vault.damaged", `${refText(place)} of ${keyText(place.key)} ${why}`);
  }

  digest(secret: Secret, within: EnvKey | null): string {
    const { digestKey } = this.#ring;
    return mac(within === null ? digestKey : mac(digestKey, keyText(within)), secret.reveal())
      .toString("hex")
      .slice(0, 8);
  }

  isCurrent(sealed: string): boolean {
    return sealed.startsWith(`${this.#newest().id}.`);
  }

  async renew(): Promise<void> {
    const ring = { ...this.#ring, keys: [...this.#ring.keys, newKey()] };
    if (this.#keepsMaster) this.#exchangeMaster(randomBytes(keyBytes), { ...ring, copied: false });
    else this.#write(ring);
  }

  async forgetOldKeys(): Promise<void> {
    if (this.#ring.keys.length > 1) this.#write({ ...this.#ring, keys: [this.#newest()] });
  }

  get hasCopy(): boolean {
    return this.#ring.copied;
  }

  async noteCopy(): Promise<void> {
    this.#write({ ...this.#ring, copied: true });
  }

  masterKey(): Secret {
    return new Secret(this.#master.toString("base64url"));
  }

  #newest() {
    const newest = this.#ring.keys.at(-1);
    if (!newest) throw new Fault("vault.damaged", `${this.#ringFile} contains no key`);
    return newest;
  }

  #keptMaster(): Buffer {
    if (existsSync(this.#keyFile)) return readKey(this.#keyFile);
    if (existsSync(this.#ringFile)) {
      const hint = "Put the key file back, set the key as FAIRLEAD_VAULT_KEY, or restore it from the recovery bundle.";
      throw new Fault("vault.key", `${this.#keyFile} is missing, and ${this.#ringFile} needs it`, { hint });
    }
    const made = randomBytes(keyBytes);
    replaceFileSync(this.#keyFile, keyFileText(made));
    return made;
  }

  /** A key that was made and not yet put in its place when the process died. */
  #halfExchanged(): Buffer[] {
    const draft = `${this.#keyFile}.next`;
    return existsSync(draft) ? [readKey(draft)] : [];
  }

  /** The key file from before the key came from the environment. */
  #keptKeys(): Buffer[] {
    return existsSync(this.#keyFile) ? [readKey(this.#keyFile)] : [];
  }

  #read(others: readonly Buffer[]): Ring {
    if (!existsSync(this.#ringFile)) {
      const made = newRing();
      replaceFileSync(this.#ringFile, wrap(made, this.#master));
      return made;
    }
    const text = readFileSync(this.#ringFile, "utf8");
    chmodSync(this.#ringFile, 0o600);
    const ring = unwrap(text, this.#master, this.#ringFile);
    if (ring) return this.#settled(ring);
    for (const other of others) {
      const found = unwrap(text, other, this.#ringFile);
      if (found) return this.#moved(found, other);
    }
    throw new Fault("vault.key", `the master key is not the one that ${this.#ringFile} was written with`);
  }

  /** The ring opens with the key in its place: a draft of another key belongs to an exchange that never began. */
  #settled(ring: Ring): Ring {
    if (this.#keepsMaster) rmSync(`${this.#keyFile}.next`, { force: true });
    else rmSync(this.#keyFile, { force: true });
    return ring;
  }

  /** The ring opened with another key than the wanted one: an exchange is finished. */
  #moved(ring: Ring, opened: Buffer): Ring {
    if (this.#keepsMaster) {
      this.#master = opened;
      renameSync(`${this.#keyFile}.next`, this.#keyFile);
      return ring;
    }
    const moved = { ...ring, copied: false };
    replaceFileSync(this.#ringFile, wrap(moved, this.#master));
    return this.#settled(moved);
  }

  /** In an order in which a crash at any point leaves a key on disk that opens the ring. */
  #exchangeMaster(master: Buffer, ring: Ring): void {
    replaceFileSync(`${this.#keyFile}.next`, keyFileText(master));
    replaceFileSync(this.#ringFile, wrap(ring, master));
    renameSync(`${this.#keyFile}.next`, this.#keyFile);
    syncSync(dirname(this.#keyFile));
    this.#master = master;
    this.#ring = ring;
  }

  #write(ring: Ring): void {
    replaceFileSync(this.#ringFile, wrap(ring, this.#master));
    this.#ring = ring;
  }
}

function placeText({ key, secret, version }: SealedPlace): string {
  return JSON.stringify([key.app, key.environment, secret, version]);
}

function readKey(file: string): Buffer {
  return parseMasterKey(
    ownKeyFile(file, () => readFileSync(file, "utf8")),
    file,
  );
}

/** What `use` does with a key file. Fault `vault.key` when the file is another user's, as it is restored by root. */
function ownKeyFile<T>(file: string, use: () => T): T {
  try {
    return use();
  } catch (thrown) {
    if (!isErrno(thrown, "EACCES", "EPERM")) throw thrown;
    const hint = `Make the controller's user its owner: chown it, and chmod 600 ${file}.`;
    throw new Fault("vault.key", `${file} belongs to another user`, { hint, cause: thrown });
  }
}

function keyFileText(key: Buffer): string {
  return `${key.toString("base64url")}\n`;
}
