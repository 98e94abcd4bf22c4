import { commands } from "./table.ts";

/** Commands of Heroku, Fly, Railway, Vercel, Compose and kubectl, each with the form that does the same here. */
const foreign: Readonly<Record<string, string>> = {
  activate: "deploy",
  add: "init",
  apply: "deploy",
  "apps create": "init",
  "apps destroy": "down",
  "apps list": "status",
  apps: "status",
  build: "deploy",
  "certs add": "domains add HOST",
  certs: "domains list",
  client: "open",
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
  details: "status",
  dev: "up",
  domain: "domains list",
  "dyno kill": "restart",
  "dyno restart": "restart",
  "dyno scale": "scale web=3",
  dynos: "ps",
  environment: "status",
  environments: "status",
  events: "audit",
  exec: "run -- CMD",
  get: "ps",
  git: "deploy",
  history: "releases list",
  info: "status",
  inspect: "status",
  health: "status",
  ips: "domains list",
  kill: "down",
  launch: "init",
  link: "init",
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
  reload: "restart",
  remove: "down",
  rm: "down",
  rollout: "rollback",
  "rollout restart": "restart",
  "rollout status": "deployments attach",
  "rollout history": "releases list",
  "run detached": "run -- CMD",
  "secrets import": "env import FILE",
  "secrets list": "env list",
  "secrets set": "env set NAME --stdin",
  "secrets unset": "env unset NAME",
  secrets: "env list",
  server: "controller",
  service: "ps",
  services: "ps",
  setup: "deploy",
  shell: "run -- CMD",
  ssh: "run -- CMD",
  start: "deploy",
  stop: "down",
  tail: "logs -f",
  top: "ps",
  undeploy: "down",
  undo: "rollback",
  "services list": "ps",
  validate: "check",
  variable: "env list",
  "variables set": "env set NAME=VALUE",
  variables: "env list",
  vars: "env list",
  whoami: "tokens list",
};

/** Programs whose command line was typed: what follows their name is looked up. */
const programs =
  /^(?:heroku|fly|flyctl|railway|render|vercel|netlify|dokku|kamal|docker|docker-compose|compose|kubectl|oc|helm|caprover|coolify|pm2)$/;

/** What this version does not offer, by the first word. */
const notOffered: Readonly<Record<string, string>> = Object.fromEntries(
  [
    [
      "Data services are not supported in this version; set their addresses with `fairlead env set`.",
      "accessory addons attach data database databases db mysql pg postgres redis storage volume volumes",
    ],
    ["Jobs are not supported in this version; run a command with `fairlead run`.", "cron job jobs schedule scheduler"],
    [
      "Backups are not supported in this version; docs/operating.md says how to back up the state directory.",
      "backup backups snapshot snapshots",
    ],
  ].flatMap(([sentence = "", words = ""]) => words.split(" ").map((word) => [word, sentence])),
);

/** Verbs that mean the same for a noun. */
const alike = [
  ["create", "add", "new", "set", "put"],
  ["remove", "unset", "revoke", "rm", "del", "delete", "destroy"],
  ["list", "show", "get", "ls", "info"],
];

/** Flags of other tools, each with what does the same here. */
const foreignFlags: Readonly<Record<string, string>> = Object.fromEntries(
  [
    ["Name the app with --app.", "--project --project-name --site --application"],
    ["Name the environment with --env.", "--prod --production --namespace --stage-name --context"],
    ["Name another manifest with --config.", "--file --manifest"],
    ["Write `build: { image: name@sha256:… }` in fairlead.yml.", "--image --tag"],
    ["Write `build: { dockerfile: …, args: … }` in fairlead.yml.", "--build-arg --dockerfile"],
    ["Write `deploy: { canary: [10%, 50%] }` in fairlead.yml.", "--strategy --canary"],
    ["`fairlead scale web=2` sets the number of instances.", "--replicas --count --scale --instances"],
    ["The number of lines is --tail.", "--lines --num"],
    ["Fairlead deploys to the machine of its controller.", "--region --remote-only --local-only --ha --vm-size"],
  ].flatMap(([sentence = "", flags = ""]) => flags.split(" ").map((flag) => [flag, sentence])),
);

/** What does the same here as a flag of another tool; null if that is not known. */
export function flagForm(flag: string): string | null {
  return Object.hasOwn(foreignFlags, flag) ? (foreignFlags[flag] ?? null) : null;
}

/** `heroku pg:psql` is `pg psql`. */
function ownWordsOf(words: readonly string[]): readonly string[] {
  const all = words.flatMap((word) => word.toLowerCase().split(":"));
  const first = all.findIndex((word) => !programs.test(word));
  return first < 0 ? [] : all.slice(first);
}

/**
 * What to type here in place of a command of another tool, like `env set NAME=VALUE` for `config:set` or `secrets set`;
 * null if none is known.
 */
export function fairleadForm(words: readonly string[]): string | null {
  const all = ownWordsOf(words);
  const [noun = "", verb] = all;
  const both = `${noun} ${verb}`;
  if (commands.some(({ name }) => name === both)) return both;
  const same = alike.find((verbs) => verbs.some((one) => one === verb)) ?? [];
  const meant = [noun, `${noun}s`]
    .flatMap((one) => [verb, ...same].map((each) => `${one} ${each}`))
    .find((name) => commands.some((entry) => entry.name === name));
  if (all.length < words.length && commands.some(({ name }) => name === noun)) return noun;
  if (meant !== undefined && !Object.hasOwn(foreign, both)) return meant;
  for (const known of [both, noun]) if (Object.hasOwn(foreign, known)) return foreign[known] ?? null;
  return meant ?? null;
}

/** Why Fairlead has nothing like it yet, and what to do instead; null if that is not known. */
export function notOfferedWords(words: readonly string[]): string | null {
  const [noun = ""] = ownWordsOf(words);
  return Object.hasOwn(notOffered, noun) ? (notOffered[noun] ?? null) : null;
}
