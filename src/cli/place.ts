import { existsSync, readFileSync, statSync } from "node:fs";
import path from "node:path";
import { Fault } from "../base/faults.ts";
import { decodeText } from "../base/text.ts";
import type { ControllerAddress } from "../client/node.ts";
import type { ExecutionContext } from "./context.ts";
import type { Globals } from "./flags.ts";
import { whyUnreadable } from "./given-file.ts";

export const manifestName = "fairlead.yml";
/** State directory of `fairlead up`, beside the manifest. */
export const projectStateName = ".fairlead";
export const socketName = "controller.sock";

/** Hint without a manifest. */
const smallest = `\`fairlead init\` writes one from what is there; docs/manifest.md lists every key. The smallest is:
  version: 1
  app: shop
  services:
    web: { run: node server.js, http: {} }`;

/** The fault that no manifest was found, with an example. */
export function noManifest(where: string): Fault {
  return new Fault("manifest.missing", `there is no ${manifestName} ${where}`, { hint: smallest });
}

/** A manifest that was found. */
export interface Manifest {
  readonly file: string;
  /** The source tree that it describes. */
  readonly directory: string;
}

type Where = { readonly cwd: string; readonly globals: Pick<Globals, "config"> };

/**
 * The manifest to use: --config, otherwise fairlead.yml in the directory or the nearest parent. Null if there is none.
 * Faults: `manifest.missing` if --config or an explicit directory has none.
 */
export function findManifest({ cwd, globals }: Where, given?: string): Manifest | null {
  if (globals.config !== undefined) {
    const file = path.resolve(cwd, globals.config);
    if (!isFile(file)) {
      const wrong = existsSync(file) ? `${globals.config} is not a file` : `there is no file ${globals.config}`;
      throw new Fault("manifest.missing", wrong, { hint: "Name a manifest with --config." });
    }
    return { file, directory: given === undefined ? path.dirname(file) : path.resolve(cwd, given) };
  }
  if (given !== undefined) {
    const directory = path.resolve(cwd, given);
    const file = path.join(directory, manifestName);
    if (isFile(file)) return { file, directory };
    const stat = statSync(directory, { throwIfNoEntry: false });
    if (stat?.isDirectory()) throw noManifest(`in ${given}`);
    const wrong = stat ? `${given} is not a directory` : `there is no directory ${given}`;
    throw new Fault("usage.invalid", `${wrong}; name the one with ${manifestName}`);
  }
  for (let directory = path.resolve(cwd); ; directory = path.dirname(directory)) {
    const file = path.join(directory, manifestName);
    if (isFile(file)) return { file, directory };
    if (directory === path.dirname(directory)) return null;
  }
}

function isFile(file: string): boolean {
  try {
    return statSync(file, { throwIfNoEntry: false })?.isFile() ?? false;
  } catch (error) {
    throw unreadable(file, error);
  }
}

/** `manifest.missing` with the cause; what nobody expects stays as it is. */
function unreadable(file: string, error: unknown): unknown {
  const why = whyUnreadable(error);
  if (why === null) return error;
  return new Fault("manifest.missing", `${file} ${why}`, { cause: error, hint: "" });
}

/** Reads a manifest's text. Faults: `manifest.missing`, with the path, when it cannot be read; `manifest.invalid`. */
export function readManifestText({ file }: Manifest): string {
  try {
    const text = decodeText(readFileSync(file));
    if (text !== null) return text;
  } catch (error) {
    throw unreadable(file, error);
  }
  throw new Fault("manifest.invalid", `${file} is not a text file: save it as UTF-8`, { hint: "" });
}

/**
 * The app's name, only from the line `app: name`: a rollback must not fail because the file is invalid elsewhere. The
 * grammar allows only a plain or quoted word there. Null without such a line.
 */
export function appName(text: string): string | null {
  return /^app:[ \t]+(["']?)([a-z][a-z0-9-]*)\1[ \t]*(?:#.*)?\r?$/m.exec(text)?.[2] ?? null;
}

/** The state directory from --state or FAIRLEAD_STATE, in this order, otherwise the default. */
function stateDirectory(where: Where & { readonly globals: Globals }, context: ExecutionContext): string {
  const named = where.globals.state ?? context.controller.state;
  if (named !== null) return path.resolve(where.cwd, named);
  return context.controller.fallback;
}

/**
 * Where the controller is: --url, FAIRLEAD_URL, --state, FAIRLEAD_STATE, `.fairlead/` beside the manifest if it has a
 * controller's socket, otherwise the default state directory.
 */
export function findController(
  where: Where & { readonly globals: Globals; readonly manifest: Manifest | null },
  context: ExecutionContext,
): ControllerAddress {
  const { globals, manifest } = where;
  if (globals.url !== undefined) return urlTarget(globals.url, globals.token ?? context.controller.token);
  if (globals.state === undefined && context.controller.url !== null) {
    return urlTarget(context.controller.url, globals.token ?? context.controller.token);
  }
  if (globals.state === undefined && context.controller.state === null && manifest !== null) {
    const socketPath = path.join(path.dirname(manifest.file), projectStateName, socketName);
    if (existsSync(socketPath)) return { socketPath };
  }
  return { socketPath: path.join(stateDirectory(where, context), socketName) };
}

/** Reads a controller's URL. Faults: `usage.invalid`. */
function urlTarget(text: string, token: string | null): ControllerAddress {
  if (/^unix:\/*[^/]/.test(text)) return { socketPath: text.slice("unix:".length).replace(/^\/\/(?=\/)/, "") };
  const url = URL.canParse(text) ? new URL(text) : null;
  if (url === null || !["http:", "https:"].includes(url.protocol)) {
    throw new Fault(
      "usage.invalid",
      `the controller's address must be http://host:port, https://host or unix:/path, not ${JSON.stringify(text.replace(/\/\/[^@/]*@/, "//").slice(0, 60))}`,
    );
  }
  return { url: url.origin, token };
}

/** Reads `host:port`, `:port` or `[::1]:port`. Faults: `usage.invalid`, naming the flag. */
export function readAddress(flag: string, text: string): { host: string; port: number } {
  const found = /^(?:\[([0-9a-fA-F:.]+)\]|([^\s:[\]]*)):(\d{1,5})$/.exec(text);
  const port = Number(found?.[3]);
  if (!found || port > 65_535) throw new Fault("usage.invalid", `${flag} must be an address like 127.0.0.1:8080`);
  return { host: found[1] ?? (found[2] || "127.0.0.1"), port };
}
