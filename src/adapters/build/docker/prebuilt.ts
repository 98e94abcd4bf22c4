import { Fault } from "../../../base/faults.ts";
import { type Engine, EngineRefusal } from "../../../host/engine.ts";
import { jsonLines } from "../../../host/engine-streams.ts";
import type { Clock } from "../../../ports/clock.ts";
import { type FoundImage, findImage } from "./images.ts";
import type { Course } from "./way.ts";

/** A registry that says nothing for so long is not waited for any longer. */
const silenceMs = 60_000;

interface PullMessage {
  readonly id?: string;
  readonly status?: string;
  readonly errorDetail?: { readonly message?: string };
}

/** `repo` and `sha256:…` of `repo[:tag]@sha256:…`; a tag beside a digest says nothing. */
export function splitImage(image: string): { readonly repo: string; readonly digest: string } {
  const [name = "", digest = ""] = image.split("@");
  return { repo: name.replace(/:[^:/]*$/, ""), digest };
}

/** The name by which an engine has an image of this digest. */
export function pinnedName(image: string): string {
  const { repo, digest } = splitImage(image);
  return `${repo}@${digest}`;
}

/**
 * Sees that an image is in the engine, by its digest; `pulled`: it was not there before. Faults: `image.unknown` (the
 * registry or the engine has no such image, or may not give it), `image.unreachable` (no registry answers, or it fell
 * silent).
 */
export async function fetchImage(
  { engine, clock }: { engine: Engine; clock: Clock },
  image: string,
  course: Course,
): Promise<{ readonly found: FoundImage; readonly pulled: boolean }> {
  const name = pinnedName(image);
  const there = await findImage(engine, name);
  if (there) {
    course.say(`${name} is in the engine already`);
    return { found: there, pulled: false };
  }
  await pull({ engine, clock }, image, course);
  const found = await findImage(engine, name);
  const { digest } = splitImage(image);
  if (!found?.RepoDigests?.some((each) => each.endsWith(`@${digest}`))) {
    throw new Fault("image.unknown", `what the engine fetched as ${name} has another digest`);
  }
  return { found, pulled: true };
}

async function pull({ engine, clock }: { engine: Engine; clock: Clock }, image: string, course: Course): Promise<void> {
  const name = pinnedName(image);
  const silence = new AbortController();
  const fault = new Fault("image.unreachable", `the registry of ${name} said nothing for ${silenceMs / 1_000} s`);
  let cancel = clock.after(silenceMs, () => silence.abort(fault));
  try {
    course.say(`fetching ${name}`);
    const { repo: fromImage, digest: tag } = splitImage(image);
    const signal = AbortSignal.any([course.signal, silence.signal]);
    const query = { fromImage, tag };
    const answer = await engine.stream("POST", "/images/create", { query, signal, withinMs: 2 * silenceMs });
    for await (const message of jsonLines<PullMessage>(answer)) {
      cancel();
      cancel = clock.after(silenceMs, () => silence.abort(fault));
      tell(course, message);
      if (message.errorDetail) throw new Fault("image.unreachable", `${name}: ${message.errorDetail.message}`);
    }
  } catch (thrown) {
    throw silence.signal.aborted ? fault : pullFault(name, thrown);
  } finally {
    cancel();
  }
}

/** Progress of the single layers is left out: a line for each change would be hundreds. */
function tell({ say }: Course, { id, status }: PullMessage): void {
  if (status !== undefined && /^(?:Pull complete|Already exists|Digest|Status)/.test(status)) {
    say(id === undefined ? status : `${id}: ${status}`);
  }
}

/** The engine passes on what the registry said: 404 for "no such image" and "not for you", 500 when nobody answers it. */
function pullFault(name: string, thrown: unknown): unknown {
  if (!(thrown instanceof EngineRefusal)) return thrown;
  const code = thrown.status < 500 ? "image.unknown" : "image.unreachable";
  return new Fault(code, `${name}: ${thrown.detail}`, { cause: thrown });
}
