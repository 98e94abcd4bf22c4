import { z } from "zod";
import { deploymentView } from "./deployments.ts";
import { environmentPath } from "./paths.ts";
import type { Routes, ViewOf } from "./route.ts";
import { variableNameSchema, variableValue } from "./scalars.ts";

const valueDigest = z
  .string()
  .describe(
    "Eight hexadecimal digits, equal for equal values of the environment; only the controller can compute them.",
  );

const setValue = z
  .object({
    version: z.int().describe("Increases with every change."),
    digest: valueDigest,
    setAt: z.iso.datetime(),
    setBy: z.string(),
    state: z.enum(["live", "staged"]).describe("`staged`: waits for the next deployment."),
  })
  .meta({ id: "SetValue" });
export type SetValueView = ViewOf<typeof setValue>;

const effectiveValue = z
  .object({
    digest: valueDigest,
    set: z.array(z.string()).describe("Versions of set values in it, as NAME@3; none: all from the manifest."),
    group: z.string().nullable().describe("Its group in the manifest."),
  })
  .meta({ id: "EffectiveValue" });

export const variablesView = z
  .object({
    variables: z.record(z.string(), setValue).describe("Values set for this environment; they override the manifest."),
    effective: z
      .record(z.string(), z.record(z.string(), effectiveValue))
      .describe("What every service of the newest configuration gets, by service."),
    build: z.record(z.string(), effectiveValue).describe("Variables of its build."),
  })
  .meta({ id: "Variables", description: "Values are never shown, only their digests." });
export type VariablesView = ViewOf<typeof variablesView>;

export const revealedVariables = z
  .object({
    variables: z.record(z.string(), z.string()),
    effective: z.record(z.string(), z.record(z.string(), z.string())),
    build: z.record(z.string(), z.string()),
  })
  .meta({ id: "RevealedVariables" });
export type RevealedVariables = ViewOf<typeof revealedVariables>;

export const variableDiff = z
  .object({
    variables: z.array(
      z.object({
        name: z.string(),
        service: z.string().nullable().describe("Listed if services have different values of it."),
        state: z.enum(["same", "different", "only-here", "only-there"]),
      }),
    ),
  })
  .meta({ id: "VariableDiff", description: "Neither values nor digests are shown." });
export type VariableDiff = ViewOf<typeof variableDiff>;

export const versionList = z
  .object({
    items: z.array(
      z.object({
        version: z.int(),
        digest: valueDigest.nullable().describe("Null: destroyed."),
        setAt: z.iso.datetime(),
        setBy: z.string(),
        state: z.enum(["set", "kept", "destroyed"]).describe("`set`: the current value. `kept`: releases may need it."),
        releases: z.array(z.string()).describe("The newest releases that use it, at most twenty."),
      }),
    ),
  })
  .meta({ id: "VersionList" });
export type VersionList = ViewOf<typeof versionList>;

export const variableOrigins = z
  .object({
    services: z.array(
      z.object({
        service: z.string().nullable().describe("Null: the build."),
        from: z
          .enum(["set", "generated", "value", "default", "refers", "fairlead", "absent"])
          .describe(
            "`set` on the controller, `generated` by Fairlead and kept there; from the manifest as a `value`, a `default` or a text that `refers` to others; set by `fairlead` for every service; `absent`.",
          ),
        digest: valueDigest.nullable(),
        set: z.array(z.string()).describe("Versions of set values in it, as NAME@3."),
        refersTo: z.array(z.string()).describe("What its text in the manifest refers to, as NAME or service.url."),
        place: z
          .object({
            path: z.string(),
            line: z.int(),
            column: z.int(),
            overlay: z.string().nullable().describe("The environment of the overlay that it is in."),
            group: z.string().nullable(),
          })
          .nullable()
          .describe("Where the manifest has its text, or otherwise declares it."),
        rules: z.array(z.string()).describe("The manifest's rules for it, in words."),
      }),
    ),
    staged: z.string().nullable().describe("The version that waits for the next deployment, as NAME@3."),
  })
  .meta({ id: "VariableOrigins" });
export type VariableOrigins = ViewOf<typeof variableOrigins>;

export const variablesRequest = z
  .strictObject({
    set: z
      .record(variableNameSchema, variableValue.nullable())
      .refine((value) => Object.keys(value).length <= 500, "must name at most 500 variables")
      .describe("Name to value; null unsets it."),
    rotate: z
      .record(variableNameSchema, variableValue.nullable())
      .refine((value) => Object.keys(value).length <= 500, "must name at most 500 variables")
      .optional()
      .describe("Name of a set variable to its new value; null: generated as in the manifest's `generate`."),
    prune: z.boolean().optional().describe("Unset variables that are not named; values generated by Fairlead stay."),
    dryRun: z.boolean().optional().describe("Only validate it and report what would change."),
    stage: z.boolean().optional().describe("Keep it for the next deployment instead of deploying it now."),
  })
  .refine(
    ({ set, rotate, prune }) => prune || Object.keys({ ...set, ...rotate }).length > 0,
    "must name at least one variable",
  )
  .meta({ id: "VariablesRequest" });
export type VariablesRequest = ViewOf<typeof variablesRequest>;

export const variablesAnswer = z
  .object({
    variables: z.record(z.string(), setValue),
    changes: z
      .record(z.string(), z.enum(["added", "changed", "forgotten", "same"]))
      .describe("The result, or expected result, for every name of the request."),
    deployment: deploymentView.nullable().describe("The deployment of the change; null if staged or nothing serves."),
  })
  .meta({ id: "VariablesAnswer" });
export type VariablesAnswer = ViewOf<typeof variablesAnswer>;

export const variableRoutes = {
  variables: {
    method: "get",
    path: `${environmentPath}/variables`,
    action: "read",
    status: 200,
    answer: variablesView,
    summary: "Variables of the environment, with an ETag",
  },
  changeVariables: {
    method: "patch",
    path: `${environmentPath}/variables`,
    action: "configure",
    status: 200,
    body: variablesRequest,
    answer: variablesAnswer,
    summary: "Set and unset variables and deploy the change; honours If-Match",
  },
  revealVariables: {
    method: "post",
    path: `${environmentPath}/variables/reveal`,
    action: "reveal",
    status: 200,
    answer: revealedVariables,
    unkept: true,
    summary: "Variables in the clear; the audit records the request",
  },
  explainVariable: {
    method: "get",
    path: `${environmentPath}/variables/{variable}/origins`,
    action: "read",
    status: 200,
    answer: variableOrigins,
    summary: "Where every service gets a variable from, and its rules",
  },
  versions: {
    method: "get",
    path: `${environmentPath}/variables/{variable}/versions`,
    action: "read",
    status: 200,
    answer: versionList,
    summary: "Every version of a set value, newest first, and the releases that use it",
  },
  destroyValue: {
    method: "delete",
    path: `${environmentPath}/variables/{variable}/versions/{version}`,
    action: "configure",
    status: 204,
    summary: "Destroy one version of a value that no release needs for a rollback",
  },
  variableDiff: {
    method: "get",
    path: `${environmentPath}/diff/{other}`,
    action: "reveal",
    status: 200,
    answer: variableDiff,
    summary: "Which variables are the same here and in another environment; for those who may read both",
  },
} as const satisfies Routes;
