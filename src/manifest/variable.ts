import { valueLimit, variableName } from "../base/variable-name.ts";
import { namePattern } from "../model/environment.ts";
import { type Diagnostics, oneOf } from "./diagnostic.ts";
import { anyText, choice, flag, integer, isEmpty, type Kind, scalar } from "./kinds.ts";
import { patternFault } from "./pattern.ts";
import { piecesOf } from "./references.ts";
import { defaulted, listOf, mapOf, optional, section } from "./section.ts";
import { type Node, show } from "./source.ts";

/** Text of a variable: `${NAME}`, `${service.url}` and `$$` are parsed, not yet replaced. */
const template: Kind<string> = {
  ...anyText(),
  read(node, diagnostics) {
    const written = anyText().read(node, diagnostics);
    if (piecesOf(written) === null)
      diagnostics.add(
        node,
        // biome-ignore lint/suspicious/noTemplateCurlyInString: the manifest's own references
        "a reference is invalid – write ${NAME}, or ${service.url}, .host or .port; write $$ for a dollar sign",
      );
    return written;
  },
};

const pattern: Kind<string> = {
  label: "regular expression",
  json: { type: "string", maxLength: 200 },
  none: "",
  read(node, diagnostics) {
    const written = anyText().read(node, diagnostics);
    const fault = patternFault(written);
    if (fault !== null) diagnostics.add(node, `the pattern ${fault}`);
    return fault === null ? written : "";
  },
};

const environmentName = scalar<string>({
  label: "environment",
  json: { type: "string", pattern: namePattern.source },
  none: "",
  wanted: "an environment – write a name like production",
  parse: ({ text }) => (namePattern.test(text) ? text : null),
});

const someEnvironments = listOf({ each: environmentName, min: 1, max: 50 });

/** `true`: everywhere. A list: in those environments. */
const requiredIn: Kind<boolean | readonly string[]> = {
  label: "true, false or list of environments",
  json: { anyOf: [{ type: "boolean" }, someEnvironments.json] },
  none: false,
  read(node: Node, diagnostics: Diagnostics) {
    if (isEmpty(node, diagnostics)) return false;
    if (node.kind === "list") return someEnvironments.read(node, diagnostics);
    if (node.kind === "scalar" && typeof node.value === "boolean") return node.value;
    diagnostics.add(node, `${show(node)} is not ${oneOf(["true", "false", "a list of environments"])}`);
    return false;
  },
};

/** One environment, or a list. */
const theseEnvironments: Kind<readonly string[]> = {
  label: "environment or list of environments",
  json: { anyOf: [environmentName.json, someEnvironments.json] },
  none: [],
  read(node: Node, diagnostics: Diagnostics) {
    if (isEmpty(node, diagnostics)) return [];
    return node.kind === "list" ? someEnvironments.read(node, diagnostics) : [environmentName.read(node, diagnostics)];
  },
};

/** How a value can be generated if there is none; `django` is what its `get_random_secret_key` makes. */
const generators = ["hex32", "hex64", "base64", "uuid", "django"] as const;

const length = integer("a length", { min: 0, max: valueLimit });

const variable = section({
  short: "value",
  fields: {
    value: optional(
      template,
      // biome-ignore lint/suspicious/noTemplateCurlyInString: the manifest's own references
      "The value. `${NAME}` is another variable, `${service.url}`, `.host` and `.port` are the address of another service, `$$` is a dollar sign.",
    ),
    default: optional(template, "The value if nothing else sets one."),
    secret: defaulted(flag(), "false", "Never shown in logs, lists or messages."),
    required: defaulted(
      requiredIn,
      "false",
      "A deployment without a value fails before it changes anything: in all environments, or in those listed.",
    ),
    pattern: optional(
      pattern,
      "A regular expression (JavaScript) that the value must match; no repeated groups that contain a repetition or choice.",
    ),
    oneOf: optional(listOf({ each: anyText(), min: 1, max: 100 }), "The allowed values."),
    minLength: optional(length, "Minimum length."),
    maxLength: optional(length, "Maximum length."),
    generate: optional(
      choice(generators),
      "Generated once for each environment if no value is set, and kept as a secret.",
    ),
    change: optional(
      theseEnvironments,
      "Environments in which the value must differ from the development value: that of `environments.development`, or else of the manifest without overlays.",
    ),
    scope: defaulted(
      choice(["run", "build", "both"]),
      "run",
      "Who gets it: the running services, the build, or both. In a Dockerfile a plain one is a build argument (`ARG`), a secret one only a build secret (`RUN --mount=type=secret,id=NAME`).",
    ),
    forbid: optional(
      mapOf({
        each: listOf({ each: anyText(), min: 1, max: 100 }),
        key: namePattern,
        wanted: "the name of an environment",
        max: 50,
      }),
      "Values that are forbidden in an environment, like a development key in production.",
    ),
  },
  check({ minLength, maxLength }, { node, diagnostics }) {
    if (minLength !== null && maxLength !== null && minLength > maxLength)
      diagnostics.add(node, "minLength is more than maxLength");
  },
});

export type VariableValue = typeof variable.none;

/** An `env:` mapping. 500 names, so that chains of references stay short enough to follow. */
export const variables = mapOf({
  each: variable,
  key: variableName,
  wanted: "the name of a variable – write letters, digits and _, like LOG_LEVEL",
  max: 500,
});
