import type { Json } from "./kinds.ts";

type Schema = { readonly [key: string]: Json };

/** The schema of an overlay for a schema: nothing is required, `null` is allowed everywhere. */
export function overlaySchema(schema: Schema): Schema {
  const { required: _, minProperties: __, properties, additionalProperties, anyOf, ...rest } = schema;
  return {
    ...rest,
    ...(Array.isArray(anyOf) ? { anyOf: anyOf.map((one: Json) => (isSchema(one) ? overlaySchema(one) : one)) } : {}),
    ...(isSchema(additionalProperties) ? { additionalProperties: nullable(additionalProperties) } : {}),
    ...(additionalProperties === false ? { additionalProperties } : {}),
    ...(isSchema(properties)
      ? {
          properties: Object.fromEntries(
            Object.entries(properties).map(([key, one]) => [key, isSchema(one) ? nullable(one) : one]),
          ),
        }
      : {}),
  };
}

function nullable(schema: Schema): Schema {
  const { description, default: _, ...rest } = schema;
  const kept = description === undefined ? {} : { description };
  return { ...kept, anyOf: [overlaySchema(rest), { type: "null" }] };
}

function isSchema(value: Json | undefined): value is Schema {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
