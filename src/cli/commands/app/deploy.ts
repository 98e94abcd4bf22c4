import { command, optional } from "../../command.ts";
import { text, toggle } from "../../flags.ts";
import { deploymentExit, deploymentText, followDeployment } from "../../follow.ts";
import { sourceAndKey } from "../../project.ts";

export default command({
  about:
    "Uploads what changed, builds it, starts new instances beside the old ones, proves them healthy from outside, and only\nthen switches traffic. Waits for the verdict, which is the exit code. A release that fails leaves the old one serving.",
  args: { dir: optional("Directory with fairlead.yml; default: here or above") },
  flags: {
    detach: toggle("--detach", "Do not wait; print the deployment's id"),
    message: text("-m, --message <text>", "Why, for the list of releases"),
  },
  examples: [
    ["fairlead deploy", "bring this directory live in production"],
    ["fairlead deploy ./shop -e staging -m 'new cart'", "another directory, another environment, with a reason"],
    ["fairlead deploy --json --timeout 10m", "for scripts: one JSON object; exit 6 when it takes longer"],
  ],
  async run({ args, flags, world }) {
    const { api, key, source } = await sourceAndKey(world, args.dir);
    const message = flags.message === undefined ? {} : { message: flags.message };
    const { deployment } = await api.beginDeployment(key, { kind: "deploy", source: source.digest, ...message });
    return followDeployment({ world, api }, deployment, { detach: flags.detach });
  },
  view: deploymentText,
  exit: deploymentExit,
});
