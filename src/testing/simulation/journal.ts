import { Fault, type FaultRecord } from "../../base/faults.ts";
import type { AccessToken } from "../../model/access-token.ts";
import type { AuditEntry } from "../../model/audit.ts";
import { type Change, type EnvironmentChange, isOfEnvironment, keyOf } from "../../model/change.ts";
import type { Deployment } from "../../model/deployment.ts";
import {
  type Environment,
  type EnvKey,
  isThere,
  keyText,
  newEnvironment,
  type SealedValue,
  sameKey,
} from "../../model/environment.ts";
import type { Event } from "../../model/event.ts";
import type { InstanceFacts } from "../../model/instance.ts";
import { type Release, refText, type SecretRef } from "../../model/release.ts";
import type { IdempotentAnswer, Journal, Keep, SealedText, StepRecord, ValueVersion } from "../../ports/journal.ts";
import { ControllerBook } from "./controller-book.ts";
import { changed, type StateChange } from "./state-changes.ts";

type Listener = (keys: readonly EnvKey[]) => void;

const dayMs = 86_400_000;

export interface Book {
  readonly environment: Environment;
  readonly releases: readonly Release[];
  /** Oldest first. */
  readonly deployments: readonly Deployment[];
  readonly facts: readonly InstanceFacts[];
}

/** A journal that is as durable as the object: a controller that dies loses none of it. */
export class SimulatedJournal implements Journal {
  readonly #environments = new Map<string, Environment>();
  readonly #releases = new Map<string, Release>();
  readonly #deployments = new Map<string, Deployment>();
  /** Ids of deployments in the order of becoming live. */
  readonly #live: string[] = [];
  /** By `NAME@3` within an environment. */
  readonly #values = new Map<string, Map<string, SealedValue & SecretRef>>();
  readonly #facts = new Map<string, Map<string, InstanceFacts>>();
  #steps: StepRecord[] = [];
  #events: Event[] = [];
  readonly #controller = new ControllerBook();
  readonly #claims = new Map<string, IdempotentAnswer & { readonly at: number }>();
  readonly #listeners = new Set<Listener>();
  /** What listeners threw. */
  readonly listenerFaults: unknown[] = [];
  #lastStep = 0;
  #lastEvent = 0;

  async commit(changes: readonly Change[]): Promise<void> {
    this.#refuse(changes);
    this.#apply(changes);
  }

  async beginStep(step: Omit<StepRecord, "id" | "endedAt" | "fault">): Promise<number> {
    this.#lastStep += 1;
    this.#steps.push({ ...step, id: this.#lastStep, endedAt: null, fault: null });
    return this.#lastStep;
  }

  async endStep(id: number, end: { at: number; fault: FaultRecord | null; changes: readonly Change[] }): Promise<void> {
    this.#refuse(end.changes);
    const place = this.#steps.findLastIndex((step) => step.id === id);
    const step = this.#steps[place];
    if (step) this.#steps[place] = { ...step, endedAt: end.at, fault: end.fault };
    this.#apply(end.changes);
  }

  async environments(): Promise<readonly Environment[]> {
    return [...this.#environments.values()].filter(isThere);
  }

  async endedPreviews(): Promise<readonly Environment[]> {
    return [...this.#environments.values()].filter((one) => !isThere(one));
  }

  async environment(key: EnvKey): Promise<Environment | null> {
    return this.#environments.get(keyText(key)) ?? null;
  }

  async release(key: EnvKey, number: number): Promise<Release | null> {
    return this.#releases.get(`${keyText(key)} ${number}`) ?? null;
  }

  async releases(key: EnvKey, page: { before?: number; limit: number }): Promise<readonly Release[]> {
    return this.#releasesOf(key)
      .filter((release) => page.before === undefined || release.number < page.before)
      .slice(0, page.limit);
  }

  async lastReleaseNumber(key: EnvKey): Promise<number> {
    return this.#releasesOf(key)[0]?.number ?? 0;
  }

  async deployment(id: string): Promise<Deployment | null> {
    return this.#deployments.get(id) ?? null;
  }

  async deployments(key: EnvKey, page: { before?: string; limit: number }): Promise<readonly Deployment[]> {
    const before = page.before;
    return this.#deploymentsOf(key)
      .filter(({ id }) => before === undefined || id < before)
      .reverse()
      .slice(0, page.limit);
  }

  async unfinished(key: EnvKey): Promise<readonly Deployment[]> {
    return this.#deploymentsOf(key).filter(({ phase }) => phase !== "ended");
  }

  async liveReleases(key: EnvKey, limit: number): Promise<readonly number[]> {
    const numbers = this.#live.flatMap((id) => {
      const deployment = this.#deployments.get(id);
      return deployment && sameKey(deployment.key, key) ? [deployment.release] : [];
    });
    return [...new Set(numbers.reverse())].slice(0, limit);
  }

  async sealed(key: EnvKey, refs: readonly SecretRef[]): Promise<readonly (string | null)[]> {
    return refs.map((ref) => this.#values.get(keyText(key))?.get(refText(ref))?.sealed || null);
  }

  async versions(key: EnvKey, name?: string): Promise<readonly ValueVersion[]> {
    const all = [...(this.#values.get(keyText(key))?.values() ?? [])];
    return all
      .filter(({ secret }) => name === undefined || secret === name)
      .sort((a, b) => (a.secret === b.secret ? b.version - a.version : a.secret < b.secret ? -1 : 1))
      .map(({ secret, sealed, ...value }) => ({ name: secret, ...value, destroyed: sealed === "" }));
  }

  async sealedTexts(page: { after: SealedText | null; limit: number }): Promise<readonly SealedText[]> {
    const all = [...this.#environments.values()].flatMap(({ key }) =>
      [...(this.#values.get(keyText(key))?.values() ?? [])].map(({ secret, version, sealed }) => ({
        key,
        secret,
        version,
        sealed,
      })),
    );
    const kept = all.filter(({ sealed }) => sealed !== "").sort((a, b) => (placeOf(a) < placeOf(b) ? -1 : 1));
    const { after } = page;
    return kept.filter((one) => after === null || placeOf(one) > placeOf(after)).slice(0, page.limit);
  }

  async facts(key: EnvKey): Promise<readonly InstanceFacts[]> {
    return [...(this.#facts.get(keyText(key))?.values() ?? [])];
  }

  async steps(deployment: string): Promise<readonly StepRecord[]> {
    return this.#steps.filter((step) => step.deployment === deployment);
  }

  async events(filter: { key?: EnvKey; deployment?: string; after: number; limit: number }): Promise<readonly Event[]> {
    const { key, deployment, after, limit } = filter;
    return this.#events
      .filter((event) => event.id > after && (!key || sameKey(event.key, key)))
      .filter((event) => deployment === undefined || event.deployment === deployment)
      .slice(0, limit);
  }

  async lastEventId(): Promise<number> {
    return this.#lastEvent;
  }

  async audit(filter: Parameters<Journal["audit"]>[0]): Promise<readonly AuditEntry[]> {
    return this.#controller.audit(filter);
  }

  async token(name: string): Promise<AccessToken | null> {
    return this.#controller.tokens().find((token) => token.name === name) ?? null;
  }

  async tokens(): Promise<readonly AccessToken[]> {
    return this.#controller.tokens();
  }

  committed(listener: Listener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  async claim(idempotencyKey: string, requestDigest: string, now: number): Promise<IdempotentAnswer | null> {
    const known = this.#claims.get(idempotencyKey);
    if (known && now - known.at <= dayMs) {
      const { at: _at, ...rest } = known;
      return rest;
    }
    this.#claims.set(idempotencyKey, { requestDigest, status: null, body: null, outcome: null, at: now });
    return null;
  }

  async answer(idempotencyKey: string, answer: { status: number; body: string }): Promise<void> {
    const known = this.#claims.get(idempotencyKey);
    if (known) this.#claims.set(idempotencyKey, { ...known, ...answer });
  }

  async disclaim(idempotencyKey: string): Promise<void> {
    if (this.#claims.get(idempotencyKey)?.outcome === null) this.#claims.delete(idempotencyKey);
  }

  async prune({ history: before, audit }: Parameters<Journal["prune"]>[0]): Promise<void> {
    this.#controller.pruneAudit(audit);
    const isOpen = (id: string | null) => id !== null && this.#deployments.get(id)?.phase !== "ended";
    this.#steps = this.#steps.filter((step) => step.begunAt >= before || isOpen(step.deployment));
    this.#events = this.#events.filter((event) => event.at >= before || isOpen(event.deployment));
  }

  async thin(key: EnvKey, { newestDeployments, newestReleases, releases }: Keep): Promise<void> {
    const serving = Object.values(this.#environments.get(keyText(key))?.serving?.generations ?? {});
    const old = this.#deploymentsOf(key).reverse().slice(newestDeployments);
    for (const { id, phase } of old) {
      if (phase !== "ended" || serving.includes(id)) continue;
      this.#deployments.delete(id);
      this.#steps = this.#steps.filter((step) => step.deployment !== id);
      this.#events = this.#events.filter((event) => event.deployment !== id);
    }
    for (const { number } of this.#releasesOf(key).slice(newestReleases)) {
      if (!releases.includes(number)) this.#releases.delete(`${keyText(key)} ${number}`);
    }
  }

  async forget(key: EnvKey, endedBefore: number): Promise<void> {
    const endedAt = this.#environments.get(keyText(key))?.preview?.endedAt ?? endedBefore;
    if (endedAt >= endedBefore || (await this.unfinished(key)).length > 0) return;
    for (const { id } of this.#deploymentsOf(key)) this.#deployments.delete(id);
    for (const { number } of this.#releasesOf(key)) this.#releases.delete(`${keyText(key)} ${number}`);
    this.#steps = this.#steps.filter((step) => !sameKey(step.key, key));
    this.#events = this.#events.filter((event) => !sameKey(event.key, key));
    for (const book of [this.#environments, this.#values, this.#facts]) book.delete(keyText(key));
  }

  async close(): Promise<void> {}

  /** Whether a step about this subject was begun and has not ended: every deed of a deployment is written down before. */
  isUnderWay(what: string, subject: string): boolean {
    return (
      this.#steps.findLastIndex((one) => one.endedAt === null && one.what === what && one.subject === subject) >= 0
    );
  }

  /** All that is written down about an environment, at once, for whoever watches from outside. */
  book(key: EnvKey): Book {
    return {
      environment: this.#environments.get(keyText(key)) ?? newEnvironment(key),
      releases: this.#releasesOf(key),
      deployments: this.#deploymentsOf(key),
      facts: [...this.#factsOf(key).values()],
    };
  }

  #releasesOf(key: EnvKey): Release[] {
    return [...this.#releases.values()]
      .filter((release) => sameKey(release.key, key))
      .sort((a, b) => b.number - a.number);
  }

  /** Oldest first. */
  #deploymentsOf(key: EnvKey): Deployment[] {
    return [...this.#deployments.values()]
      .filter((deployment) => sameKey(deployment.key, key))
      .sort((a, b) => (a.id < b.id ? -1 : 1));
  }

  #refuse(changes: readonly Change[]): void {
    this.#controller.refuseTakenName(changes);
    for (const change of changes) {
      if (change.kind !== "release") continue;
      const { key, number } = change.release;
      if (this.#releases.has(`${keyText(key)} ${number}`)) {
        throw new Fault("document.stale", `${keyText(key)} has a v${number} already`);
      }
    }
  }

  #apply(changes: readonly Change[]): void {
    const touched = new Map<string, EnvKey>();
    for (const change of changes) {
      if (change.kind === "claim.done") {
        const known = this.#claims.get(change.claim);
        if (known) this.#claims.set(change.claim, { ...known, outcome: change.outcome });
        continue;
      }
      if (!isOfEnvironment(change)) {
        this.#controller.write(change);
        continue;
      }
      const key = keyOf(change);
      touched.set(keyText(key), key);
      if (!this.#environments.has(keyText(key))) this.#environments.set(keyText(key), newEnvironment(key));
      this.#write(key, change);
    }
    if (touched.size === 0) return;
    for (const listener of this.#listeners) this.#tell(listener, [...touched.values()]);
  }

  /** A listener's own mistake breaks neither the commit nor the other listeners; it is kept to be looked at. */
  #tell(listener: Listener, keys: readonly EnvKey[]): void {
    try {
      listener(keys);
    } catch (thrown) {
      this.listenerFaults.push(thrown);
    }
  }

  #write(key: EnvKey, change: EnvironmentChange): void {
    switch (change.kind) {
      case "release":
        this.#releases.set(`${keyText(key)} ${change.release.number}`, change.release);
        return;
      case "deployment":
        return this.#writeDeployment(change.deployment);
      case "facts":
        this.#factsOf(key).set(change.facts.name, change.facts);
        return;
      case "facts.forgotten":
        this.#factsOf(key).delete(change.name);
        return;
      case "event":
        this.#lastEvent += 1;
        this.#events.push({ ...change.event, id: this.#lastEvent });
        return;
      case "value.destroyed":
        return this.#reseal(key, change.ref, "");
      case "value.resealed":
        return this.#reseal(key, change.ref, change.sealed);
      case "values.destroyed":
        for (const value of this.#values.get(keyText(key))?.values() ?? []) this.#reseal(key, value, "");
        return this.#writeEnvironment(change);
      default:
        if (change.kind === "variables") this.#writeValues(key, change.set);
        return this.#writeEnvironment(change);
    }
  }

  #writeValues(key: EnvKey, set: Readonly<Record<string, SealedValue | null>>): void {
    const values = this.#values.get(keyText(key)) ?? new Map<string, SealedValue & SecretRef>();
    this.#values.set(keyText(key), values);
    for (const [secret, value] of Object.entries(set)) {
      const ref = value && refText({ secret, version: value.version });
      if (value && ref && !values.has(ref)) values.set(ref, { secret, ...value });
    }
  }

  #reseal(key: EnvKey, ref: SecretRef, sealed: string): void {
    const values = this.#values.get(keyText(key));
    const value = values?.get(refText(ref));
    if (value && value.sealed !== "") values?.set(refText(ref), { ...value, sealed });
  }

  #writeDeployment(deployment: Deployment): void {
    this.#deployments.set(deployment.id, deployment);
    const isLive = deployment.phase === "ended" && deployment.verdict === "live";
    if (isLive && !this.#live.includes(deployment.id)) this.#live.push(deployment.id);
  }

  #writeEnvironment(change: StateChange): void {
    const name = keyText(change.key);
    const environment = this.#environments.get(name) ?? newEnvironment(change.key);
    this.#environments.set(name, changed(environment, change));
  }

  #factsOf(key: EnvKey): Map<string, InstanceFacts> {
    const found = this.#facts.get(keyText(key)) ?? new Map<string, InstanceFacts>();
    this.#facts.set(keyText(key), found);
    return found;
  }
}

/** An order of all sealed texts: by environment, name and version. */
function placeOf({ key, secret, version }: SealedText): string {
  return `${keyText(key)}\0${secret}\0${String(version).padStart(9, "0")}`;
}
