import { OpenAPIHono } from "@hono/zod-openapi";
import { z } from "zod";
import { headers, honoursKey } from "../contract/headers.ts";
import { paramsOf, pathParams } from "../contract/params.ts";
import { type RouteContract, routes } from "../contract/paths.ts";
import { problem, problemMediaType } from "../contract/problem.ts";

type Registry = OpenAPIHono["openAPIRegistry"];
type RouteConfig = Parameters<Registry["registerPath"]>[0];

/** The API as an OpenAPI 3.1 document, made of the same schemas that check the requests. */
export function openApiDocument(version: string): object {
  const api = new OpenAPIHono();
  api.openAPIRegistry.registerComponent("securitySchemes", "token", { type: "http", scheme: "bearer" });
  for (const [name, route] of Object.entries(routes)) api.openAPIRegistry.registerPath(routeConfig(name, route));
  return api.getOpenAPI31Document({
    openapi: "3.1.0",
    info: { title: "Fairlead", version, license: { name: "MIT" } },
    security: [{ token: [] }],
  });
}

function routeConfig(operationId: string, route: RouteContract): RouteConfig {
  const { method, path, summary, status, answer, media } = route;
  const type = media ?? "application/json";
  const schema = answer ?? (type === "application/json" ? z.looseObject({}) : z.string());
  const hasContent = answer !== undefined || media !== undefined;
  const description = "Success";
  return {
    operationId,
    method,
    path,
    summary,
    ...(!path.startsWith("/v1") && path !== "/metrics" && { security: [] }),
    request: requestOf(route),
    responses: {
      [status]: hasContent ? { description, content: { [type]: { schema } } } : { description },
      default: { description: "A fault", content: { [problemMediaType]: { schema: problem } } },
    },
  };
}

function requestOf(route: RouteContract): NonNullable<RouteConfig["request"]> {
  const members = paramsOf(route.path).map((member) => [member, pathParams[member]] as const);
  const body = bodyOf(route);
  const named = headersOf(route);
  return {
    ...(members.length > 0 && { params: z.object(Object.fromEntries(members)) }),
    ...(route.query && { query: route.query }),
    ...(named.length > 0 && {
      headers: z.object(Object.fromEntries(named.map((header) => [header, z.string().optional()]))),
    }),
    ...(body && { body }),
  };
}

function bodyOf(route: RouteContract): NonNullable<RouteConfig["request"]>["body"] {
  if (route.body) return { required: true, content: { "application/json": { schema: route.body } } };
  if (route.method !== "put") return undefined;
  return { required: true, content: { "application/x-tar": { schema: z.string().meta({ format: "binary" }) } } };
}

function headersOf(route: RouteContract): readonly string[] {
  const { method, media, path } = route;
  const confirm = path.includes("{environment}") && method !== "get" ? [headers.confirm] : [];
  const once = honoursKey(route) ? [headers.idempotencyKey] : [];
  const change = [...(method === "patch" ? [headers.ifMatch] : []), ...once, ...confirm];
  if (change.length > 0) return change;
  return media === "text/event-stream" ? [headers.lastEventId] : [];
}
