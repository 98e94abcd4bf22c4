import { readFile } from "node:fs/promises";
import { Agent, get } from "node:https";
import { join } from "node:path";
import { rootCertificates } from "node:tls";
import type { Authorization, Client, Order } from "acme-client";
import { sha256 } from "../../../base/digest.ts";
import { asFault, type Diagnostic, Fault, isErrno } from "../../../base/faults.ts";
import { Secret } from "../../../base/secret.ts";
import { makeDirectory, readText, replaceFile } from "../../../host/files.ts";
import type { CertificateAuthority, CertificatePair, Publish } from "../../../ports/certificates.ts";

export interface AcmeOptions {
  readonly directoryUrl: string;
  /** The contact sent to the authority; setting it accepts the authority's terms. */
  readonly email: string;
  /** PEM of roots that sign the authority's own servers, in addition to the usual ones; null: only those. */
  readonly caFile: string | null;
  /** Holds the account's key, one file for every directory URL. */
  readonly accounts: string;
}

/** Between two checks an order; they grow from the one to the other, for about two minutes. */
const polling = { backoffMin: 300, backoffMax: 8_000, backoffAttempts: 20 } as const;

/** The codes of a way to the authority that does not exist: Node's own, and those of TLS. */
const noWay = [
  ..."ABORT_ERR ECONNREFUSED ECONNRESET ENOTFOUND EAI_AGAIN ETIMEDOUT EHOSTUNREACH ENETUNREACH EPIPE ECONNABORTED".split(
    " ",
  ),
  ..."SELF_SIGNED_CERT_IN_CHAIN UNABLE_TO_VERIFY_LEAF_SIGNATURE UNABLE_TO_GET_ISSUER_CERT_LOCALLY".split(" "),
  ..."DEPTH_ZERO_SELF_SIGNED_CERT CERT_HAS_EXPIRED ERR_TLS_CERT_ALTNAME_INVALID".split(" "),
];

/** An authority that speaks ACME (RFC 8555), asked by HTTP-01. Its client is loaded when it is first asked. */
export function acmeAuthority(options: AcmeOptions): CertificateAuthority {
  return {
    async issue(hosts, publish, ended) {
      try {
        return await new AcmeOrder(await clientOf(options, ended), hosts).issue(publish);
      } catch (thrown) {
        throw faultOf(thrown, options.directoryUrl);
      } finally {
        await publish([]);
      }
    },
  };
}

type Library = typeof import("acme-client");

interface Asked {
  readonly acme: Library;
  readonly client: Client;
}

async function clientOf({ directoryUrl, email, caFile, accounts }: AcmeOptions, ended: AbortSignal): Promise<Asked> {
  const acme = await import("acme-client");
  const ca = caFile === null ? {} : { ca: [...rootCertificates, await readFile(caFile, "utf8")] };
  const httpsAgent = new Agent(ca);
  await reach(directoryUrl, httpsAgent);
  acme.axios.defaults.httpsAgent = httpsAgent;
  // The keeper of certificates has its own patience; the client's would ask a rate limit again and again.
  const { acmeSettings = {} } = acme.axios.defaults as { acmeSettings?: object };
  const once = { ...acmeSettings, retryMaxAttempts: 1, retryDefaultDelay: 1 };
  Object.assign(acme.axios.defaults, { timeout: 30_000, acmeSettings: once });
  const account = join(accounts, `account-${sha256(directoryUrl).slice(-12)}.key.pem`);
  const accountKey = await keptKey(acme, account, ended);
  const client = new acme.Client({ directoryUrl, accountKey: accountKey.reveal(), ...polling });
  // For a key that it knows an authority answers with the account there is (RFC 8555 7.3).
  await client.createAccount({ termsOfServiceAgreed: true, contact: [`mailto:${email}`] });
  return { acme, client };
}

/** The client loses the reason when nobody answers it (its version 5.4 reads a member of no response), so it is asked here first. */
async function reach(directoryUrl: string, agent: Agent): Promise<void> {
  const signal = AbortSignal.timeout(10_000);
  await new Promise<void>((resolve, reject) => {
    const outgoing = get(directoryUrl, { agent, signal }, (answer) => {
      answer.resume();
      resolve();
    });
    outgoing.once("error", reject);
  });
}

async function keptKey(acme: Library, path: string, ended: AbortSignal): Promise<Secret> {
  const kept = await readText(path);
  if (kept !== null) return new Secret(kept);
  const key = new Secret((await acme.crypto.createPrivateEcdsaKey("P-256")).toString());
  ended.throwIfAborted();
  await makeDirectory(join(path, ".."));
  await replaceFile(path, key.reveal());
  return key;
}

/** One order, from the wish to the certificate. */
class AcmeOrder {
  readonly #acme: Library;
  readonly #client: Client;
  readonly #hosts: readonly string[];

  constructor({ acme, client }: Asked, hosts: readonly string[]) {
    this.#acme = acme;
    this.#client = client;
    this.#hosts = hosts;
  }

  async issue(publish: Publish): Promise<CertificatePair> {
    const key = await this.#acme.crypto.createPrivateEcdsaKey("P-256");
    const [, request] = await this.#acme.crypto.createCsr({ altNames: [...this.#hosts] }, key);
    const identifiers = this.#hosts.map((value) => ({ type: "dns" as const, value }));
    const order = await this.#client.createOrder({ identifiers });
    await this.#prove(order, publish);
    const done = await this.#client.finalizeOrder(order, request);
    return { chain: await this.#client.getCertificate(done), key: new Secret(key.toString()) };
  }

  async #prove(order: Order, publish: Publish): Promise<void> {
    const open = (await this.#client.getAuthorizations(order)).filter((one) => one.status !== "valid");
    const asked = await Promise.all(open.map(async (authorization) => this.#question(authorization)));
    await publish(asked.map(({ challenge, answer }) => ({ token: challenge.token, answer })));
    for (const { challenge } of asked) await this.#client.completeChallenge(challenge);
    const ends = await Promise.allSettled(asked.map(({ challenge }) => this.#client.waitForValidStatus(challenge)));
    const failed = ends.find((end) => end.status === "rejected");
    if (failed !== undefined) throw await this.#refusal(order, failed.reason);
  }

  async #question(authorization: Authorization) {
    const challenge = authorization.challenges.find(({ type }) => type === "http-01");
    const host = authorization.identifier.value;
    if (challenge === undefined)
      throw refused([{ path: host, message: "the authority does not accept HTTP-01 for it" }]);
    return { challenge, answer: await this.#client.getChallengeKeyAuthorization(challenge) };
  }

  /** What the authority says of every host that it did not believe; without such words, what was thrown. */
  async #refusal(order: Order, thrown: unknown): Promise<unknown> {
    const diagnostics = (await this.#client.getAuthorizations(order)).flatMap(({ identifier, challenges }) =>
      challenges.flatMap(({ error }) => {
        const { type, detail } = (error ?? {}) as { type?: string; detail?: string };
        const kind = type?.split(":").at(-1) ?? "refused";
        return detail === undefined ? [] : [{ path: identifier.value, message: `${detail} (${kind})` }];
      }),
    );
    return diagnostics.length === 0 ? thrown : refused(diagnostics);
  }
}

function refused(diagnostics: readonly Diagnostic[]): Fault {
  const words = diagnostics.map(({ path, message }) => `${path}: ${message}`).join("; ");
  return new Fault("certificate.refused", `The authority refused ${words}.`.slice(0, 1_000), { diagnostics });
}

function faultOf(thrown: unknown, directoryUrl: string): Fault {
  if (thrown instanceof Fault) return thrown;
  const { detail } = asFault(thrown);
  if (isErrno(thrown, ...noWay)) {
    const code = String((thrown as NodeJS.ErrnoException).code);
    return new Fault("authority.unreachable", `The authority at ${directoryUrl} cannot be reached (${code}).`, {
      cause: thrown,
    });
  }
  if (thrown instanceof TypeError) {
    const detail = `The connection to the authority at ${directoryUrl} was lost in the middle of an order.`;
    return new Fault("authority.unreachable", detail, { cause: thrown });
  }
  return new Fault("certificate.refused", `The authority at ${directoryUrl} answered: ${detail}`.slice(0, 1_000), {
    cause: thrown,
  });
}
