import { existsSync } from "node:fs";
import path from "node:path";
import { Fault } from "../../../base/faults.ts";
import type { CheckView } from "../../../contract/controller.ts";
import { defineCommand } from "../../command.ts";
import { manifestName, socketName } from "../../place.ts";
import { lackingFor } from "../../source-view.ts";
import { checksText } from "../../views/checks.ts";
import type { World } from "../../world.ts";

export default defineCommand({
  about:
    "Checks that a controller answers, and shows the controller's checks of its machine. If none answers, checks this machine\ndirectly. Every row is ok, warn or fail, with a fix. Exit 1 if any row fails.",
  examples: [
    ["fairlead doctor", "check this machine"],
    ["fairlead doctor --json", "for scripts"],
  ],
  async run({ world }) {
    return { checks: [...(await allChecks(world)), ...(await programs(world))] };
  },
  view: ({ checks }, paint) => checksText(checks, paint),
  exit: ({ checks }) => (checks.some(({ state }) => state === "fail") ? 1 : 0),
});

/** The programs that the app here needs on a machine that runs it as plain processes. */
async function programs(world: World): Promise<readonly CheckView[]> {
  const { cwd } = world.host;
  if (!existsSync(path.join(cwd, manifestName))) return [];
  const lacking = await lackingFor(cwd, world);
  const fix = "Install it, unless the app runs in containers.";
  if (lacking.length === 0)
    return [{ name: "programs", state: "ok", detail: "the app here finds what it needs", fix: null }];
  return lacking.map((detail) => ({ name: "programs", state: "warn", detail, fix }));
}

async function allChecks(world: World): Promise<CheckView[]> {
  const api = world.api();
  const name = "controller";
  try {
    const { version, pid } = await api.call("info");
    const same = version === world.host.version;
    const detail = `${version}, process ${pid}, at ${api.place}`;
    const fix = same ? null : `this command line has version ${world.host.version}: use the same version`;
    return [{ name, state: same ? "ok" : "warn", detail, fix }, ...(await api.call("doctor")).checks];
  } catch (error) {
    if (!(error instanceof Fault)) throw error;
    const isHere = path.basename(api.place) === socketName;
    const others = isHere ? await world.host.absentChecks(path.dirname(api.place)) : [];
    return [{ name, state: "fail", detail: error.detail, fix: error.hint }, ...others];
  }
}
