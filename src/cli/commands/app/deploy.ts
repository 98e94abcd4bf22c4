import { command, optional } from "../../command.ts";
import { deploymentExit, deploymentText, followDeployment } from "../../follow.ts";
import { branchFlag, codeFlags, describedBy } from "../../new-code.ts";
import { warnOfSlip } from "../../new-environment.ts";
import { sourceAndKey } from "../../project.ts";
import { refuseUnreadySource } from "../../readiness.ts";

export default command({
  about:
    "Uploads what changed, builds it, starts new instances beside the old ones, proves them healthy from outside, and only\nthen switches traffic. Waits for the verdict, which is the exit code. A release that fails leaves the old one serving.",
  args: { dir: optional("Directory with fairlead.yml; default: here or above") },
  flags: { ...codeFlags, branch: branchFlag },
  examples: [
    ["fairlead deploy", "bring this directory live in production"],
    ["fairlead deploy ./shop -e staging -m 'new cart'", "another directory, another environment, with a reason"],
    [
      "fairlead deploy --allow debug-on --because 'an hour of looking into #12'",
      "although the readiness check finds an error",
    ],
    ["fairlead deploy --json --timeout 10m", "for scripts: one JSON object; exit 6 when it takes longer"],
  ],
  async run({ args, flags, world }) {
    const described = describedBy(flags);
    refuseUnreadySource(world, args.dir, { allowed: described.allow?.rules ?? [] });
    const { api, key, sourced } = await sourceAndKey(world, args.dir, flags.branch);
    await warnOfSlip(world, api, key);
    const { deployment } = await api.beginDeployment(key, { kind: "deploy", ...sourced, ...described });
    return followDeployment({ world, api }, deployment, { detach: flags.detach });
  },
  view: deploymentText,
  exit: deploymentExit,
});
