import type { z } from "zod";

/**
 * What a route does to what it is about, for who may ask for it: whoever reaches the controller's own socket may do
 * everything, whoever has a token all but `admit` others. Null: everybody may ask, without a token.
 */
export type Action = "read" | "reveal" | "deploy" | "configure" | "run" | "stop" | "admit";

/** One path and method of the API. `answer` is the JSON of a success; without one the answer is what `media` says. */
export interface RouteContract {
  readonly method: "get" | "head" | "put" | "post" | "patch" | "delete";
  readonly path: `/${string}`;
  readonly action: Action | null;
  readonly summary: string;
  readonly status: 101 | 200 | 201 | 202 | 204;
  readonly query?: z.ZodObject;
  readonly body?: z.ZodType;
  readonly answer?: z.ZodType;
  readonly media?: "text/plain" | "text/event-stream" | "application/octet-stream" | "application/json";
  /** What a stream of events has: the data of its messages, by their names. */
  readonly messages?: Readonly<Record<string, z.ZodType>>;
  /** It becomes a WebSocket (RFC 6455): the texts that it takes and sends. */
  readonly socket?: { readonly takes: readonly z.ZodType[]; readonly sends: z.ZodType };
  /** The answer has secrets in it and is kept nowhere: also not for an Idempotency-Key, which is not checked. */
  readonly unkept?: true;
}

/** The routes of one resource, by the names of their operations. */
export type Routes = Readonly<Record<string, RouteContract>>;

/** The same value, read-only to its depth. */
export type Frozen<Value> = Value extends readonly (infer Item)[]
  ? readonly Frozen<Item>[]
  : Value extends object
    ? { readonly [Member in keyof Value]: Frozen<Value[Member]> }
    : Value;

/** A value of a schema, as its readers and writers have it. */
export type ViewOf<Schema extends z.ZodType> = Frozen<z.infer<Schema>>;

type Braces<Path extends string> = Path extends `${string}{${infer Member}}${infer Rest}`
  ? Member | Braces<Rest>
  : never;
/** The members of a route's path. */
export type ParamsOf<Route extends RouteContract> = Readonly<Record<Braces<Route["path"]>, string>>;

/** What a success of a route holds; nothing where there is no JSON. */
export type AnswerOf<Route extends RouteContract> = Route extends { readonly answer: infer Schema extends z.ZodType }
  ? ViewOf<Schema>
  : undefined;

/** Method and path of a route, like `GET /v1/info`. */
export type RouteLine<Route extends RouteContract> = `${Uppercase<Route["method"]>} ${Route["path"]}`;

/** A message of a route that answers with a stream of them. Without an id the reader's place stays where it is. */
export type MessageOf<Route extends RouteContract> = Route extends {
  readonly messages: infer All extends Readonly<Record<string, z.ZodType>>;
}
  ? {
      [Event in keyof All & string]: { readonly event: Event; readonly id?: number; readonly data: ViewOf<All[Event]> };
    }[keyof All & string]
  : never;
