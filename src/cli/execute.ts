import { Fault, faults } from "../base/faults.ts";
import { plainJson, seenJson } from "../base/printable.ts";
import { pathAndMessage } from "../base/text.ts";
import { Client } from "../client/client.ts";
import { nodeTransport } from "../client/node.ts";
import type { ExecutionContext } from "./context.ts";
import { writeOutput } from "./output.ts";
import { harmless, paintFor } from "./paint.ts";
import { parseArguments } from "./parse.ts";
import { appName, findController, findManifest, readManifestText } from "./place.ts";
import type { Entry } from "./table.ts";
import type { Host, World } from "./world.ts";

/** Loads a command, reads its arguments, runs it and prints its result. Answers the exit code. */
export async function runCommand(
  asked: { readonly entry: Entry; readonly rest: readonly string[] },
  context: ExecutionContext,
  host: Host,
): Promise<number> {
  const { default: command } = await asked.entry.load();
  const run = async () => {
    const { args, flags, globals } = parseArguments(asked.entry.name, command, asked.rest);
    const world = makeWorld(context, host, globals);
    return { world, result: await command.run({ args, flags, world }) };
  };
  const { world, result } = await run().catch((error: unknown) => {
    throw withOwnHelp(error, asked.entry.name);
  });
  if (result === undefined) return 0;
  const text = context.json ? plainJson(result) : (command.view?.(result, paintFor(context.colour.stdout)) ?? "");
  if (text !== "") await world.print(text);
  return command.exit?.(result) ?? 0;
}

/**
 * For wrong input without its own hint, names the help of the command; also if only the controller detected it, because
 * its paths in a request do not match the command line.
 */
function withOwnHelp(error: unknown, name: string): unknown {
  if (!(error instanceof Fault && (error.code === "usage.invalid" || error.code === "request.invalid"))) return error;
  if (error.hint !== faults[error.code].hint) return error;
  const diagnostics = error.diagnostics.map((one) => ({
    ...one,
    path: one.path.replace(/^(?:body|path|query)\./, ""),
  }));
  const [first, ...more] = diagnostics;
  const detail = first && more.length === 0 ? pathAndMessage(first) : error.detail;
  return new Fault(error.code, detail, { diagnostics, hint: `See \`fairlead help ${name}\`.`, cause: error.cause });
}

/** The context of commands in one run. */
export function makeWorld(context: ExecutionContext, host: Host, globals: World["globals"]): World {
  const paint = paintFor(context.colour.stderr);
  const place = { cwd: host.cwd, globals };
  const say = (message: string) => {
    if (context.progress !== "none") host.stderr.write(`${harmless(message, { enabled: true })}\n`);
  };
  const confirmName = async (question: string, name: string) =>
    (await import("./ask.ts")).confirmName({ context, host, question }, name, globals.confirm);
  return {
    host,
    context,
    globals,
    paint,
    say,
    print: (line) =>
      writeOutput(host, "stdout", `${context.json ? seenJson(line) : harmless(line, { enabled: true })}\n`),
    address(directory) {
      const manifest = globals.url === undefined ? findManifest(place, directory) : null;
      const address = findController({ ...place, manifest }, context);
      if (context.verbose) say(paint.dim(`controller: ${"url" in address ? address.url : address.socketPath}`));
      return address;
    },
    api({ directory, uninterrupted = false, confirmed = false } = {}) {
      const address = this.address(directory);
      const confirm = (fault: Fault, name: string) => (confirmed ? Promise.resolve() : confirmName(fault.detail, name));
      return new Client(nodeTransport({ address, ...(!uninterrupted && { signal: host.interrupted }) }), { confirm });
    },
    withGlobals: (other) => makeWorld(context, host, other),
    key(directory) {
      const environment = globals.environment ?? "production";
      if (globals.app !== undefined) return { app: globals.app, environment };
      const manifest = findManifest(place, directory);
      if (manifest === null) {
        const hint = "Name it with --app, or go to a directory with a fairlead.yml; `fairlead init` writes one.";
        throw new Fault("usage.invalid", "which app? There is no fairlead.yml here or in a parent directory", { hint });
      }
      const app = appName(readManifestText(manifest));
      if (app === null) throw new Fault("manifest.invalid", `${manifest.file} has no line \`app: NAME\``);
      return { app, environment };
    },
    confirm: async (question, environment) =>
      (await import("./ask.ts")).confirm({ context, host, question }, environment, globals.confirm),
    askSecret: async (question) => (await import("./ask.ts")).askSecret({ context, host }, question),
    confirmName,
  };
}
