import { dirname } from "node:path";
import { Fault } from "../../../base/faults.ts";
import { type ContainerEngine, isRefusal } from "../../../host/engine.ts";
import { installationLabel } from "../../../host/installation.ts";
import type { Inspected, Listed } from "./container.ts";

/** Time limit for inspecting one container; an engine under load has answered within a second. */
const inspectMs = 5_000;
/** A path that was removed, in the engine's list of changes. */
const deleted = 2;
/** How long an engine that is going away may take to say so. */
const farewellMs = 2_000;

/** Engine calls about containers. That one no longer exists, or no longer runs, is not a fault. */
export class Calls {
  readonly #engine: ContainerEngine;
  readonly #installation: string;

  constructor(engine: ContainerEngine, installation: string) {
    this.#engine = engine;
    this.#installation = installation;
  }

  /** All containers of the installation, ended ones included. */
  async list(): Promise<readonly Listed[]> {
    const filters = { label: [`${installationLabel}=${this.#installation}`] };
    const listed = await this.#engine.json<unknown>("GET", "/containers/json", { query: { all: true, filters } });
    if (Array.isArray(listed) && listed.every(isListed)) return listed;
    throw new Fault("operation.failed", "the container engine's list of containers cannot be read");
  }

  /** Null when there is no such container. Faults: `operation.failed` when the answer does not say how it stands. */
  async inspect(id: string): Promise<Inspected | null> {
    try {
      const found = await this.#engine.json<unknown>("GET", `/containers/${id}/json`, { withinMs: inspectMs });
      if (isInspected(found)) return found;
    } catch (thrown) {
      return unless(thrown, 404);
    }
    throw new Fault("operation.failed", "the container engine's answer contains no state");
  }

  /**
   * What a container made or changed below its working directory: files, and directories in which nothing is. The engine
   * lists every directory on the way to a file as changed.
   */
  async written(id: string): Promise<readonly string[]> {
    const work = (await this.inspect(id))?.Config.WorkingDir ?? "";
    if (work === "" || work === "/") return [];
    const asked = this.#engine.json<unknown>("GET", `/containers/${id}/changes`, { withinMs: inspectMs });
    const listed = (await asked.catch((thrown) => unless(thrown, 404, 409))) ?? [];
    const kept = (Array.isArray(listed) ? listed : []).filter(({ Kind }) => Kind !== deleted);
    const below = kept.flatMap(({ Path }) => (`${Path}`.startsWith(`${work}/`) ? [Path.slice(work.length + 1)] : []));
    const parents = new Set(below.map((path) => dirname(path)));
    return below.filter((path) => !parents.has(path));
  }

  async create(name: string, body: object): Promise<string> {
    return (await this.#engine.json<{ Id: string }>("POST", "/containers/create", { query: { name }, body })).Id;
  }

  async start(id: string): Promise<void> {
    await this.#engine.json("POST", `/containers/${id}/start`);
  }

  async kill(id: string, signal: string): Promise<void> {
    const asked = this.#engine.json("POST", `/containers/${id}/kill`, { query: { signal } });
    await asked.catch((thrown) => unless(thrown, 404, 409));
  }

  async setPolicy(id: string, policy: string): Promise<void> {
    const asked = this.#engine.json("POST", `/containers/${id}/update`, { body: { RestartPolicy: { Name: policy } } });
    await asked.catch((thrown) => unless(thrown, 404));
  }

  /** Takes a container away that does not run, with its anonymous volumes. Faults: refused with 409 while it runs. */
  async remove(id: string): Promise<void> {
    const asked = this.#engine.json("DELETE", `/containers/${id}`, { query: { v: true } });
    await asked.catch((thrown) => unless(thrown, 404));
  }

  /** Fails if the engine accepts no new connections: then it is stopping, whatever it still answers on old ones. */
  async ping(): Promise<void> {
    await this.#engine.json("HEAD", "/_ping", { fresh: true, withinMs: farewellMs });
  }
}

function unless(thrown: unknown, ...expected: readonly number[]): null {
  if (isRefusal(thrown, ...expected)) return null;
  throw thrown;
}

function isListed(each: unknown): each is Listed {
  const { Id, Names, Labels, State } = (each ?? {}) as Partial<Record<keyof Listed, unknown>>;
  return typeof Id === "string" && Array.isArray(Names) && typeof State === "string" && typeof Labels === "object";
}

function isInspected(answer: unknown): answer is Inspected {
  const { State, HostConfig } = (answer ?? {}) as Partial<Inspected>;
  const { Running, Restarting, StartedAt } = State ?? {};
  const isState = typeof Running === "boolean" && typeof Restarting === "boolean" && typeof StartedAt === "string";
  return isState && typeof HostConfig?.RestartPolicy?.Name === "string";
}
