import { existsSync, readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { Readable } from "node:stream";
import { pack } from "tar-stream";
import { BuildkitLines } from "../../src/adapters/build/docker/buildkit-lines.ts";
import { sha256 } from "../../src/base/digest.ts";
import { Fault } from "../../src/base/faults.ts";
import { startChild } from "../../src/host/child.ts";
import { type ContainerEngine, isRefusal } from "../../src/host/engine.ts";
import { jsonLines } from "../../src/host/engine-streams.ts";
import type { ContextFile } from "./npm.ts";
import { searchPath } from "./programs.ts";
import { baseArguments, baseChanges, baseImage, type Recipe } from "./recipes.ts";
import { ownEnvironment } from "./run.ts";

/** The digest of what an image was made from, so that it is made again only when that changed. */
const recipeLabel = "fairlead-test.recipe";
const certificatePath = "/etc/ssl/certs/ca-certificates.crt";
const makeMs = 15 * 60_000;

/** `foreign`: somebody made an image of that name in another way; it is used as it is. */
export type ImageState = "missing" | "outdated" | "current" | "foreign";

/** A wanted image, and how to make it. */
export interface Wanted {
  readonly name: string;
  readonly digest: string;
  readonly make: (engine: ContainerEngine) => Promise<void>;
}

interface Inspected {
  readonly Id: string;
  readonly Config: { readonly Labels: Readonly<Record<string, string>> | null };
}

async function inspect(engine: ContainerEngine, name: string): Promise<Inspected | null> {
  return engine.json<Inspected>("GET", `/images/${name}/json`).catch((error: unknown) => {
    if (isRefusal(error, 404)) return null;
    throw error;
  });
}

export async function imageState(engine: ContainerEngine, wanted: Wanted): Promise<ImageState> {
  const found = await inspect(engine, wanted.name);
  if (found === null) return "missing";
  const label = found.Config.Labels?.[recipeLabel];
  if (label === undefined) return "foreign";
  return label === wanted.digest ? "current" : "outdated";
}

/** Makes an image again in the place of the one that had its name; that one goes, unless something still uses it. */
export async function remake(engine: ContainerEngine, wanted: Wanted): Promise<void> {
  const before = await inspect(engine, wanted.name);
  await wanted.make(engine);
  if (before === null) return;
  await engine.json("DELETE", `/images/${before.Id}`).catch((error: unknown) => {
    if (!isRefusal(error, 404, 409)) throw error;
  });
}

/**
 * The machine's own certificates, where its environment names them: without them npm and pip in a container would refuse a
 * proxy that looks into TLS, which programs on the machine itself trust.
 */
function machineCertificates(): Buffer | null {
  const file = process.env.SSL_CERT_FILE || process.env.NODE_EXTRA_CA_CERTS;
  return file && existsSync(file) ? readFileSync(file) : null;
}

/** The base image and those made from recipes, the base first. */
export function wantedImages(recipes: readonly Recipe[]): readonly Wanted[] {
  const baseDigest = sha256(JSON.stringify([baseArguments, baseChanges]));
  const base: Wanted = { name: baseImage, digest: baseDigest, make: (engine) => makeBase(engine, baseDigest) };
  const certificates = machineCertificates();
  return [base, ...recipes.map((recipe) => fromRecipe(recipe, baseDigest, certificates))];
}

function fromRecipe(recipe: Recipe, baseDigest: string, certificates: Buffer | null): Wanted {
  const own = recipe.certificateVariables.length > 0 ? certificates : null;
  const dockerfile = dockerfileOf(recipe, own !== null);
  const digest = sha256(JSON.stringify([baseDigest, dockerfile, recipe.inputs, own && sha256(own)]));
  const make = async (engine: ContainerEngine): Promise<void> => {
    const context: ContextFile[] = [
      { name: "Dockerfile", content: Buffer.from(dockerfile) },
      ...(await recipe.files()),
    ];
    if (own) context.push({ name: "ca-certificates.crt", content: own });
    await build(engine, { name: recipe.name, digest, context });
  };
  return { name: recipe.name, digest, make };
}

function dockerfileOf(recipe: Recipe, withCertificates: boolean): string {
  const variables = recipe.certificateVariables.map((name) => `${name}=${certificatePath}`).join(" ");
  const certificates = [`COPY ca-certificates.crt ${certificatePath}`, `ENV ${variables}`];
  const command = `CMD ${JSON.stringify(recipe.command)}`;
  const lines = [`FROM ${baseImage}`, ...recipe.instructions, ...(withCertificates ? certificates : []), command];
  return `${lines.join("\n")}\n`;
}

/** What a failed build said last: more is seldom about the mistake. */
const saidLines = 20;

interface Progress {
  readonly id?: string;
  readonly aux?: unknown;
  readonly errorDetail?: { readonly message: string };
}

/**
 * Reads an answer to its end: the engine says 200 before it knows how a build or an import ends, and what went wrong is one
 * of the lines. Faults: `operation.failed` with the end of what the build said.
 */
export async function toItsEnd(answer: Readable, name: string): Promise<void> {
  const said: string[] = [];
  let failure: string | null = null;
  const progress = new BuildkitLines((line) => said.push(line));
  for await (const { id, aux, errorDetail } of jsonLines<Progress>(answer)) {
    if (id === "moby.buildkit.trace" && typeof aux === "string") progress.take(Buffer.from(aux, "base64"));
    failure ??= errorDetail?.message ?? null;
  }
  if (failure === null) return;
  const end = [failure, ...said.slice(-saidLines)].join("\n");
  throw new Fault("operation.failed", `${name}: ${end}`);
}

/** A small Debian, piped from what installs it into the engine. It is put together in memory where there is some. */
async function makeBase(engine: ContainerEngine, digest: string): Promise<void> {
  const scratch = existsSync("/dev/shm") ? "/dev/shm" : tmpdir();
  const env = { ...ownEnvironment(), PATH: searchPath.join(":"), TMPDIR: scratch };
  const child = startChild(["mmdebstrap", "--quiet", ...baseArguments], { env, stdio: ["ignore", "pipe", "inherit"] });
  const ended = new Promise<number | null>((resolve, reject) => child.once("error", reject).once("exit", resolve));
  const { stdout } = child;
  if (stdout === null) throw new Fault("operation.failed", "mmdebstrap has no output");
  const [repo, tag] = baseImage.split(":");
  const query = new URLSearchParams({ fromSrc: "-", repo: repo ?? "", tag: tag ?? "" });
  for (const change of [...baseChanges, `LABEL ${recipeLabel}=${digest}`]) query.append("changes", change);
  const upload = { content: untilItEndsWell(stdout, ended), type: "application/x-tar" };
  const answer = await engine.stream("POST", `/images/create?${query}`, { upload, withinMs: makeMs });
  await toItsEnd(answer, baseImage);
}

/** A tar that ends early because its program failed must not become an image: the upload breaks off instead. */
function untilItEndsWell(output: Readable, ended: Promise<number | null>): Readable {
  async function* checked(): AsyncGenerator<Buffer> {
    for await (const chunk of output as AsyncIterable<Buffer>) yield chunk;
    const code = await ended;
    if (code !== 0) throw new Fault("operation.failed", `mmdebstrap ended with ${code}; see its output above`);
  }
  return Readable.from(checked(), { objectMode: false });
}

interface Build {
  readonly name: string;
  readonly digest: string;
  readonly context: readonly ContextFile[];
}

async function build(engine: ContainerEngine, { name, digest, context }: Build): Promise<void> {
  const tar = pack();
  for (const { name: file, content, mode = 0o644 } of context)
    tar.entry({ name: file, mode, mtime: new Date(0) }, content);
  tar.finalize();
  const query = { version: 2, t: name, labels: { [recipeLabel]: digest } };
  const upload = { content: Readable.from(tar, { objectMode: false }), type: "application/x-tar" };
  await toItsEnd(await engine.stream("POST", "/build", { query, upload, withinMs: makeMs }), name);
}
