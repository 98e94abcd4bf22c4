import { authorise, type Call } from "./access.ts";

/** Whether a source tree is there already. */
export async function hasSource(call: Call, digest: string): Promise<boolean> {
  authorise(call, "deploy");
  return call.deps.builder.hasSource(digest);
}

/** Takes a source tree in. Faults: those of `Builder.admit`. */
export async function putSource(call: Call, digest: string, tar: AsyncIterable<Uint8Array>): Promise<void> {
  authorise(call, "deploy");
  await call.deps.builder.admit(digest, tar);
}
