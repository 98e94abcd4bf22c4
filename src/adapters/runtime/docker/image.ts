import { buffer } from "node:stream/consumers";
import { pack } from "tar-stream";
import { type ContainerEngine, isRefusal } from "../../../host/engine.ts";

/** The user of a program whose image names none, or root. */
const plainUser = { uid: 1000, gid: 1000 };
/** Where every image lets everybody write; a read-only container has memory there. */
const temporary = "/tmp";

/** What an image says of the programs that run in it. */
export interface ImageFacts {
  readonly user: string;
  /** The image would run as the superuser: home and working directory are made for that one, and for nobody else. */
  readonly isForSuperuser: boolean;
  /** Null: it names none of its own. */
  readonly workingDirectory: string | null;
  /** Names of the variables that it brings. */
  readonly variables: readonly string[];
}

interface Inspected {
  readonly Config: {
    readonly User?: string;
    readonly WorkingDir?: string;
    readonly Env?: readonly string[] | null;
  } | null;
}

/** Null when the engine does not have the image. */
export async function imageFacts(engine: ContainerEngine, image: string): Promise<ImageFacts | null> {
  try {
    const { Config } = await engine.json<Inspected>("GET", `/images/${image}/json`);
    const user = Config?.User ?? "";
    const isForSuperuser = ["", "0", "root"].includes(user.split(":")[0] ?? "");
    return {
      user: isForSuperuser ? `${plainUser.uid}:${plainUser.gid}` : user,
      isForSuperuser,
      workingDirectory: /^\/[^/]/.test(Config?.WorkingDir ?? "") ? (Config?.WorkingDir ?? null) : null,
      variables: (Config?.Env ?? []).map((each) => each.split("=")[0] ?? ""),
    };
  } catch (thrown) {
    if (isRefusal(thrown, 404)) return null;
    throw thrown;
  }
}

/** Directories that a program may write, as plain processes have them, where its image does not name others. */
export function directoriesOf({ isForSuperuser, variables }: ImageFacts): Readonly<Record<string, string>> {
  const names = isForSuperuser ? ["HOME", "TMPDIR"] : ["TMPDIR"];
  return Object.fromEntries(names.filter((name) => !variables.includes(name)).map((name) => [name, temporary]));
}

/**
 * Lets the program write in its working directory and its volumes (`writable`), as a plain process does, although it does
 * not run as the superuser for whom they were made. What is in them keeps its owner. A directory that is reached by a
 * link, or that the engine does not change, as of a container that may write nowhere, stays as the image has it; so does
 * everything where the image names a user of its own.
 */
export async function ownDirectories(
  engine: ContainerEngine,
  id: string,
  { facts, writable }: { facts: ImageFacts; writable: readonly string[] },
): Promise<void> {
  const { isForSuperuser, workingDirectory } = facts;
  if (!isForSuperuser) return;
  const volumes = writable.map((path) => [path, 0o700] as const);
  const all = workingDirectory === null ? volumes : [[workingDirectory, 0o755] as const, ...volumes];
  for (const [path, mode] of all) await own(engine, id, { path, mode });
}

async function own(engine: ContainerEngine, id: string, { path, mode }: { path: string; mode: number }): Promise<void> {
  const archive = pack();
  archive.entry({ name: `${path.slice(1)}/`, type: "directory", mode, ...plainUser });
  archive.finalize();
  const content = await buffer(archive);
  const query = { path: "/", noOverwriteDirNonDir: true };
  try {
    await engine.json("PUT", `/containers/${id}/archive`, { query, upload: { content } });
  } catch (thrown) {
    if (!isRefusal(thrown, 400, 403, 500)) throw thrown;
  }
}
