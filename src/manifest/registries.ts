import { isEmpty, type Kind, text } from "./kinds.ts";
import { piecesOf } from "./references.ts";
import { mapOf, required, section } from "./section.ts";

/** The name of the variable that has the password: the password itself must not be in the file. */
const password: Kind<string> = {
  label: "reference to a value that is set",
  json: { type: "string", pattern: "^\\$\\{[A-Za-z_]\\w{0,127}\\}$" },
  none: "",
  read(node, diagnostics) {
    if (isEmpty(node, diagnostics)) return "";
    const pieces = node.kind === "scalar" ? piecesOf(node.text) : null;
    const [piece] = pieces ?? [];
    if (pieces?.length === 1 && piece?.kind === "variable") return piece.name;
    diagnostics.add(
      node,
      // biome-ignore lint/suspicious/noTemplateCurlyInString: the manifest's own references
      'a password must not be in this file – set it with `fairlead env set REGISTRY_PASSWORD --stdin --stage` and write "${REGISTRY_PASSWORD}" here',
    );
    return "";
  },
};

const login = section({
  fields: {
    username: required(
      text({ label: "user", wanted: "the name of a user, without colon or space", pattern: /^[^\s:]+$/, max: 255 }),
      "The user name, as for `docker login --username`.",
    ),
    password: required(
      password,
      // biome-ignore lint/suspicious/noTemplateCurlyInString: the manifest's own references
      'The password or token, as `"${NAME}"`: a value set with `fairlead env set NAME --stdin --stage`. A service gets it only if its `env` has the name too.',
    ),
  },
});

/** Registries by host, as the names of images begin with it. */
export const registries = mapOf({
  each: login,
  key: /^(?!.*\.docker\.(?:io|com)$)(?=.*[.:]|localhost$)[a-z0-9][a-z0-9.-]{0,252}(?::\d{1,5})?$/,
  wanted: "a registry – write its host, like ghcr.io or registry.example.com:5000; docker.io for Docker Hub",
  max: 20,
});
