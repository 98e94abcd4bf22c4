import { join } from "node:path";
import type { Builder } from "../../../ports/builder.ts";
import type { Runtime } from "../../../ports/runtime.ts";
import { artifactDirectory } from "../source/shelf.ts";
import { type ProcessBuilderOptions, processBuilder } from "./builder.ts";

/** Where builds can be run: a directory, and a runtime that works in it. */
interface Place {
  readonly root: string;
  open(): Runtime;
  close(): Promise<void>;
}

/** For tests: a builder on a directory of its own, with a runtime under it. */
export function builderWorld(place: Place, { userOf, clock }: Pick<ProcessBuilderOptions, "userOf" | "clock">) {
  const directory = join(place.root, "store");
  const runtime = place.open();
  return {
    root: place.root,
    directory,
    runtime,
    open: (): Builder => processBuilder({ directory, runtime, userOf, clock }),
    told: (files: Readonly<Record<string, string>>, script: string | null) => ({
      files,
      command: script === null ? null : ["/bin/sh", "-c", script],
    }),
    artifact: (digest: string) => artifactDirectory(directory, digest),
    close: async () => {
      await runtime.close();
      await place.close();
    },
  };
}
