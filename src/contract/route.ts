import type { z } from "zod";

/** One path and method of the API. `answer` is the JSON of a success; without one the answer is what `media` says. */
export interface RouteContract {
  readonly method: "get" | "head" | "put" | "post" | "patch" | "delete";
  readonly path: `/${string}`;
  readonly summary: string;
  readonly status: 200 | 201 | 202 | 204;
  readonly query?: z.ZodObject;
  readonly body?: z.ZodType;
  readonly answer?: z.ZodType;
  readonly media?: "text/plain" | "text/event-stream" | "application/octet-stream" | "application/json";
  /** What a stream of events has: the data of its messages, by their names. */
  readonly messages?: Readonly<Record<string, z.ZodType>>;
  /** The answer has secrets in it and is kept nowhere: also not for an Idempotency-Key, which is not looked at. */
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
export type View<Schema extends z.ZodType> = Frozen<z.infer<Schema>>;

type Braces<Path extends string> = Path extends `${string}{${infer Member}}${infer Rest}`
  ? Member | Braces<Rest>
  : never;
/** The members of a route's path. */
export type ParamsOf<Route extends RouteContract> = Readonly<Record<Braces<Route["path"]>, string>>;
