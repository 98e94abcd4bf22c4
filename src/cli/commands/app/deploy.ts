import { Fault } from "../../../base/faults.ts";
import type { PlanAnswer } from "../../../contract/plan.ts";
import { command, optional } from "../../command.ts";
import { toggle } from "../../flags.ts";
import { type DeploymentResult, deploymentExit, deploymentText, followDeployment } from "../../follow.ts";
import { branchFlag, codeFlags, describedBy } from "../../new-code.ts";
import { warnOfSlip } from "../../new-environment.ts";
import { sourceAndKey } from "../../project.ts";
import { refuseUnreadySource } from "../../readiness.ts";
import { changesText } from "../../views/changes.ts";

/** What `--stage` answers beside: what it would change. */
type DeployResult = DeploymentResult & Partial<PlanAnswer>;

export default command({
  about:
    "Uploads what changed, builds it, starts new instances beside the old ones, proves them healthy from outside, and only\nthen switches traffic. Waits for the verdict, which is the exit code. A release that fails leaves the old one serving.",
  args: { dir: optional("Directory with fairlead.yml; default: here or above") },
  flags: {
    ...codeFlags,
    branch: branchFlag,
    stage: toggle("--stage", "Judge and build it, and keep it for --staged: with staged values it becomes one release"),
    staged: toggle("--staged", "Deploy what was staged instead of this directory"),
  },
  examples: [
    ["fairlead deploy", "bring this directory live in production"],
    ["fairlead deploy ./shop -e staging -m 'new cart'", "another directory, another environment, with a reason"],
    [
      "fairlead deploy --allow debug-on --because 'an hour of looking into #12'",
      "although the readiness check finds an error",
    ],
    ["fairlead deploy --stage", "built code that waits for its values, or for a yes: fairlead deploy --staged"],
    ["fairlead deploy --json --timeout 10m", "for scripts: one JSON object; exit 6 when it takes longer"],
  ],
  async run({ args, flags, world }): Promise<DeployResult> {
    const described = describedBy(flags);
    if (flags.staged) {
      if (flags.stage || flags.branch !== undefined || Object.keys(described).length > 0)
        throw new Fault("usage.invalid", "--staged deploys what was staged as it was: only --detach goes with it");
      const api = world.api({ directory: args.dir });
      const { deployment } = await api.beginDeployment(world.key(args.dir), { kind: "staged" });
      return followDeployment({ world, api }, deployment, { detach: flags.detach });
    }
    refuseUnreadySource(world, args.dir, { allowed: described.allow?.rules ?? [] });
    const { api, key, sourced } = await sourceAndKey(world, args.dir, flags.branch);
    await warnOfSlip(world, api, key);
    const outlook = flags.stage ? await api.plan(key, { source: sourced.source }) : null;
    if (outlook) world.say(changesText(outlook, world.paint));
    const kind = flags.stage ? "stage" : "deploy";
    const { deployment } = await api.beginDeployment(key, { kind, ...sourced, ...described });
    return { ...(await followDeployment({ world, api }, deployment, { detach: flags.detach })), ...outlook };
  },
  view: deploymentText,
  exit: deploymentExit,
});
