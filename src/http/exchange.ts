import type { WebSocket } from "ws";
import type { z } from "zod";
import type { CheckView } from "../contract/controller.ts";
import type { Frozen, ParamsOf, RouteContract, Routes } from "../contract/route.ts";
import type { IdempotentOutcome } from "../model/claim.ts";
import type { EnvKey } from "../model/environment.ts";
import type { Call, Deps } from "../usecases/access.ts";

/** Where requests and failures are recorded. */
export interface Log {
  /** Where reads go, which are many; omitted, they are not recorded. */
  debug?(what: object, words: string): void;
  info(what: object, words: string): void;
  error(what: object, words: string): void;
}

export interface ApiDeps extends Deps {
  readonly info: {
    readonly version: string;
    readonly pid: number;
    readonly stateDirectory: string;
    readonly runtime: string;
    readonly startedAt: number;
  };
  /** sha256 (as src/base/digest.ts writes it) of the controller's own token, for access over TCP; null: it has none. */
  readonly tokenDigest: string | null;
  /** Refuses where what is recorded would be lost. Fault: `journal.lost`. */
  readonly intact: () => void;
  readonly doctor: () => Promise<readonly CheckView[]>;
  readonly log: Log;
  /** Names by which the controller is reached over TCP, beside localhost and IP addresses. */
  readonly hosts?: readonly string[];
}

/** What the server says about a connection. Anything but `socket` is taken for TCP. */
export interface Connection {
  readonly via?: "socket" | "tcp";
  /** Of the client. */
  readonly address?: string | undefined;
  /**
   * Accepts the request as a WebSocket. Omitted: it does not ask to become one. Faults: `task.too-many`,
   * `request.invalid`.
   */
  readonly upgrade?: (() => Promise<WebSocket>) | undefined;
}

/** A request after it was checked against its route. */
export interface ApiRequest<Route extends RouteContract> {
  readonly deps: ApiDeps;
  /** Null where everybody may ask, whoever it is. */
  readonly call: Route extends { readonly action: null } ? null : Call;
  readonly params: ParamsOf<Route>;
  readonly query: Output<Route, "query">;
  readonly body: Output<Route, "body">;
  readonly request: Request;
  readonly upgrade: Connection["upgrade"];
}

type Output<Route, Part extends "query" | "body"> =
  Route extends Record<Part, infer Schema extends z.ZodType> ? z.output<Schema> : undefined;

/** The JSON of the route's answer, null where it has none, or a response of its own for streams and texts. */
export type Reply<Route extends RouteContract> =
  | Response
  | (Route extends { readonly answer: infer Schema extends z.ZodType }
      ? { readonly json: Frozen<z.input<Schema>>; readonly revision?: number }
      : null);

type Handler<Route extends RouteContract> = (request: ApiRequest<Route>) => Promise<Reply<Route>>;
/** What answers the routes of a resource. */
export type HandlersOf<All extends Routes> = { readonly [Name in keyof All]: Handler<All[Name]> };

type Repeat<Route extends RouteContract> = (
  request: ApiRequest<Route>,
  outcome: IdempotentOutcome,
) => Promise<Reply<Route>>;
/** What answers a request once more of which only the outcome is known. */
export type RepeatsOf<All extends Routes> = { readonly [Name in keyof All]?: Repeat<All[Name]> };

/** What every request has, whatever its route. */
export type AnyRequest = Pick<ApiRequest<RouteContract>, "deps" | "call" | "request" | "upgrade">;
type CheckedRequest = Omit<AnyRequest, "call"> &
  Readonly<{ call: Call | null; params: Readonly<Record<string, string>>; query: unknown; body: unknown }>;
type AnyReply = Response | { readonly json: unknown; readonly revision?: number } | null;
/** A route of which only the general shape matters. */
export type AnyHandler = (request: CheckedRequest) => Promise<AnyReply>;
export type AnyRepeat = (request: CheckedRequest, outcome: IdempotentOutcome) => Promise<AnyReply>;

export function envKeyOf({ app, environment }: EnvKey): EnvKey {
  return { app, environment };
}
