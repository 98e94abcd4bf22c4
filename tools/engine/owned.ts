import { ContainerEngine, type Query } from "../../src/host/engine.ts";
import { installationId } from "../../src/host/installation.ts";

/**
 * Takes away what a state directory that is about to go has in an engine: containers, also those that run, their networks, and
 * the images that were kept for a rollback. No controller comes by any more to do it.
 */
export async function removeOwned(socket: string, state: string): Promise<void> {
  const engine = new ContainerEngine(socket);
  const filters = { label: [`fairlead.installation=${installationId(state)}`] };
  const remove = async (list: string, query: Query) => {
    const left = await engine.json<readonly { Id: string }[]>("GET", list, { query: { ...query, filters } });
    for (const { Id } of left)
      await engine.json("DELETE", `${list.replace("/json", "")}/${Id}`, { query: { force: true } });
  };
  await remove("/containers/json", { all: true });
  await remove("/networks", {});
  await remove("/images/json", {});
  engine.close();
}
