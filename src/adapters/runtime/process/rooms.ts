import { existsSync } from "node:fs";
import { isErrno } from "../../../base/faults.ts";
import { changedSince } from "../../../host/tree.ts";
import type { User } from "../../../host/users.ts";
import { type Workload, workloadKey } from "../../../model/workload.ts";
import { lastingFiles, passingDirectories } from "../../../model/written.ts";
import { confined, type Furnishing, type Lacks, lacksFor, namespaced, type View } from "./confine.ts";
import type { ProcessFolder, StoredWorkload } from "./folder.ts";
import type { How, Room } from "./launch.ts";
import { oomKills } from "./proc.ts";
import type { UserOf } from "./tenants.ts";
import type { VolumeFolder } from "./volumes.ts";

export interface RoomOptions {
  /** Whom the processes of an environment run as. */
  readonly userOf: UserOf;
  /** What every process is given: PATH, LANG and the like. */
  readonly baseEnv: Readonly<Record<string, string>>;
  /** What builds are given beside that. */
  readonly buildEnv: Readonly<Record<string, string>>;
  readonly artifactDirectory: (digest: string) => string;
  /** The PATH of what runs in a directory, or which program of its source this machine lacks, in words. */
  readonly programsFor: ProgramsFor;
  /**
   * A directory above the runtime's own of which an instance sees nothing but what is its own and `shared`, because other
   * users cannot pass through it; or, where `userOf` says null, because instances get namespaces of their own. All are real
   * paths. Null: there is none.
   */
  readonly closed: { readonly directory: string; readonly shared: readonly string[] } | null;
  /** How many processes and threads a user may have at once; null: as many as the controller's own limit says. */
  readonly mostProcesses: number | null;
}

export type ProgramsFor = (directory: string) => Promise<{ readonly path: string } | { readonly lacks: string }>;

/** Where instances and tasks live, and as whom. */
export class Rooms {
  readonly #folder: ProcessFolder;
  readonly #options: RoomOptions;
  readonly #volumes: VolumeFolder;
  #lacks: Promise<Lacks> | null = null;

  constructor(folder: ProcessFolder, options: RoomOptions, volumes: VolumeFolder) {
    this.#folder = folder;
    this.#options = options;
    this.#volumes = volumes;
  }

  /** Makes and records the place of what is about to be started. Faults: those of `UserOf` and `copyTree`. */
  async furnish(workload: Workload, ports: Pick<StoredWorkload, "port" | "tcp">): Promise<StoredWorkload> {
    const user = await this.#options.userOf(workloadKey(workload));
    // Builds unpack gigabytes there: theirs is on the disk.
    const canMount = user !== null && (await this.#whatLacks(user)).mounts === null;
    const mounts = canMount && !isBuild(workload);
    const namespaced = user === null && this.#options.closed !== null;
    const placed = canMount || namespaced;
    const given = { ...ports, user, mounts, namespaced, placed, oomKills: oomKills() };
    const stored: StoredWorkload = { ...withoutEnv(workload), ...given };
    try {
      await this.#folder.create(stored, isBuild(workload) ? null : this.#artifact(stored));
    } catch (thrown) {
      if (!isErrno(thrown, "ENOENT", "ENOTDIR")) throw thrown;
      // Without its artifact it cannot start, which shows as its exit.
      await this.#folder.create(stored, null);
    }
    return stored;
  }

  /** Builds work where they are told, and find in their home what package managers fetched for previous ones. */
  of(stored: StoredWorkload): Room {
    const { spec, user } = stored;
    const at = (name: string) => this.#folder.path(spec.name, name);
    const cwd = this.#placed(stored)?.at ?? this.#work(stored);
    const own = {
      home: at("home"),
      tmp: this.#scratch(stored)?.at ?? at("tmp"),
      cwd,
      volumes: this.#mounted(stored),
      env: {},
    };
    if (!isBuild(stored)) return own;
    const { HOME } = this.#options.baseEnv;
    // What is closed is covered where it is not a place of its own.
    const shared = HOME === undefined || HOME === this.#options.closed?.directory ? own.home : HOME;
    return { ...own, env: this.#options.buildEnv, home: user ? this.#folder.buildHome(user) : shared };
  }

  /** Of the artifact, which nobody changes: its copy may already have been. */
  programs(stored: StoredWorkload): ReturnType<ProgramsFor> {
    return this.#options.programsFor(this.#artifact(stored));
  }

  /** The volumes of an instance, each with its directory; null: it is not there. */
  #mounted({ kind, spec }: StoredWorkload): Room["volumes"] {
    if (kind === "task") return [];
    const { key } = spec.identity;
    return spec.volumes.map((mount) => ({ ...mount, data: this.#volumes.data({ key, name: mount.volume }) }));
  }

  /** Where a working directory really is. */
  #work(stored: StoredWorkload): string {
    const own = this.#folder.path(stored.spec.name, "work");
    return existsSync(own) ? own : this.#artifact(stored);
  }

  /** Files that a workload has made or changed in its own copy since that was made. */
  async written(stored: StoredWorkload): Promise<readonly string[]> {
    const own = this.#folder.path(stored.spec.name, "work");
    if (!existsSync(own)) return [];
    const since = this.#folder.madeAt(stored.spec.name);
    const changed = await changedSince(own, { since, as: stored.user, without: passingDirectories });
    return lastingFiles(changed);
  }

  /** Builds and instances find their working directory at one path, so that what a build made with its path in it works. */
  #placed(stored: StoredWorkload): { readonly from: string; readonly at: string } | null {
    const from = this.#work(stored);
    return stored.placed && existsSync(from) ? { from, at: this.#folder.app } : null;
  }

  /** The same for temporary files: in memory, but for those of builds and of who may not mount that. */
  #scratch({ spec, placed, mounts }: StoredWorkload): Furnishing["tmp"] {
    return placed ? { from: mounts ? null : this.#folder.path(spec.name, "tmp"), at: this.#folder.tmp } : null;
  }

  #sealed(stored: StoredWorkload): readonly string[] {
    return this.#mounted(stored).flatMap(({ data, readOnly }) => (readOnly && data !== null ? [data] : []));
  }

  inside(stored: StoredWorkload): How["inside"] {
    const seen = stored.namespaced ? this.#viewOf(stored) : null;
    const view = seen && {
      ...seen,
      sealed: this.#sealed(stored),
      work: this.#placed(stored),
      tmp: this.#scratch(stored),
    };
    return view && ((first) => namespaced(view, [this.#folder.roomScript], first));
  }

  async asWhom(stored: StoredWorkload): Promise<How["as"]> {
    const { user, mounts } = stored;
    if (user === null) return { wrap: (supervisor) => supervisor, ids: {} };
    const { rights, limits } = await this.#whatLacks(user);
    if (rights !== null) return { wrap: (supervisor) => supervisor, ids: user };
    const mostProcesses = limits === null ? this.#options.mostProcesses : null;
    const tmp = this.#scratch(stored);
    const sealed = mounts ? this.#sealed(stored) : [];
    const script = this.#folder.roomScript;
    const around = { tmp, view: this.#viewOf(stored), work: this.#placed(stored), script, mostProcesses, sealed };
    return { wrap: (supervisor) => confined(user, around, supervisor), ids: {} };
  }

  /** What it needs below a closed directory. In namespaces it needs no supervisor, and must not write what the runtime believes. */
  #viewOf(stored: StoredWorkload): View | null {
    const { closed } = this.#options;
    if (closed === null) return null;
    const own = this.#folder.path(stored.spec.name);
    const { home, volumes } = this.of(stored);
    const data = volumes.flatMap((one) => one.data ?? []);
    const work = this.#placed(stored) ? [] : [this.#work(stored)];
    const rest = [home, ...work].filter((path) => !isBelow(path, own));
    const mine = stored.namespaced
      ? [home, this.#folder.path(stored.spec.name, "tmp"), ...work]
      : [own, this.#folder.supervisor, ...rest];
    const places = [...mine, ...data, ...closed.shared].filter(
      (path) => isBelow(path, closed.directory) && existsSync(path),
    );
    return { closed: closed.directory, spare: this.#folder.spare(), places };
  }

  #artifact({ spec: { artifact } }: StoredWorkload): string {
    return artifact.startsWith("/") ? artifact : this.#options.artifactDirectory(artifact);
  }

  /** Asked once: it is the machine's to allow it, or a container's. */
  #whatLacks(user: User): Promise<Lacks> {
    this.#lacks ??= lacksFor(user);
    return this.#lacks;
  }
}

function isBelow(path: string, directory: string): boolean {
  return path.startsWith(`${directory}/`);
}

function isBuild({ kind, spec }: Workload): boolean {
  return kind === "task" && spec.purpose === "build";
}

function withoutEnv(workload: Workload): Workload {
  return { ...workload, spec: { ...workload.spec, env: {} } } as Workload;
}
