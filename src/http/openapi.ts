import { z } from "zod";
import { headers, honoursKey } from "../contract/headers.ts";
import { type PathParam, pathParams } from "../contract/params.ts";
import { paramsOf } from "../contract/paths.ts";
import { problem, problemMediaType } from "../contract/problem.ts";
import type { RouteContract } from "../contract/route.ts";
import { routes } from "../contract/routes.ts";

/** A JSON Schema, or a part of an OpenAPI document. */
export interface JsonObject {
  readonly [key: string]: unknown;
}

/** The API as an OpenAPI 3.1 document, made of the same schemas that check the requests. */
export function openApiDocument(version: string) {
  const schemas: Record<string, unknown> = {};
  const paths: Record<string, Record<string, JsonObject>> = {};
  for (const [operationId, route] of Object.entries(routes)) {
    paths[route.path] = { ...paths[route.path], [route.method]: operation(operationId, route, schemas) };
  }
  return {
    openapi: "3.1.0",
    info: { title: "Fairlead", version, license: { name: "MIT" } },
    security: [{ token: [] }],
    components: { securitySchemes: { token: { type: "http", scheme: "bearer" } }, schemas },
    paths,
  };
}

/**
 * A schema as JSON Schema, in which every schema with a name is a reference; those are added to `named`. An answer may get
 * new members, so only what is asked for says that there are no others.
 */
export function jsonSchema(schema: z.ZodType, io: "input" | "output", named: Record<string, unknown>): JsonObject {
  const { items, $defs = {} } = z.toJSONSchema(z.array(schema), {
    io,
    unrepresentable: "any",
    override: ({ jsonSchema: json }) => {
      if (io === "output" && json.additionalProperties === false) delete json.additionalProperties;
      if (json.format === "date-time") delete json.pattern;
      if (json.minimum === Number.MIN_SAFE_INTEGER) delete json.minimum;
      if (json.maximum === Number.MAX_SAFE_INTEGER) delete json.maximum;
    },
  });
  const inComponents = <Part>(part: Part): Part =>
    JSON.parse(JSON.stringify(part).replaceAll('"#/$defs/', '"#/components/schemas/'));
  for (const [name, { id: _id, ...definition }] of Object.entries($defs)) named[name] = inComponents(definition);
  return inComponents(items as JsonObject);
}

function operation(operationId: string, route: RouteContract, named: Record<string, unknown>): JsonObject {
  const { path, summary, status, answer, media } = route;
  const type = media ?? "application/json";
  const schema = answer ?? (type === "application/json" ? z.looseObject({}) : z.string());
  const hasContent = answer !== undefined || media !== undefined;
  const description = "Success";
  const content = (of: z.ZodType) => ({ schema: jsonSchema(of, "output", named) });
  const parameters = parametersOf(route, named);
  const requestBody = bodyOf(route, named);
  return {
    operationId,
    summary,
    ...(!path.startsWith("/v1") && path !== "/metrics" && { security: [] }),
    ...(parameters.length > 0 && { parameters }),
    ...(requestBody && { requestBody }),
    responses: {
      [status]: hasContent ? { description, content: { [type]: content(schema) } } : { description },
      default: { description: "A fault", content: { [problemMediaType]: content(problem) } },
    },
  };
}

function parametersOf(route: RouteContract, named: Record<string, unknown>): readonly JsonObject[] {
  const parameter = (place: "path" | "query" | "header") => {
    return ([name, of]: readonly [string, z.ZodType]): JsonObject => {
      const schema = jsonSchema(of, "input", named);
      const { description } = schema;
      const required = place === "path";
      return { name, in: place, required, ...(typeof description === "string" && { description }), schema };
    };
  };
  return [
    ...paramsOf(route.path)
      .map((member) => [member, pathParams[member as PathParam]] as const)
      .map(parameter("path")),
    ...Object.entries(route.query?.shape ?? {})
      .map(([name, of]) => [name, of as z.ZodType] as const)
      .map(parameter("query")),
    ...headersOf(route)
      .map((header) => [header, z.string()] as const)
      .map(parameter("header")),
  ];
}

function bodyOf(route: RouteContract, named: Record<string, unknown>): JsonObject | null {
  const content = (type: string, schema: JsonObject) => ({ required: true, content: { [type]: { schema } } });
  if (route.body) return content("application/json", jsonSchema(route.body, "input", named));
  return route.method === "put" ? content("application/x-tar", { type: "string", format: "binary" }) : null;
}

function headersOf(route: RouteContract): readonly string[] {
  const { method, media, path } = route;
  const confirm = path.includes("{environment}") && method !== "get" ? [headers.confirm] : [];
  const once = honoursKey(route) ? [headers.idempotencyKey] : [];
  const change = [...(method === "patch" ? [headers.ifMatch] : []), ...once, ...confirm];
  if (change.length > 0) return change;
  return media === "text/event-stream" ? [headers.lastEventId] : [];
}
