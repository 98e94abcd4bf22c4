import type { Command } from "./command.ts";

/** A command as the table knows it: enough for help and completion without loading the command. */
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

/** Every command, in the order of the help. A command module is loaded when it runs, and never before. */
export const commands: readonly Entry[] = [
  ...group("Deploy", [
    ["up", "Start here: a controller if none answers, then deploy and follow", () => import("./commands/app/up.ts")],
    ["init", "Write a first fairlead.yml for what is here", () => import("./commands/app/init.ts")],
    ["check", "Validate fairlead.yml for every environment, offline", () => import("./commands/app/check.ts")],
    ["plan", "Show what a deployment would change", () => import("./commands/app/plan.ts")],
    ["deploy", "Build, prove and bring a new release live", () => import("./commands/app/deploy.ts")],
    ["rollback", "Serve an earlier release again", () => import("./commands/app/rollback.ts")],
    ["promote", "Bring what one environment serves live in another", () => import("./commands/app/promote.ts")],
    ["down", "Stop every instance; data stays", () => import("./commands/app/down.ts")],
  ]),
  ...group("Look", [
    ["status", "What is observed right now", () => import("./commands/app/status.ts")],
    ["ps", "Every running instance", () => import("./commands/app/ps.ts")],
    ["logs", "Read or follow logs", () => import("./commands/app/logs.ts")],
    ["open", "Open the app in a browser", () => import("./commands/app/open.ts")],
    ["audit", "Who changed what, and who was shown which secrets", () => import("./commands/app/audit.ts")],
    ["doctor", "Check this machine and the controller", () => import("./commands/app/doctor.ts")],
  ]),
  ...group("Run", [
    ["scale", "Show or set replicas: scale web=3", () => import("./commands/app/scale.ts")],
    ["restart", "Exchange instances for new ones of the same release", () => import("./commands/app/restart.ts")],
    [
      "maintenance on",
      "Close it to its users; everything goes on behind it",
      () => import("./commands/maintenance/on.ts"),
    ],
    ["maintenance off", "Open it to its users again", () => import("./commands/maintenance/off.ts")],
    ["run", "Run a command once in the serving release: run -- CMD", () => import("./commands/app/run.ts")],
  ]),
  ...group("Manage", [
    ["preview create", "Bring code live in an environment for a while", () => import("./commands/preview/create.ts")],
    ["preview list", "Previews and when they end", () => import("./commands/preview/list.ts")],
    ["preview remove", "Take a preview down now", () => import("./commands/preview/remove.ts")],
    ["releases list", "Releases, newest first", () => import("./commands/releases/list.ts")],
    ["releases show", "One release with its manifest", () => import("./commands/releases/show.ts")],
    ["releases diff", "What differs between two releases", () => import("./commands/releases/diff.ts")],
    ["deployments list", "Deployments, newest first", () => import("./commands/deployments/list.ts")],
    ["deployments show", "One deployment with every step", () => import("./commands/deployments/show.ts")],
    ["deployments cancel", "End a deployment that is under way", () => import("./commands/deployments/cancel.ts")],
    ["deployments attach", "Follow a deployment to its end", () => import("./commands/deployments/attach.ts")],
    ["domains list", "Hosts and their certificates", () => import("./commands/domains/list.ts")],
    ["domains check", "Look at a host as a certificate authority would", () => import("./commands/domains/check.ts")],
    ["domains add", "Serve a host with a certificate of your own", () => import("./commands/domains/add.ts")],
    ["domains remove", "Forget the certificate of a host", () => import("./commands/domains/remove.ts")],
    ["env list", "Variables of the environment, masked", () => import("./commands/env/list.ts")],
    ["env set", "Set variables and bring them live", () => import("./commands/env/set.ts")],
    ["env unset", "Forget variables and bring that live", () => import("./commands/env/unset.ts")],
    ["env edit", "Change what is set in your editor", () => import("./commands/env/edit.ts")],
    ["env import", "Set what a .env file has", () => import("./commands/env/import.ts")],
    ["env pull", "Write the variables to a .env file", () => import("./commands/env/pull.ts")],
    ["env diff", "Compare two environments without showing values", () => import("./commands/env/diff.ts")],
    ["env explain", "Where a variable comes from", () => import("./commands/env/explain.ts")],
    ["env versions", "Every version of a value and what has it", () => import("./commands/env/versions.ts")],
    ["env rotate", "Give a secret a new value and bring it live", () => import("./commands/env/rotate.ts")],
    ["env destroy", "Destroy one version of a value for good", () => import("./commands/env/destroy.ts")],
    [
      "vault recovery",
      "Write the vault's master key to an encrypted bundle",
      () => import("./commands/vault/recovery.ts"),
    ],
    ["vault rotate", "Exchange the keys that seal values", () => import("./commands/vault/rotate.ts")],
    ["tokens create", "Let somebody in over the network, under a name", () => import("./commands/tokens/create.ts")],
    ["tokens list", "Who may come in over the network", () => import("./commands/tokens/list.ts")],
    ["tokens revoke", "Let somebody in no longer", () => import("./commands/tokens/revoke.ts")],
  ]),
  ...group("More", [
    ["controller", "Run the controller in the foreground", () => import("./commands/app/controller.ts")],
    ["controller install", "Make it a service of this machine", () => import("./commands/controller/install.ts")],
    ["controller uninstall", "Take that service away", () => import("./commands/controller/uninstall.ts")],
    ["api", "Send one request to the HTTP API", () => import("./commands/app/api.ts")],
    ["completion", "Print a completion script for bash, zsh or fish", () => import("./commands/app/completion.ts")],
  ]),
];

/**
 * The verbs of a noun. They may be left out: `fairlead releases` is `fairlead releases list`, and where the noun is a command
 * of its own (`fairlead controller`), it is that one.
 */
export function verbsOf(noun: string): readonly Entry[] {
  return commands.filter(({ name }) => name.startsWith(`${noun} `));
}
