import { Fault } from "../../../base/faults.ts";
import { readText } from "../../../host/files.ts";
import type { RouteTable } from "../../../model/route.ts";
import { bodiesProgram } from "./bodies.ts";
import { type EdgeFiles, writeWhole } from "./files.ts";
import type { SlotLayout } from "./layout.ts";
import { policyEntries } from "./policies.ts";
import type { Runner } from "./program.ts";
import { routeMap } from "./route-map.ts";
import { mapText } from "./runtime.ts";

/** Fault `operation.failed`, and nothing has changed, when HAProxy refuses a configuration. It is checked beside the files that it names. */
export async function checkConfig(
  { files, runner, lua }: { readonly files: EdgeFiles; readonly runner: Runner; readonly lua: string },
  config: string,
): Promise<void> {
  const path = `${files.config}.check`;
  const texts = [files.map, files.policies, files.challenges].map((one) => ({ path: one, text: "" }));
  const there = await Promise.all(texts.map((one) => readText(one.path)));
  const missing = texts.filter((_file, index) => there[index] === null);
  const programs = [
    { path: files.lua, text: lua },
    { path: files.bodiesLua, text: bodiesProgram },
  ];
  await writeWhole(files.directory, [...missing, ...programs, { path, text: config }]);
  const wrong = await runner.check(path);
  if (wrong !== null) throw new Fault("operation.failed", `HAProxy refused its configuration: ${wrong.slice(-2_000)}`);
}

/**
 * What HAProxy is to serve, on disk. The configuration comes first: it has the slots of what is leaving too, so HAProxy
 * started in the middle of this serves the old routes or the new ones.
 */
export async function writeServed(
  files: EdgeFiles,
  served: { readonly config: string; readonly tables: readonly RouteTable[]; readonly layout: SlotLayout },
): Promise<void> {
  await writeWhole(files.directory, [
    { path: files.config, text: served.config },
    { path: files.policies, text: mapText(policyEntries(served.tables)) },
    { path: files.map, text: mapText(routeMap(served.tables, served.layout)) },
    { path: files.layout, text: JSON.stringify(served.layout) },
  ]);
}
