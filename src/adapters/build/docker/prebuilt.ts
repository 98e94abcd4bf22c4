import { Fault } from "../../../base/faults.ts";
import { type ContainerEngine, EngineRefusal } from "../../../host/engine.ts";
import { jsonLines } from "../../../host/engine-streams.ts";
import type { Clock } from "../../../ports/clock.ts";
import { type FoundImage, findImage } from "./images.ts";
import { fetchHeaders, type Logins, registryRefusal } from "./registries.ts";
import type { BuildControl } from "./way.ts";

interface Fetching {
  readonly engine: ContainerEngine;
  readonly clock: Clock;
  readonly registries: Logins;
}

/** Time limit for a silent registry. */
const silenceMs = 60_000;

interface PullMessage {
  readonly id?: string;
  readonly status?: string;
  readonly errorDetail?: { readonly message?: string };
}

/** `repo` and `sha256:…` of `repo[:tag]@sha256:…`; a tag beside a digest is ignored. */
export function splitImage(image: string): { readonly repo: string; readonly digest: string } {
  const [name = "", digest = ""] = image.split("@");
  return { repo: name.replace(/:[^:/]*$/, ""), digest };
}

/** The engine's name of an image with this digest. */
export function pinnedName(image: string): string {
  const { repo, digest } = splitImage(image);
  return `${repo}@${digest}`;
}

/**
 * Makes sure that an image is in the engine, by its digest; `pulled`: it was not there before. A registry is asked only
 * for missing images. Faults: `image.denied` (the registry refuses the login, or wants one), `image.unknown` (it has no
 * such image), `image.unreachable` (it does not answer, or stopped sending).
 */
export async function fetchImage(
  { engine, clock, registries }: Fetching,
  image: string,
  control: BuildControl,
): Promise<{ readonly found: FoundImage; readonly pulled: boolean }> {
  const name = pinnedName(image);
  const there = await findImage(engine, name);
  if (there) {
    control.say(`${name} is already in the engine`);
    return { found: there, pulled: false };
  }
  await pull({ engine, clock, registries }, image, control);
  const found = await findImage(engine, name);
  const { digest } = splitImage(image);
  if (!found?.RepoDigests?.some((each) => each.endsWith(`@${digest}`))) {
    throw new Fault("image.unknown", `the image that the engine pulled as ${name} has another digest`);
  }
  return { found, pulled: true };
}

async function pull({ engine, clock, registries }: Fetching, image: string, control: BuildControl): Promise<void> {
  const name = pinnedName(image);
  const silence = new AbortController();
  const fault = new Fault("image.unreachable", `the registry of ${name} sent nothing for ${silenceMs / 1_000} s`);
  let cancel = clock.after(silenceMs, () => silence.abort(fault));
  try {
    control.say(`pulling ${name}`);
    const { repo: fromImage, digest: tag } = splitImage(image);
    const signal = AbortSignal.any([control.signal, silence.signal]);
    const call = {
      query: { fromImage, tag },
      headers: fetchHeaders(registries, image),
      signal,
      withinMs: 2 * silenceMs,
    };
    const answer = await engine.stream("POST", "/images/create", call);
    for await (const message of jsonLines<PullMessage>(answer)) {
      cancel();
      cancel = clock.after(silenceMs, () => silence.abort(fault));
      notify(control, message);
      if (message.errorDetail) throw new Fault("image.unreachable", `${name}: ${message.errorDetail.message}`);
    }
  } catch (thrown) {
    if (silence.signal.aborted) throw fault;
    throw thrown instanceof EngineRefusal ? await pullFault({ engine, registries }, name, thrown) : thrown;
  } finally {
    cancel();
  }
}

/** Progress of the single layers is omitted: a line for each change would be hundreds. */
function notify({ say }: BuildControl, { id, status }: PullMessage): void {
  if (status !== undefined && /^(?:Pull complete|Already exists|Digest|Status)/.test(status)) {
    say(id === undefined ? status : `${id}: ${status}`);
  }
}

/** The status of a refused pull is 404 or 500 whatever the registry said, depending on the engine. */
async function pullFault(
  { engine, registries }: Pick<Fetching, "engine" | "registries">,
  name: string,
  refusal: EngineRefusal,
): Promise<Fault> {
  const found = await registryRefusal(engine, name, registries);
  return found ?? new Fault("image.unreachable", `${name}: ${refusal.detail}`, { cause: refusal });
}
