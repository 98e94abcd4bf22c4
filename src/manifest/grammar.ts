import { languages } from "../base/languages.ts";
import { variableName } from "../base/variable-name.ts";
import { namePattern } from "../model/environment.ts";
import { checks } from "./checks.ts";
import { command } from "./command.ts";
import { foreignServiceKeys, foreignTopKeys } from "./foreign-keys.ts";
import { host, http, inside, many } from "./http.ts";
import { overlaySchema } from "./json-schema.ts";
import { anyText, choice, cores, duration, flag, integer, type Kind, noMapping, share, size, text } from "./kinds.ts";
import { registries } from "./registries.ts";
import { defaulted, listOf, mapOf, optional, required, section } from "./section.ts";
import { variables } from "./variable.ts";

const name = (what: string) =>
  text({
    label: "name",
    wanted: `${what} – write small letters, digits and dashes, at most 40, like shop-api`,
    pattern: namePattern,
    max: 40,
  });

const build = section({
  short: "context",
  fields: {
    context: defaulted(inside("a directory"), ".", "Directory of the source to build."),
    command: optional(
      command,
      "For plain processes: installs and builds in a copy of the source. Without it the source is used as it is.",
    ),
    dockerfile: optional(inside("a file"), "The Dockerfile, relative to `context`."),
    target: optional(
      text({ label: "stage", wanted: "a stage of a Dockerfile", pattern: /^[A-Za-z0-9][\w.-]*$/, max: 128 }),
      "The stage of the Dockerfile to build.",
    ),
    args: optional(
      mapOf({ each: anyText(), key: variableName, wanted: "a name of a build argument", max: many }),
      "Build arguments. Never secrets: they stay in the image.",
    ),
    base: optional(
      mapOf({
        each: text({
          label: "image",
          wanted: "an image – write it like registry.example.com/node:24-slim",
          pattern: /^(?!.*(?:\.\.|\/\.|\/\/))[a-z0-9][\w.:/@-]{0,255}$/,
          max: 256,
        }),
        key: new RegExp(`^(?:${languages.join("|")})$`),
        wanted: `a language – write one of ${languages.join(", ")}`,
        max: languages.length,
      }),
      "Base images for builds without a Dockerfile, by language: use a mirror, or pin a digest. Default: the official ones.",
    ),
    image: optional(
      text({
        label: "image",
        wanted: "an image with its digest – write name@sha256:… (a tag can change)",
        pattern: /^(?!.*(?:\.\.|\/\.|\/\/))[a-z0-9][\w.:/-]{0,255}@sha256:[0-9a-f]{64}$/,
        max: 512,
      }),
      "A prebuilt image instead of a build.",
    ),
  },
  check({ image, command: built, dockerfile, target }, { node, diagnostics }) {
    const other = Object.entries({ command: built, dockerfile, target }).find(([, value]) => value !== null)?.[0];
    if (image !== null && other !== undefined)
      diagnostics.add(node, `has image and ${other} – an image is not built, remove one`);
  },
});

const release = section({
  short: "run",
  fields: {
    run: required(command, "Must exit with 0; runs as a task in the new release."),
    within: defaulted(
      duration("1s", "24h"),
      "30m",
      "Time limit; after it the command gets the stop signal of its service, SIGKILL after `stop.within`, and the deployment fails.",
    ),
  },
});

const stop = section({
  fields: {
    signal: defaulted(
      choice(["SIGTERM", "SIGINT", "SIGQUIT", "SIGHUP", "SIGUSR1", "SIGUSR2"]),
      "SIGTERM",
      "Signal that asks an instance to end. Sent only to the first process if that handles it, otherwise also to its children (in a container they end with it: start the command with `exec`).",
    ),
    within: defaulted(
      duration("0s", "1h"),
      "30s",
      "Time from the signal to SIGKILL; a common default of orchestrators.",
    ),
    drain: defaulted(
      duration("0s", "24h"),
      "30s",
      "How long running requests and streams may continue after new ones go elsewhere, before the signal.",
    ),
  },
});

/** Overrides the app's variables, so `null` removes one of them. */
const ownVariables = { ...variables, json: overlaySchema(variables.json) };

const staticFiles = section({
  short: "path",
  fields: {
    path: defaulted(inside("a directory"), ".", "Directory with the files, after the build."),
    fallback: optional(
      inside("a page"),
      "The page for paths without a file and without an extension, for a front end that has its own router.",
    ),
  },
});

/** The keys of a section that stands elsewhere, each with the sentence that says where. */
function keysOf({ fields = {} }: Kind<unknown>, place: string): Readonly<Record<string, string>> {
  return Object.fromEntries(
    Object.keys(fields).map((key) => [key, `is not a key here – write ${key}: below ${place}`]),
  );
}

const service = section({
  later: { ...keysOf(http, "http:"), ...keysOf(stop, "stop:"), ...foreignServiceKeys },
  fields: {
    run: optional(
      command,
      "The command to run: one line, split as in a shell but without a shell, or a list of arguments. Default: the image's own command; plain processes need it.",
    ),
    static: optional(
      staticFiles,
      "Serves files in place of `run`: plain processes with Fairlead's own server, containers with the image's Caddy (builds without a Dockerfile).",
    ),
    http: optional(http, "The service answers HTTP; without it the service gets no traffic."),
    replicas: defaulted(
      noMapping(
        integer("a number of instances", { min: 0, max: 100 }),
        "autoscaling (min, max, when) is not supported in this version – write a number",
      ),
      "1",
      "Number of instances.",
    ),
    single: defaulted(
      flag(),
      "false",
      "Never two at once, not even during a deployment: the old one stops before the new one starts.",
    ),
    release: optional(
      release,
      "Runs once per deployment, in the new release, before any of its instances start: migrations, a first load of data.",
    ),
    checks: optional(
      checks,
      "Checks that a deployment must pass in addition to its gate. Rollbacks and restarts run none.",
    ),
    needs: defaulted(
      listOf({ each: name("a service name"), max: many }),
      "[]",
      "Services that must be ready before this one starts.",
    ),
    groups: defaulted(
      listOf({ each: name("a name of a group"), max: many }),
      "[]",
      "Groups of variables that this service gets. They override those of the app, in this order.",
    ),
    env: optional(
      ownVariables,
      "Variables of this service. Each overrides the same name in the app and its groups; `null` removes one.",
    ),
    stop: defaulted(stop, "{}", "How an instance is stopped."),
    memory: optional(size("8MB", "1024GB"), "Memory limit of one instance. Default: no limit."),
    cpus: optional(
      cores(),
      "Limit of processor cores of one instance, like 0.5; enforced for containers. Default: no limit.",
    ),
    readOnly: defaulted(flag(), "false", "Containers can write only to /tmp, which is in memory."),
    settle: defaulted(
      duration("0s", "1h"),
      "5s",
      "How long an instance without `http` must stay up to pass its gate; most bad starts fail within five seconds.",
    ),
  },
  check({ single, replicas, http: routed, checks: wanted, run, static: files }, { node, diagnostics }) {
    if (files !== null && run !== null) diagnostics.add(node, "has run and static – remove one of the two");
    if (files !== null && routed === null) diagnostics.add(node, "has static without http – write http: {}");
    if (single && replicas !== 1) diagnostics.add(node, `is single with ${replicas} replicas – remove one of the two`);
    const asked = [...(wanted?.after ?? [])].find(([, check]) => check.http !== null)?.[0];
    if (asked !== undefined && routed === null)
      diagnostics.add(node, `has no http, which check ${asked} requests – write run instead`);
  },
});

const canary = section({
  short: "steps",
  fields: {
    steps: required(listOf({ each: share(), min: 1, max: 20 }), "Share of the traffic in each step, increasing."),
    every: defaulted(duration("1s", "24h"), "10s", "Time between two steps."),
  },
  check({ steps }, { node, diagnostics }) {
    const rises = steps.every((step, i) => step > (steps[i - 1] ?? 0) && step < 1);
    if (!rises) diagnostics.add(node, "the steps must increase and be between 0% and 100%, like [10%, 50%]");
  },
});

const watch = section({
  fields: {
    for: defaulted(
      duration("0s", "24h"),
      "15s",
      "How long the old release keeps running beside the new one, ready to take over at once.",
    ),
    errors: defaulted(share(), "5%", "Share of failed requests above which the new release is rolled back."),
    p95: optional(
      duration("1ms", "1h"),
      "95 of 100 answers must be faster, or the new release is rolled back. Default: not checked.",
    ),
  },
});

const deploy = section({
  later: { ...keysOf(service, "services: NAME:"), ...keysOf(watch, "watch:") },
  fields: {
    watch: defaulted(watch, "{}", "What happens between the switch and the end of the old release."),
    canary: optional(canary, "The new release takes over in steps. Default: at once."),
    keep: defaulted(
      integer("a number of releases", { min: 1, max: 1_000 }),
      "5",
      "Number of live releases that stay ready for a rollback.",
    ),
  },
});

const protection = section({
  short: "confirm",
  fields: {
    confirm: defaulted(flag(), "true", "A change requires typing its name, or giving it with --confirm."),
    branches: optional(
      listOf({
        each: text({
          label: "branch",
          wanted: "a Git branch – write it like main",
          pattern: /^\w[\w./+@-]*$/,
          max: 200,
        }),
        min: 1,
        max: many,
      }),
      "Git branches whose code may be deployed there. Default: any.",
    ),
    who: optional(
      listOf({ each: name("`local` or the name of a token"), min: 1, max: many }),
      "Who may change it, by the names that the audit uses: `local` over the controller's own socket, the name of a token of `fairlead tokens`, or `token` for the controller's own. Default: everybody who can reach the controller.",
    ),
  },
});

const previews = section({
  fields: {
    from: defaulted(
      name("the name of an environment"),
      "staging",
      "The environment whose configuration and values previews get; never a protected one, and never production.",
    ),
    ttl: defaulted(duration("1s", "30d"), "72h", "How long a preview lives after the last deployment of code to it."),
    domain: optional(
      host,
      "The domain of previews, like previews.example.com; hosts are `<name>--<service>` below it. A wildcard record must point to this machine. Default: `<app>.localhost`.",
    ),
    max: defaulted(integer("a number of previews", { min: 1, max: 100 }), "5", "Maximum number of previews."),
  },
});

const laterTopKeys = {
  ...keysOf(stop, "services: NAME: stop:"),
  ...keysOf(http, "services: NAME: http:"),
  ...keysOf(build, "build:"),
  ...keysOf(watch, "deploy: watch:"),
  ...keysOf(deploy, "deploy:"),
  ...keysOf(service, "services: NAME:"),
  ...foreignTopKeys,
  jobs: "jobs are not supported in this version – remove the section",
  data: "data services are not supported in this version – remove the section and set their addresses under env:",
};

/** Sections of later versions and of other formats; refused everywhere. */
export const laterKeys: readonly string[] = Object.keys(laterTopKeys);

/** What an overlay cannot change: it would be another file or another app. */
export const fixedKeys: readonly string[] = ["version", "app", "previews", "environments"];

/** What may differ between environments. */
const changeable = {
  build: defaulted(build, ".", "How the artifact of all services is built."),
  registries: optional(
    registries,
    "Logins for private registries, by host: for `build.image`, `build.base` and the images that a Dockerfile names.",
  ),
  env: optional(variables, "Variables of all services."),
  groups: optional(
    mapOf({
      each: variables,
      key: namePattern,
      wanted: "the name of a group – write small letters, digits and dashes, at most 40",
      max: many,
    }),
    "Variables that some services share, by group name; those services list it in their `groups`.",
  ),
  services: required(
    mapOf({
      each: service,
      key: namePattern,
      wanted: "a service name – write small letters, digits and dashes, at most 40",
      min: 1,
      max: many,
    }),
    "The long-running processes, by name.",
  ),
  deploy: defaulted(deploy, "{}", "How a new release replaces the old one."),
  protected: defaulted(
    protection,
    "false",
    "Protects the environment from accidental changes, beginning with the deployment that adds it; `true` is `{ confirm: true }`.",
  ),
};

/** An overlay is merged with the rest and read as a part of it. */
const difference: Kind<null> = {
  label: "section",
  json: { anyOf: [overlaySchema(section({ fields: changeable }).json), { type: "null" }] },
  none: null,
  read: () => null,
};

/** `fairlead.yml`. */
export const manifest = section({
  later: laterTopKeys,
  fields: {
    version: defaulted(integer("a known manifest version", { min: 1, max: 1 }), "1", "Version of this format."),
    app: required(name("an app name"), "The name of the app; part of host names, container names and directories."),
    ...changeable,
    previews: defaulted(previews, "{}", "Settings for `fairlead preview create`: temporary environments."),
    environments: optional(
      mapOf({ each: difference, key: namePattern, wanted: "the name of an environment", max: many }),
      "Overlays by environment name: any of the keys above except `version`, `app` and `previews`. They override the rest key by key; `null` removes a key. A plain value of a variable is its `value`: it keeps the rules of other layers and overrides their `default`.",
    ),
  },
});

export type ManifestValue = typeof manifest.none;
export type ServiceValue = typeof service.none;
