import type { Host } from "./world.ts";

/** Writes and waits until the stream can take more. */
export function writeOutput(host: Host, stream: "stdout" | "stderr", text: string | Uint8Array): Promise<void> {
  return new Promise((resolve, reject) => {
    host[stream].write(text, (error) => (error ? reject(error) : resolve()));
  });
}
