import { z } from "zod";
import { valueLimit, variableName } from "../base/variable-name.ts";

/** App, service and environment names: a DNS label that starts with a letter (RFC 1123), at most 40 characters. */
export const name = z
  .string()
  .regex(
    /^[a-z](?:[a-z0-9-]{0,38}[a-z0-9])?$/,
    "must be lower-case letters, digits and hyphens, at most 40, a letter first",
  )
  .describe("A name: lower-case letters, digits and hyphens.");

/** A moment, RFC 3339 in UTC. */
export const time = z.iso.datetime({ offset: true }).describe("A moment, RFC 3339.");

export const durationMs = z.int().min(0).describe("A duration in milliseconds.");

/** Digest of a source tree or an artifact: what `treeDigest` of src/base/digest.ts makes. */
export const digest = z
  .string()
  .regex(/^sha256:[0-9a-f]{64}$/, "must be sha256: and 64 hexadecimal digits")
  .describe("`sha256:` and 64 hexadecimal digits.");

/** How answers write a release. */
export const releaseNameSchema = z
  .string()
  .regex(/^v[1-9]\d{0,8}$/)
  .describe("A release, like `v12`.");

/** How requests may write a release: `v12` or `12`. */
export const releaseReference = z
  .string()
  .regex(/^v?[1-9]\d{0,8}$/, "must be a release like v12 or 12")
  .describe("A release, like `v12` or `12`.");

export const deploymentId = z
  .string()
  .regex(/^[A-Za-z0-9_-]{1,64}$/, "must be the id of a deployment")
  .describe("The id of a deployment.");

export const taskNameSchema = z
  .string()
  .regex(/^[A-Za-z0-9][A-Za-z0-9_.-]{0,199}$/, "must be the name of a task")
  .describe("The name of a task.");

/** A host as routes name it: lower case, `*.` in front for all names one level below. */
export const hostNameSchema = z
  .string()
  .max(253)
  .regex(
    /^(\*\.)?[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?)*$/,
    "must be a host name in lower case",
  )
  .describe("A host name, like `shop.example.com` or `*.example.com`.");

/** Names of environment variables (POSIX 1003.1, chapter 8). */
export const variableNameSchema = z.string().regex(variableName, "must be letters, digits and _, no digit first");

/** A version of a set value in a path. */
export const valueVersion = z
  .string()
  .regex(/^[1-9]\d{0,8}$/, "must be the number of a version")
  .describe("A version of a set value, like 3.");

/** A value of a variable, as long as the manifest allows. */
export const variableValue = z
  .string()
  .max(valueLimit)
  .refine((value) => !value.includes("\0"), "must not contain NUL");

/** Most items of a page, and how many when the request does not say. */
export const pageLimit = z.coerce
  .number<number>()
  .int()
  .min(1)
  .max(200)
  .default(50)
  .describe("Maximum number of items.");

export const cursor = z.string().min(1).max(100).optional().describe("`nextCursor` of the previous page.");

/** Which page of a list. */
export const pageQuery = z.strictObject({ limit: pageLimit, cursor });

export const faultView = z
  .object({ code: z.string(), detail: z.string(), hint: z.string() })
  .meta({ id: "Fault", description: "What went wrong, and what to do next." });

/** One page of a list, newest first. */
export function pageSchema<Item extends z.ZodType>(item: Item) {
  return z.object({
    items: z.array(item),
    nextCursor: z.string().nullable().describe("Value of `cursor` for the next page; null on the last one."),
  });
}
