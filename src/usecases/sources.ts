import type { Call } from "./access.ts";

/** Whether a source tree exists. */
export async function hasSource(call: Call, digest: string): Promise<boolean> {
  return call.deps.builder.hasSource(digest);
}

/** Stores a source tree. Faults: those of `Builder.admit`. */
export async function putSource(call: Call, digest: string, tar: AsyncIterable<Uint8Array>): Promise<void> {
  await call.deps.builder.admit(digest, tar);
}
