import type { Command } from "./command.ts";

/** A command in the table: enough for help and completion without loading it. */
export interface Entry {
  /** One or two words: `deploy`, `releases show`. */
  readonly name: string;
  readonly summary: string;
  readonly group: string;
  load(): Promise<{ readonly default: Command }>;
}

type Load = Entry["load"];

function group(title: string, entries: readonly (readonly [name: string, summary: string, load: Load])[]): Entry[] {
  return entries.map(([name, summary, load]) => ({ name, summary, group: title, load }));
}

/** Every command, in the order of the help. A command module is loaded only when it runs. */
export const commands: readonly Entry[] = [
  ...group("Deploy", [
    ["up", "Start here: a controller if none answers, then deploy and follow", () => import("./commands/app/up.ts")],
    ["init", "Write a first fairlead.yml for this directory", () => import("./commands/app/init.ts")],
    ["check", "Validate fairlead.yml for every environment, offline", () => import("./commands/app/check.ts")],
    ["plan", "Show what a deployment would change", () => import("./commands/app/plan.ts")],
    ["deploy", "Build, check and deploy a new release", () => import("./commands/app/deploy.ts")],
    ["rollback", "Roll back to a previous release", () => import("./commands/app/rollback.ts")],
    ["promote", "Deploy one environment's live release to another", () => import("./commands/app/promote.ts")],
    ["down", "Stop every instance; data stays", () => import("./commands/app/down.ts")],
    ["destroy", "Delete an environment, or the whole app", () => import("./commands/app/destroy.ts")],
  ]),
  ...group("Look", [
    ["status", "Show the observed state", () => import("./commands/app/status.ts")],
    ["ps", "List running instances", () => import("./commands/app/ps.ts")],
    ["logs", "Read or follow logs", () => import("./commands/app/logs.ts")],
    ["open", "Open the app in a browser", () => import("./commands/app/open.ts")],
    ["audit", "Show who changed what and who read which secrets", () => import("./commands/app/audit.ts")],
    ["doctor", "Check this machine and the controller", () => import("./commands/app/doctor.ts")],
  ]),
  ...group("Run", [
    ["scale", "Show or set replicas: scale web=3", () => import("./commands/app/scale.ts")],
    ["restart", "Replace instances with new ones of the same release", () => import("./commands/app/restart.ts")],
    [
      "maintenance on",
      "Close it to its users while everything keeps running",
      () => import("./commands/maintenance/on.ts"),
    ],
    ["maintenance off", "Reopen it to its users", () => import("./commands/maintenance/off.ts")],
    ["run", "Run a command once in the live release: run -- CMD", () => import("./commands/app/run.ts")],
  ]),
  ...group("Manage", [
    ["preview create", "Deploy code to a temporary environment", () => import("./commands/preview/create.ts")],
    ["preview list", "List previews and when they expire", () => import("./commands/preview/list.ts")],
    ["preview remove", "Remove a preview now", () => import("./commands/preview/remove.ts")],
    ["releases list", "List releases, newest first", () => import("./commands/releases/list.ts")],
    ["releases show", "Show one release with its manifest", () => import("./commands/releases/show.ts")],
    ["releases diff", "Compare two releases", () => import("./commands/releases/diff.ts")],
    ["deployments list", "List deployments, newest first", () => import("./commands/deployments/list.ts")],
    ["deployments show", "Show one deployment with every step", () => import("./commands/deployments/show.ts")],
    ["deployments cancel", "Cancel a running deployment", () => import("./commands/deployments/cancel.ts")],
    ["deployments attach", "Follow a deployment to its end", () => import("./commands/deployments/attach.ts")],
    ["domains list", "List hosts and their certificates", () => import("./commands/domains/list.ts")],
    ["domains check", "Check a host as a certificate authority would", () => import("./commands/domains/check.ts")],
    ["domains add", "Serve a host with your own certificate", () => import("./commands/domains/add.ts")],
    ["domains remove", "Remove the certificate of a host", () => import("./commands/domains/remove.ts")],
    ["env list", "List the environment's variables, masked", () => import("./commands/env/list.ts")],
    ["env set", "Set variables and deploy them", () => import("./commands/env/set.ts")],
    ["env unset", "Unset variables and deploy", () => import("./commands/env/unset.ts")],
    ["env edit", "Edit set values in your editor", () => import("./commands/env/edit.ts")],
    ["env import", "Set all variables of a .env file", () => import("./commands/env/import.ts")],
    ["env pull", "Write the variables to a .env file", () => import("./commands/env/pull.ts")],
    ["env diff", "Compare two environments without showing values", () => import("./commands/env/diff.ts")],
    ["env explain", "Show where a variable comes from", () => import("./commands/env/explain.ts")],
    ["env versions", "List versions of a value and what uses them", () => import("./commands/env/versions.ts")],
    ["env rotate", "Replace a secret and deploy it", () => import("./commands/env/rotate.ts")],
    ["env destroy", "Permanently destroy one version of a value", () => import("./commands/env/destroy.ts")],
    [
      "vault recovery",
      "Write the vault's master key to an encrypted bundle",
      () => import("./commands/vault/recovery.ts"),
    ],
    ["vault rotate", "Replace the keys that seal values", () => import("./commands/vault/rotate.ts")],
    ["tokens create", "Create a named token for network access", () => import("./commands/tokens/create.ts")],
    ["tokens list", "List tokens for network access", () => import("./commands/tokens/list.ts")],
    ["tokens revoke", "Revoke a token", () => import("./commands/tokens/revoke.ts")],
  ]),
  ...group("More", [
    ["controller", "Run the controller in the foreground", () => import("./commands/app/controller.ts")],
    ["controller install", "Install it as a service of this machine", () => import("./commands/controller/install.ts")],
    ["controller uninstall", "Remove that service", () => import("./commands/controller/uninstall.ts")],
    ["api", "Send one request to the HTTP API", () => import("./commands/app/api.ts")],
    ["completion", "Print a completion script for bash, zsh or fish", () => import("./commands/app/completion.ts")],
  ]),
];

/**
 * The verbs of a noun. They may be omitted: `fairlead releases` is `fairlead releases list`, and if the noun is itself
 * a command (`fairlead controller`), it is that one.
 */
export function verbsOf(noun: string): readonly Entry[] {
  return commands.filter(({ name }) => name.startsWith(`${noun} `));
}
