import { join } from "node:path";
import type { User } from "../../../host/users.ts";
import type { Builder } from "../../../ports/builder.ts";
import type { Runtime } from "../../../ports/runtime.ts";
import { artifactDirectory } from "../source/content-store.ts";
import { type ProcessBuilderOptions, processBuilder } from "./builder.ts";

/** Where builds can be run: a directory, and a runtime that works in it. */
interface Place {
  readonly root: string;
  open(): Runtime;
  close(): Promise<void>;
}

interface BuilderPlace extends Pick<ProcessBuilderOptions, "clock"> {
  readonly userOf: ProcessBuilderOptions["userOf"];
  readonly owner?: User | null;
  readonly packages?: ProcessBuilderOptions["packages"];
  readonly programsFor?: ProcessBuilderOptions["programsFor"];
  readonly notify?: (words: string) => void;
}

const unknown: ProcessBuilderOptions["packages"] = { recipeOf: () => ({ lookedFor: [] }), env: {} };

const usual = async () => ({ path: "/usr/bin:/bin" });

/** For tests: a builder on a directory of its own, with a runtime under it. */
export function builderWorld(
  place: Place,
  { userOf, owner = null, clock, packages = unknown, programsFor = usual, notify = () => undefined }: BuilderPlace,
) {
  const directory = join(place.root, "store");
  const runtime = place.open();
  return {
    root: place.root,
    directory,
    runtime,
    open: (): Builder => processBuilder({ directory, runtime, userOf, owner, clock, packages, programsFor, notify }),
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
