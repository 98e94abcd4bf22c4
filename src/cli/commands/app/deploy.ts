import { command, optional } from "../../command.ts";
import { text, toggle } from "../../flags.ts";
import { deploymentExit, deploymentText, followDeployment } from "../../follow.ts";
import { sourceAndKey } from "../../project.ts";
import { permitOf, refuseUnreadySource } from "../../readiness.ts";

export default command({
  about:
    "Uploads what changed, builds it, starts new instances beside the old ones, proves them healthy from outside, and only\nthen switches traffic. Waits for the verdict, which is the exit code. A release that fails leaves the old one serving.",
  args: { dir: optional("Directory with fairlead.yml; default: here or above") },
  flags: {
    detach: toggle("--detach", "Do not wait; print the deployment's id"),
    allow: text(
      "--allow <rules>",
      "Errors of the readiness check to let pass, like debug-on,no-probe; kept with the release",
    ),
    because: text("--because <reason>", "Why they are let pass"),
    message: text("-m, --message <text>", "Why, for the list of releases"),
  },
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
    const allow = permitOf(flags);
    refuseUnreadySource(world, args.dir, allow?.rules ?? []);
    const { api, key, source } = await sourceAndKey(world, args.dir);
    const message = flags.message === undefined ? {} : { message: flags.message };
    const request = { kind: "deploy", source: source.digest, ...message, ...(allow && { allow }) } as const;
    const { deployment } = await api.beginDeployment(key, request);
    return followDeployment({ world, api }, deployment, { detach: flags.detach });
  },
  view: deploymentText,
  exit: deploymentExit,
});
