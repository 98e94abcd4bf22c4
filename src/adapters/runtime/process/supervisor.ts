import { constants } from "node:os";
import type { Exit } from "../../../model/instance.ts";

/** Whether others are left in the group that this shell leads. */
const othersScript = `_fl_others() {
  set +f
  for _fl_file in /proc/[0-9]*/stat; do
    read -r _fl_stat <"$_fl_file" || continue
    set -f -- \${_fl_stat##*) }
    [ "$3" = $$ ] && [ "$1" != Z ] && [ "\${_fl_stat%% *}" != $$ ] && return 0
  done
  return 1
}`;

/** Waits for them when the command died of a signal and `wasTold`, a condition, says that it was told to stop. */
const waitScript = (wasTold: string) => `if [ "$_fl_code" -gt 128 ] && ${wasTold}; then
  while _fl_others; do sleep 0.05 || [ $? -gt 128 ] || break; done
fi 2>/dev/null`;

/** Says in plain words why a command cannot be found or started: the shell's own name its line and its file. */
const requireScript = `_fl_require() {
  case $1 in
    */*)
      [ -e "$1" ] || { printf '%s: not found\\n' "$1" >&2; exit 127; }
      [ -f "$1" ] && [ -x "$1" ] || { printf '%s: is not an executable file\\n' "$1" >&2; exit 126; } ;;
    *)
      IFS=:
      for _fl_dir in $PATH; do [ -f "\${_fl_dir:-.}/$1" ] && [ -x "\${_fl_dir:-.}/$1" ] && return; done
      printf '%s: not found in PATH\\n' "$1" >&2
      exit 127 ;;
  esac
}`;

/**
 * A terminal as standard input becomes the one that controls the session which this shell leads, so that keys like Ctrl-C
 * become signals: Linux does that when such a process opens one (tty_open of its tty layer).
 */
const terminalScript = "[ ! -t 0 ] || [ ! -e /proc/self/fd/0 ] || exec 0<>/proc/self/fd/0";

/**
 * The command in its place, with the variables that `variables` sets; descriptor 5 is the standard error that it gets. An
 * input that is a named pipe (attachment.ts) is copied into one without a name: whoever opens a named one again as
 * /dev/stdin, after its end, waits for ever (fifo(7)). Nobody waits for `cat`, which may wait for input itself.
 */
const commandScript = (variables: string) => `_fl_command() (
  exec 2>&5 5>&- 6<&-
  cd "$_fl_cwd" 2>/dev/null || { printf '%s: cannot be entered\\n' "$_fl_cwd" >&2; exit 126; }
  unset PWD OLDPWD SHLVL _
  ${variables}
  _fl_require "$1"
  exec "$@" 3>&-
)
if [ -p /proc/self/fd/0 ]; then
  exec 6<&0
  { /bin/cat <&6 3>&- 5>&- 6<&- & } | _fl_command "$@"
else _fl_command "$@"
fi`;

/**
 * The supervisor: a small shell that outlives the controller and records how one command ended.
 *
 * Started as `sh <this file> <instance directory> <working directory> <command…>` in its own session, with the exit
 * record open as descriptor 3, a pipe as descriptor 4, which tells the claim and closes when it is decided, and one as
 * descriptor 5 with the command's variables (`assignments`). It
 * - takes the variables before anything else, and goes away when they were cut off. They come this way because those
 *   who start it as root must not have them in their own environment: LD_PRELOAD would be a program of root;
 * - claims the instance by creating `own/claim` exclusively; whoever comes second goes away without doing anything,
 *   which is what makes a start happen at most once; the pipe tells it before the command, which might change the file,
 *   begins;
 * - ignores what is sent to its process group, while the command gets the default handlers back (a subshell resets
 *   traps);
 * - keeps its own words ("Terminated") out of the command's output;
 * - runs the command with `exec`, so that no builtin of the shell can be meant by it;
 * - waits for the others in its group when the command died of being told to stop: a shell in front dies of that at
 *   once, and what it started is to have its time (the runtime ends the whole group when that is over);
 * - writes the exit code, and for 137 the kernel's count of out-of-memory kills, with one write;
 * - ends by killing its own group, so that nothing that the command left behind in it stays, also without a controller.
 *   Where the working directory is empty, the command makes namespaces of its own (confine.ts): it gets what came on
 *   descriptor 5 as its own descriptor 5, and `innerScript`, the first process there, does the rest. All names begin
 *   with `_fl_`, because assigning to a name that the command's environment has would change it.
 */
export const supervisorScript = `trap : TERM INT HUP QUIT USR1 USR2 PIPE
umask 022
ulimit -c 0
set -f -C
_fl_env=$(/bin/cat <&5 2>/dev/null)
exec 5<&-
case $_fl_env in *"
_fl_whole=1") ;; *) exit 0 ;; esac
_fl_ticks=0 _fl_boot=-
_fl_pick() { _fl_ticks=\${20}; }
{
  if read -r _fl_stat </proc/$$/stat; then
    _fl_pick \${_fl_stat##*) }
    read -r _fl_boot </proc/sys/kernel/random/boot_id
  fi
  _fl_claim="$$ $_fl_ticks $_fl_boot"
  printf '%s\\n' "$_fl_claim" >"$1/own/claim" || exit 0
  printf '%s\\n' "$_fl_claim" >&4
} 2>/dev/null
exec 4>&-
_fl_own=$1 _fl_cwd=$2
${othersScript}
${requireScript}
shift 2
exec 5>&2 2>/dev/null
if [ -n "$_fl_cwd" ]; then
${terminalScript}
${commandScript('eval "$_fl_env"')}
else
exec 6<&0
printf '%s\\n' "$_fl_env" | (
  exec 2>&5 5<&0 <&6 6<&-
  exec "$@" 3>&-
)
fi
_fl_code=$?
${waitScript('[ -e "$_fl_own/stopped" ]')}
_fl_oom=
if [ "$_fl_code" = 137 ]; then
  while read -r _fl_name _fl_count; do
    [ "$_fl_name" = oom_kill ] && _fl_oom=$_fl_count
  done </proc/vmstat
fi 2>/dev/null
printf '%s %s\\n' "$_fl_code" "$_fl_oom" >&3
kill -KILL 0
`;

/** How the first process in namespaces of its own is started; its script comes with the variables, so that no file holds it. */
export const innerCommand = ["/bin/sh", "-c", 'eval "$(/bin/cat <&5)"', "fairlead"] as const;

/**
 * What the supervisor cannot do from outside: the first process of a PID namespace ends all others with itself, and those whose
 * parent is gone are its children. It is given the working directory and the command, gets each signal before the command
 * does, to know that it was told to stop, and ends with the code by which a shell tells how the command ended.
 */
function innerScript(variables: string): string {
  return `_fl_variables() {
${variables}
}
umask 022
set -f
_fl_told= _fl_cwd=$1
shift
${othersScript}
${requireScript}
exec 5>&2 2>/dev/null
${terminalScript}
trap _fl_told=1 TERM INT HUP QUIT USR1 USR2 PIPE
${commandScript("_fl_variables")}
_fl_code=$?
${waitScript('[ -n "$_fl_told" ]')}
exit "$_fl_code"`;
}

/** Variables as the supervisor reads them, or passes them on. Who reads them to the last line has all. */
export function assignments(env: Readonly<Record<string, string>>, namespaced = false): string {
  const lines = Object.entries(env).map(([name, value]) => `export ${name}='${value.replaceAll("'", "'\\''")}'`);
  const text = [":", ...lines].join("\n");
  return `\n${namespaced ? innerScript(text) : text}\n_fl_whole=1`;
}

/** The signals that the supervisor survives, and SIGKILL; any other one would end the supervisor and lose the exit. */
export const deliverable: readonly string[] = [
  "SIGTERM",
  "SIGINT",
  "SIGHUP",
  "SIGQUIT",
  "SIGUSR1",
  "SIGUSR2",
  "SIGWINCH",
  "SIGKILL",
];

/** Who runs a command: the supervisor's process, told from a later one of the same number by start time and boot. */
export interface Claim {
  /** Null when the supervisor was killed while it wrote. */
  readonly pid: number | null;
  /** Start time in clock ticks since boot: field 22 of proc(5)'s stat; 0 where there is no /proc. */
  readonly ticks: number;
  readonly boot: string;
  /** When it was made, which is when the command began. */
  readonly at: number;
}

/** Reads a claim. Process 1 and below are refused: the negative of such a number would signal far more than a group. */
export function parseClaim(text: string, at: number): Claim {
  const found = /^([1-9]\d{0,9}) (\d{1,20}) ([0-9a-f-]{1,40})\n$/.exec(text);
  const pid = Number(found?.[1] ?? 0);
  return found && pid > 1
    ? { pid, ticks: Number(found[2]), boot: found[3] ?? "-", at }
    : { pid: null, ticks: 0, boot: "-", at };
}

/** What the runtime itself writes as the exit record where the supervisor could not. */
export type ForcedExit = "lost" | "killed" | "refused";

const verdicts: Record<ForcedExit, Omit<Exit, "at">> = {
  lost: { code: null, signal: null, reason: "lost" },
  killed: { code: null, signal: "SIGKILL", reason: "signalled" },
  refused: { code: null, signal: null, reason: "could-not-start" },
};

export function recordText(verdict: ForcedExit, at: number): string {
  return `${verdict} ${at}\n`;
}

/**
 * The exit that a record tells, or null while it is not written. `writtenAt`: time of its last change, which is when the
 * supervisor wrote it. `oomKills`: the kernel's count of out-of-memory kills when the command was started.
 */
export function parseExitRecord(
  text: string,
  { writtenAt, oomKills }: { writtenAt: number; oomKills: number },
): Exit | null {
  const own = /^(lost|killed|refused) (\d{1,16})\n/.exec(text);
  if (own) return { at: Number(own[2]), ...verdicts[own[1] as ForcedExit] };
  const kept = /^(\d{1,3}) (\d*)\n/.exec(text);
  if (!kept) return null;
  return { at: writtenAt, ...exitOf(Number(kept[1]), kept[2] !== "" && Number(kept[2]) > oomKills) };
}

/** What a shell's `$?` says: 126 and 127 are a command that could not be run, from 129 on it is a signal (POSIX sh, 2.8.2). */
function exitOf(code: number, oomKilled: boolean): Omit<Exit, "at"> {
  if (code === 126 || code === 127) return { code, signal: null, reason: "could-not-start" };
  const signal = Object.entries(constants.signals).find(([, number]) => number + 128 === code)?.[0];
  if (signal === undefined) return { code, signal: null, reason: "exited" };
  return { code: null, signal, reason: signal === "SIGKILL" && oomKilled ? "out-of-memory" : "signalled" };
}
