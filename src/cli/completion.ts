import { globalFlags } from "./flags.ts";
import { commands, type Entry, verbsOf } from "./table.ts";
import { topWords } from "./words.ts";

export const shells = ["bash", "zsh", "fish"] as const;
export type Shell = (typeof shells)[number];

/** Words that may follow every command line: `deploy` → its flags; `releases` → its verbs. */
interface Words {
  readonly after: string;
  readonly words: readonly string[];
}

function flagWords(specs: readonly string[]): string[] {
  return specs.flatMap((spec) => spec.replace(/ <.*/, "").split(", "));
}

async function flagsOf(entry: Entry): Promise<Words> {
  const { default: command } = await entry.load();
  const own = Object.values(command.flags ?? {}).map(({ spec }) => spec);
  return { after: entry.name, words: flagWords([...own, ...Object.values(globalFlags).map(({ spec }) => spec)]) };
}

async function allWords(): Promise<Words[]> {
  const flags = await Promise.all(commands.map(flagsOf));
  const verbs = topWords()
    .map((noun) => ({ after: noun, words: verbsOf(noun).map(({ name }) => name.split(" ")[1] ?? "") }))
    .filter(({ words }) => words.length > 0);
  return merged([...verbs, ...flags, { after: "help", words: topWords() }]);
}

/** A noun that is a command too is followed by its verbs or by its flags. */
function merged(all: readonly Words[]): Words[] {
  const words = Map.groupBy(all, ({ after }) => after);
  return [...words].map(([after, each]) => ({ after, words: each.flatMap((one) => one.words) }));
}

/** A completion script, made from the command table and the declarations. */
export async function completionScript(shell: Shell): Promise<string> {
  const words = await allWords();
  const top = [...topWords(), "help"];
  return { bash: bashScript, zsh: zshScript, fish: fishScript }[shell](top, words);
}

/** What names of the controller follow: a command, or a flag. */
export const nameKinds = {
  apps: ["-a", "--app"],
  environments: ["-e", "--env", "--from", "promote", "preview remove", "env diff"],
  services: ["-s", "--service", "logs", "open", "restart", "scale"],
  releases: ["--release", "rollback", "releases show", "releases diff"],
  deployments: ["deployments show", "deployments attach", "deployments cancel"],
} as const;
export type NameKind = keyof typeof nameKinds;

/**
 * Looks up the flag before, then the first two words, then only the first. Names come from the controller that the line
 * names, without a word where none answers.
 */
function bashScript(top: readonly string[], words: readonly Words[]): string {
  const cases = words.map(({ after, words: next }) => `    "${after}") echo "${next.join(" ")}" ;;`).join("\n");
  const kinds = Object.entries(nameKinds)
    .map(([kind, after]) => `    ${after.map((one) => `"${one}"`).join("|")}) echo ${kind} ;;`)
    .join("\n");
  return `# fairlead completion for bash
_fairlead_words() {
  case "$1" in
    "") echo "${top.join(" ")}" ;;
${cases}
  esac
}
_fairlead_kind() {
  case "$1" in
${kinds}
  esac
}
_fairlead() {
  local current="\${COMP_WORDS[COMP_CWORD]}" before="" one="" two="" words="" kind="" at
  local scope=()
  [ "$COMP_CWORD" -gt 0 ] && before="\${COMP_WORDS[COMP_CWORD-1]}"
  [ "$COMP_CWORD" -gt 1 ] && one="\${COMP_WORDS[1]}"
  [ "$COMP_CWORD" -gt 2 ] && two="\${COMP_WORDS[2]}"
  for ((at = 1; at + 1 < COMP_CWORD; at++)); do
    case "\${COMP_WORDS[at]}" in
      -e|--env|-a|--app|-c|--config|--url|--state) scope+=("\${COMP_WORDS[at]}" "\${COMP_WORDS[at+1]}") ;;
    esac
  done
  case "$before" in -*) kind="$(_fairlead_kind "$before")" ;; esac
  if [ -z "$kind" ]; then
    words="$(_fairlead_words "$one $two")"
    [ -n "$words" ] || words="$(_fairlead_words "$one")"
    case "$current" in -*) ;; *)
      [ "$COMP_CWORD" -gt 2 ] && kind="$(_fairlead_kind "$one $two")"
      [ -n "$kind" ] || [ "$COMP_CWORD" -lt 2 ] || kind="$(_fairlead_kind "$one")" ;;
    esac
  fi
  [ -n "$kind" ] && words="$(fairlead completion --names "$kind" "\${scope[@]}" 2>/dev/null) $words"
  COMPREPLY=($(compgen -W "$words" -- "$current"))
}
complete -o default -F _fairlead fairlead
`;
}

function zshScript(top: readonly string[], words: readonly Words[]): string {
  return `#compdef fairlead
autoload -U +X bashcompinit && bashcompinit
${bashScript(top, words)}`;
}

function fishScript(top: readonly string[], words: readonly Words[]): string {
  const lines = words.map(({ after, words: next }) => {
    const seen = after.split(" ").map((word) => `__fish_seen_subcommand_from ${word}`);
    return `complete -c fairlead -n '${seen.join("; and ")}' -a '${next.join(" ")}'`;
  });
  const names = Object.entries(nameKinds).flatMap(([kind, after]) =>
    after.map((one) => {
      const ask = `'(fairlead completion --names ${kind} 2>/dev/null)'`;
      const seen = one.split(" ").map((word) => `__fish_seen_subcommand_from ${word}`);
      const [short, long] = [/^-(\w)$/.exec(one)?.[1], /^--(.+)$/.exec(one)?.[1]];
      const flag = short ? `-s ${short}` : `-l ${long}`;
      return one.startsWith("-")
        ? `complete -c fairlead ${flag} -x -a ${ask}`
        : `complete -c fairlead -n '${seen.join("; and ")}' -a ${ask}`;
    }),
  );
  return `# fairlead completion for fish
complete -c fairlead -n __fish_use_subcommand -a '${top.join(" ")}'
${[...lines, ...names].join("\n")}
`;
}
