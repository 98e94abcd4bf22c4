import { commands, verbsOf } from "./table.ts";

/** Commands of Heroku, Fly, Railway, Vercel, Compose and kubectl, each with the form that does the same here. */
const foreign: Readonly<Record<string, string>> = {
  add: "init",
  apply: "deploy",
  "apps create": "init",
  "apps destroy": "down",
  "apps list": "status",
  apps: "status",
  build: "deploy",
  "certs add": "domains add HOST",
  certs: "domains list",
  "config get": "env list --reveal",
  "config set": "env set NAME=VALUE",
  "config unset": "env unset NAME",
  config: "env list",
  connect: "run -- CMD",
  console: "run -- CMD",
  create: "init",
  dashboard: "open",
  delete: "down",
  describe: "status",
  destroy: "down",
  dev: "up",
  domain: "domains list",
  events: "audit",
  exec: "run -- CMD",
  get: "ps",
  history: "releases list",
  info: "status",
  inspect: "status",
  kill: "down",
  launch: "init",
  list: "status",
  local: "up",
  log: "logs",
  login: "tokens create NAME",
  ls: "status",
  "machine list": "ps",
  machine: "ps",
  machines: "ps",
  monitor: "status",
  new: "init",
  "ps exec": "run -- CMD",
  "ps restart": "restart",
  "ps scale": "scale web=3",
  "ps stop": "down",
  publish: "deploy",
  push: "deploy",
  redeploy: "deploy --force",
  release: "releases list",
  "releases rollback": "rollback",
  remove: "down",
  rm: "down",
  rollout: "rollback",
  "secrets import": "env import FILE",
  "secrets list": "env list",
  "secrets set": "env set NAME --stdin",
  "secrets unset": "env unset NAME",
  secrets: "env list",
  shell: "run -- CMD",
  ssh: "run -- CMD",
  start: "deploy",
  stop: "down",
  tail: "logs -f",
  top: "ps",
  undeploy: "down",
  validate: "check",
  variable: "env list",
  "variables set": "env set NAME=VALUE",
  variables: "env list",
  vars: "env list",
  whoami: "tokens list",
};

/** Verbs that mean the same for a noun. */
const alike = [
  ["create", "add", "new", "set", "put"],
  ["remove", "unset", "revoke", "rm", "del", "delete", "destroy"],
  ["list", "show", "get", "ls", "info"],
];

/**
 * What to type here in place of a command of another tool, like `env set NAME=VALUE` for `config:set` or `secrets set`;
 * null if none is known.
 */
export function fairleadForm(words: readonly string[]): string | null {
  const [noun = "", verb] = words.flatMap((word) => word.toLowerCase().split(":"));
  const both = `${noun} ${verb}`;
  if (commands.some(({ name }) => name === both)) return both;
  const same = alike.find((verbs) => verbs.some((one) => one === verb)) ?? [];
  const meant = same.map((one) => `${noun} ${one}`).find((name) => verbsOf(noun).some((entry) => entry.name === name));
  for (const known of [both, noun]) if (Object.hasOwn(foreign, known)) return foreign[known] ?? null;
  return meant ?? null;
}
