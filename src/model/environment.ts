/** Names one environment of one app: the key that everything is reconciled by. */
export interface EnvKey {
  readonly app: string;
  readonly environment: string;
}

/** `app/environment`: the text form of a key. */
export function keyText(key: EnvKey): string {
  return `${key.app}/${key.environment}`;
}

/** The key of `app/environment`, or null when the text is not one. */
export function parseKey(text: string): EnvKey | null {
  const [app, environment, rest] = text.split("/");
  return app && environment && rest === undefined ? { app, environment } : null;
}

export function sameKey(a: EnvKey, b: EnvKey): boolean {
  return a.app === b.app && a.environment === b.environment;
}

/** App, service and environment names: what a DNS label, a container name and a directory all allow (RFC 1123, at most 40). */
export const namePattern = /^[a-z](?:[a-z0-9-]{0,38}[a-z0-9])?$/;

/** What an environment serves: a release, and for each service the deployment whose instances run it. */
export interface Serving {
  readonly release: number;
  /** Service name → id of the deployment that started its instances (a restart replaces one service's). */
  readonly generations: Readonly<Record<string, string>>;
}

/** A value that somebody set or Fairlead generated. Its text is only in the vault. */
export interface SetValue {
  /** Counts up with every change of the name in this environment; never used twice. */
  readonly version: number;
  readonly at: number;
  readonly by: string;
}

/** A version of a value as stored. */
export interface SealedValue extends SetValue {
  readonly sealed: string;
}

/** What is said while an environment is closed for maintenance. */
export interface Maintenance {
  /** One line, for a page made of it and for clients that take no HTML. */
  readonly message: string;
  /** A whole HTML page for browsers; null: one made of the message. */
  readonly page: string | null;
}

/** Properties of a preview: a temporary environment that is removed automatically; or of any that is destroyed. */
export interface Preview {
  /** The environment whose configuration it uses; null: it is no preview, but is destroyed by a person's order. */
  readonly from: string | null;
  /** How long it stays after the last deployment of code. */
  readonly ttlMs: number;
  readonly endsAt: number;
  /** When it was removed; null while it exists. */
  readonly endedAt: number | null;
}

/** The stored state of an environment, except its releases. */
export interface Environment {
  readonly key: EnvKey;
  /** Null until a first deployment was live, and after `down`. */
  readonly serving: Serving | null;
  /** Replica counts set by `scale`; they override the manifest. */
  readonly scale: Readonly<Record<string, number>>;
  /** The newest versions of the values set by `env set`; they override the manifest. */
  readonly variables: Readonly<Record<string, SetValue>>;
  /** Raised by every change of `scale` or `variables`: the ETag of the document. */
  readonly revision: number;
  /** Stopped on purpose (`down`): nothing runs until the next deployment. */
  readonly stopped: boolean;
  /** Closed to its users: the edge answers for its services, while everything else keeps running. */
  readonly maintenance: Maintenance | null;
  /** Null: it is not stopped. */
  readonly preview: Preview | null;
  /** The release that was built and whose code waits for `deploy --staged`; other deployed code replaces it. */
  readonly staged: number | null;
}

/** An environment about which nothing is recorded yet. */
export function newEnvironment(key: EnvKey): Environment {
  return {
    key,
    serving: null,
    scale: {},
    variables: {},
    revision: 0,
    stopped: false,
    maintenance: null,
    preview: null,
    staged: null,
  };
}

/** What an environment has from the order to destroy it until it is forgotten: its end has come, whatever the clock says. */
export const destroyed: Preview = { from: null, ttlMs: 0, endsAt: 0, endedAt: null };

export function isDestroyed({ preview }: Pick<Environment, "preview">): boolean {
  return preview !== null && preview.from === null;
}

/** Whether it exists: every environment except a removed preview. */
export function isThere({ preview }: Environment): boolean {
  return preview === null || preview.endedAt === null;
}
