import { existsSync } from "node:fs";
import { isErrno } from "../../../base/faults.ts";
import type { User } from "../../../host/users.ts";
import { confined, type Lacks, lacksFor } from "./confine.ts";
import type { Folder, Stored } from "./folder.ts";
import type { How, Room } from "./launch.ts";
import { oomKills } from "./proc.ts";
import type { UserOf } from "./tenants.ts";

interface RoomOptions {
  readonly userOf: UserOf;
  readonly baseEnv: Readonly<Record<string, string>>;
  readonly artifactDirectory: (digest: string) => string;
}

type What = Pick<Stored, "kind" | "spec">;

/** Where instances and tasks live, and as whom. */
export class Rooms {
  readonly #folder: Folder;
  readonly #options: RoomOptions;
  #lacks: Promise<Lacks> | null = null;

  constructor(folder: Folder, options: RoomOptions) {
    this.#folder = folder;
    this.#options = options;
  }

  /** Makes and writes down the place of what is about to be started. Faults: those of `UserOf` and `copyTree`. */
  async furnish(what: What, port: number | null): Promise<Stored> {
    const { kind, spec } = what as Stored;
    const user = await this.#options.userOf(kind === "instance" ? spec.identity.key : spec.key);
    // Builds unpack gigabytes there: theirs is on the disk.
    const mounts = user !== null && !isBuild(what) && (await this.#whatLacks(user)).mounts === null;
    const stored = { kind, spec: { ...spec, env: {} }, port, user, mounts, oomKills: oomKills() } as Stored;
    try {
      await this.#folder.create(stored, isBuild(what) ? null : this.#artifact(stored));
    } catch (thrown) {
      if (!isErrno(thrown, "ENOENT", "ENOTDIR")) throw thrown;
      // Without its artifact it cannot start, which shows as its exit.
      await this.#folder.create(stored, null);
    }
    return stored;
  }

  /** Builds work where they are told, and find in their home what package managers fetched for earlier ones. */
  of(stored: Stored): Room {
    const { spec, user } = stored;
    const at = (name: string) => this.#folder.path(spec.name, name);
    const own = { home: at("home"), tmp: at("tmp"), cwd: existsSync(at("work")) ? at("work") : this.#artifact(stored) };
    if (!isBuild(stored)) return own;
    const home = user ? this.#folder.buildHome(user) : (this.#options.baseEnv.HOME ?? own.home);
    return { ...own, home };
  }

  async asWhom({ spec, user, mounts }: Stored): Promise<How["as"]> {
    if (user === null) return { wrap: (keeper) => keeper, ids: {} };
    if ((await this.#whatLacks(user)).rights !== null) return { wrap: (keeper) => keeper, ids: user };
    const room = mounts ? { directory: this.#folder.path(spec.name, "tmp"), script: this.#folder.roomScript } : null;
    return { wrap: (keeper) => confined(user, room, keeper), ids: {} };
  }

  #artifact({ spec: { artifact } }: Stored): string {
    return artifact.startsWith("/") ? artifact : this.#options.artifactDirectory(artifact);
  }

  /** Asked once: it is the machine's to allow it, or a container's. */
  #whatLacks(user: User): Promise<Lacks> {
    this.#lacks ??= lacksFor(user);
    return this.#lacks;
  }
}

function isBuild(what: What): boolean {
  const { kind, spec } = what as Stored;
  return kind === "task" && spec.purpose === "build";
}
