import type { z } from "zod";
import type { PathParam } from "../contract/params.ts";
import type { RouteContract, RouteName, routes } from "../contract/paths.ts";
import type { Outcome } from "../model/claim.ts";
import type { EnvKey } from "../model/environment.ts";
import type { Call, Deps } from "../usecases/ground.ts";

/** One check of the machine, as `doctor` answers it. */
export interface Check {
  readonly name: string;
  readonly state: "ok" | "warn" | "fail";
  readonly detail: string;
  readonly fix: string | null;
}

/** Where requests and failures are written down. */
export interface Log {
  /** Where reads go, which are many; left out, they are not written down. */
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
  /** Refuses where what is written down would be lost. Fault: `journal.lost`. */
  readonly intact: () => void;
  readonly doctor: () => Promise<readonly Check[]>;
  readonly log: Log;
  /** Names by which the controller is reached over TCP, beside localhost and IP addresses. */
  readonly hosts?: readonly string[];
}

/** What the server says about a connection. Anything but `socket` is taken for TCP. */
export interface Connection {
  readonly via?: "socket" | "tcp";
  /** Of the client. */
  readonly address?: string | undefined;
}

type Routes = typeof routes;
type Braces<Path extends string> = Path extends `${string}{${infer Member}}${infer Rest}`
  ? Member | Braces<Rest>
  : never;
type Output<Route, Part extends "query" | "body"> =
  Route extends Record<Part, infer Schema extends z.ZodType> ? z.output<Schema> : undefined;

/** A request after it was checked against the contract. */
export interface Exchange<Name extends RouteName> {
  readonly deps: ApiDeps;
  readonly call: Call;
  readonly params: Readonly<Record<Extract<PathParam, Braces<Routes[Name]["path"]>>, string>>;
  readonly query: Output<Routes[Name], "query">;
  readonly body: Output<Routes[Name], "body">;
  readonly request: Request;
}

type Answer<Route> = Route extends { readonly answer: infer Schema extends z.ZodType } ? z.input<Schema> : null;

/** What a handler answers: the JSON of the contract, or a response of its own for streams and texts. */
export type Reply<Name extends RouteName> =
  | Response
  | { readonly json: Answer<Routes[Name]>; readonly revision?: number; readonly status?: number };

export type Handler<Name extends RouteName> = (exchange: Exchange<Name>) => Promise<Reply<Name>>;
export type Handlers = { readonly [Name in RouteName]: Handler<Name> };

/** How a request is answered once more of which only the outcome is known. */
export type Repeat<Name extends RouteName> = (exchange: Exchange<Name>, outcome: Outcome) => Promise<Reply<Name>>;
export type Repeats = { readonly [Name in RouteName]?: Repeat<Name> };

export interface AnyExchange {
  deps: ApiDeps;
  call: Call;
  params: Readonly<Record<string, string>>;
  query: unknown;
  body: unknown;
  request: Request;
}
type AnyReply = Response | { json: unknown; revision?: number; status?: number };
/** A route of which only the general shape matters. */
export type AnyHandler = (exchange: AnyExchange) => Promise<AnyReply>;
export type AnyRepeat = (exchange: AnyExchange, outcome: Outcome) => Promise<AnyReply>;
export type AnyRoute = RouteContract;

export function keyOf({ app, environment }: { readonly app: string; readonly environment: string }): EnvKey {
  return { app, environment };
}
