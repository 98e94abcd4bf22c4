import { Fault } from "../../base/faults.ts";
import { Secret } from "../../base/secret.ts";
import { type EnvKey, keyText } from "../../model/environment.ts";
import { refText } from "../../model/release.ts";
import type { SealedPlace, Vault } from "../../ports/vault.ts";

/** A vault that hides nothing and keeps every other promise: where the cipher does not matter. */
export class SimulatedVault implements Vault {
  #newest = 1;
  #oldest = 1;
  #sealed = 0;
  hasCopy = false;

  seal(secret: Secret, place: SealedPlace): string {
    this.#sealed += 1;
    return JSON.stringify([this.#newest, this.#sealed, placeText(place), secret.reveal()]);
  }

  open(sealed: string, place: SealedPlace): Secret {
    const [key, , where, text] = JSON.parse(sealed) as [number, number, string, string];
    if (key >= this.#oldest && where === placeText(place)) return new Secret(text);
    throw new Fault("vault.damaged", `${refText(place)} does not open`);
  }

  digest(secret: Secret, within: EnvKey | null): string {
    let sum = 0;
    for (const letter of `${within && keyText(within)} ${secret.reveal()}`)
      sum = (Math.imul(sum, 31) + (letter.codePointAt(0) ?? 0)) >>> 0;
    return sum.toString(16).padStart(8, "0");
  }

  isCurrent(sealed: string): boolean {
    return (JSON.parse(sealed) as [number])[0] === this.#newest;
  }

  async renew(): Promise<void> {
    this.#newest += 1;
    this.hasCopy = false;
  }

  async forgetOldKeys(): Promise<void> {
    this.#oldest = this.#newest;
  }

  async noteCopy(): Promise<void> {
    this.hasCopy = true;
  }

  masterKey(): Secret {
    return new Secret(`simulated ${this.#newest}`);
  }
}

function placeText({ key, secret, version }: SealedPlace): string {
  return `${keyText(key)} ${secret} ${version}`;
}
