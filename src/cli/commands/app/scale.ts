import { formatDuration } from "../../../base/duration.ts";
import { Fault } from "../../../base/faults.ts";
import type { Client } from "../../../client/client.ts";
import { waitFor } from "../../../client/events.ts";
import { maxReplicas, type ScaleRequest } from "../../../contract/scale.ts";
import type { EnvKey } from "../../../model/environment.ts";
import { defineCommand, severalArguments } from "../../command.ts";
import { toggleFlag } from "../../flags.ts";
import { table } from "../../paint.ts";
import type { World } from "../../world.ts";

/** Instances that are not ready by then have a problem that `status` shows; --timeout says otherwise. */
const patienceMs = 60_000;

export default defineCommand({
  about:
    "Sets the number of instances of a service and waits until they are ready. The number overrides the manifest, also in\nlater deployments, until `web=manifest` resets it. Without arguments it shows the current numbers.",
  args: { replicas: severalArguments("SERVICE=NUMBER, or SERVICE=manifest") },
  flags: { detach: toggleFlag("--detach", "Do not wait until they are ready") },
  examples: [
    ["fairlead scale", "show replicas"],
    ["fairlead scale web=3 worker=1", "set them and wait"],
    ["fairlead scale web=manifest", "back to the manifest's number"],
  ],
  async run({ args, flags, world }) {
    const api = world.api();
    const key = world.key();
    if (args.replicas.length === 0) return api.call("scale", { params: key });
    const wanted = readReplicas(args.replicas);
    const stopped = Object.keys(wanted).filter((service) => wanted[service] === 0);
    if (stopped.length > 0) await world.confirm(`Stop every instance of ${stopped.join(", ")}?`, key.environment);
    const scale = await api.call("changeScale", { params: key, body: wanted });
    if (!flags.detach) await untilReady(world, api, key);
    return scale;
  },
  view({ services }, paint) {
    const rows = Object.entries(services).map(([name, { replicas, manifest, override }]) => [
      name,
      String(replicas),
      String(manifest),
      override === null ? "-" : String(override),
    ]);
    return table(["SERVICE", "REPLICAS", "MANIFEST", "SET"], rows, paint);
  },
});

function readReplicas(words: readonly string[]): ScaleRequest {
  const twice = words.find((word, i) => words.slice(0, i).some((one) => one.split("=")[0] === word.split("=")[0]));
  if (twice !== undefined) throw new Fault("usage.invalid", `${twice.split("=")[0]} is given twice`);
  const pairs = words.map((word) => {
    const found = /^([a-z][a-z0-9-]*)=(\d+|manifest)$/.exec(word);
    if (!found) throw new Fault("usage.invalid", `${JSON.stringify(word)} is not like web=3 or web=manifest`);
    if (Number(found[2]) > maxReplicas)
      throw new Fault("usage.invalid", `${word}: a service has at most ${maxReplicas} replicas`);
    return [found[1], found[2] === "manifest" ? null : Number(found[2])] as const;
  });
  return Object.fromEntries(pairs);
}

async function untilReady(world: World, api: Client, key: EnvKey): Promise<void> {
  const { host, globals } = world;
  const end = host.now() + (globals.timeout ?? patienceMs);
  for (;;) {
    const { services, release } = await api.call("status", { params: key });
    const late = services.filter(({ desired, instances }) => {
      return instances.length !== desired || instances.some(({ ready }) => !ready);
    });
    if (late.length === 0 || release === null) return;
    if (host.now() > end) {
      const waited = formatDuration(globals.timeout ?? patienceMs);
      throw new Fault("wait.timeout", `${late.map(({ name }) => name).join(", ")} not ready after ${waited}`, {
        hint: "It is still being retried; `fairlead status` shows the progress.",
      });
    }
    await waitFor(200, host.interrupted);
  }
}
