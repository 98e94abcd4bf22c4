import { readFile } from "node:fs/promises";
import { Fault, type FaultCode } from "../../../base/faults.ts";
import type { VariablesAnswer } from "../../../contract/variables.ts";
import { defineCommand } from "../../command.ts";
import { changesIn, type Editable, editableText } from "../../edited.ts";
import { failureText } from "../../failure.ts";
import { toggleFlag } from "../../flags.ts";
import { type FleetingFile, fleetingFile } from "../../private-file.ts";
import { followChange, previewText, type VariablesResult, variablesExit, variablesText } from "../../variables.ts";
import type { World } from "../../world.ts";

/** What the text itself is to blame for, so that another look at it may help. */
const mendable: ReadonlySet<FaultCode> = new Set([
  "usage.invalid",
  "request.invalid",
  "manifest.invalid",
  "check.failed",
]);

interface Editing {
  readonly file: FleetingFile;
  readonly editable: Editable;
  /** Of what was edited, so that nobody's change meanwhile is written over. */
  readonly etag: string;
  readonly stage: boolean;
}

export default defineCommand({
  about:
    "Opens the environment's set values as a .env file in $VISUAL or $EDITOR. Values are shown only with --reveal; a\nplaceholder keeps a value unchanged. Shows which names would change, asks, and applies all changes or none. If it is\nrefused, for example because somebody else changed something meanwhile, or not confirmed, your text is kept. Only you\ncan read the file. It is in memory if the machine supports that, and is removed afterwards.",
  flags: {
    reveal: toggleFlag("--reveal", "Show the values; the audit records it"),
    stage: toggleFlag("--stage", "Keep it for the next deployment instead of deploying it now"),
    detach: toggleFlag("--detach", "Do not wait for the deployment"),
  },
  examples: [
    ["fairlead env edit -e staging", "set, change and remove without seeing values"],
    ["EDITOR='code --wait' fairlead env edit --reveal", "with values, in an editor that needs a flag to wait"],
  ],
  async run({ flags, world }): Promise<VariablesResult> {
    const key = world.key();
    const { interactive, yes } = world.context;
    if (!interactive && !yes && world.globals.confirm !== key.environment)
      throw new Fault("confirm.needed", "an editor needs a terminal; pass --yes if $EDITOR needs none", {
        hint: "Without a terminal use `fairlead env set` or `fairlead env import`.",
      });
    const api = world.api();
    const { etag, answer } = await api.tagged("variables", { params: key });
    const shown = flags.reveal ? (await api.call("revealVariables", { params: key })).variables : {};
    const editable = {
      title: `${key.app} in ${key.environment}`,
      file: `${key.environment}.env`,
      names: Object.keys(answer.variables),
      shown,
    };
    const text = { name: editable.file, content: editableText(editable) };
    const file = fleetingFile(world.host.fleetingDirectory, text);
    const nothing = { variables: answer.variables, changes: {}, deployment: null };
    const editing = { file, editable, etag, stage: flags.stage };
    const taken = await editUntilTaken(world, editing).finally(file.remove);
    return followChange(world, taken ?? nothing, flags.detach);
  },
  view: variablesText,
  exit: variablesExit,
});

/** What the controller answered to the text; null when it changes nothing. */
async function editUntilTaken(world: World, editing: Editing): Promise<VariablesAnswer | null> {
  const { file } = editing;
  for (;;) {
    await world.host.edit(file.path);
    world.host.interrupted.throwIfAborted();
    const text = await readFile(file.path, "utf8");
    try {
      return await take(world, editing, text);
    } catch (thrown) {
      if (!(thrown instanceof Fault) || world.host.interrupted.aborted) throw thrown;
      if (!(await wantsAnotherLook(world, thrown))) throw keeping(file, thrown);
    }
  }
}

async function take(world: World, { editable, etag, stage }: Editing, text: string): Promise<VariablesAnswer | null> {
  if (text.trim() === "")
    throw new Fault("usage.invalid", "the text is empty; use `fairlead env unset` to unset variables");
  const set = changesIn(text, editable);
  if (Object.keys(set).length === 0) return null;
  const key = world.key();
  const api = world.api();
  const { changes } = await api.call("changeVariables", { params: key, body: { set, dryRun: true }, ifMatch: etag });
  world.say(previewText(changes));
  await world.confirm(`Apply this to ${editable.title}?`, key.environment);
  return api.call("changeVariables", { params: key, body: { set, stage }, ifMatch: etag });
}

async function wantsAnotherLook({ context, host, paint, confirm }: World, fault: Fault): Promise<boolean> {
  if (!context.interactive || !mendable.has(fault.code)) return false;
  host.stderr.write(`${failureText(fault, paint, false)}\n`);
  const answer = await Promise.allSettled([confirm("Open the editor again?")]);
  return answer[0].status === "fulfilled";
}

/** The fault with where the text is, which was some work. */
function keeping(file: FleetingFile, { code, detail, hint, diagnostics, cause }: Fault): Fault {
  file.keep();
  return new Fault(code, detail, { diagnostics, cause, hint: `${hint} Your text is kept in ${file.path}.`.trim() });
}
