import { expect, test } from "vitest";
import { ContainerEngine, isRefusal } from "../../../host/engine.ts";
import { noEngine, testEngine, testImages } from "../../../testing/engine.ts";
import { containerUsage } from "./looks.ts";

test("the usage of a container that ends meanwhile is nothing, at whatever moment it is asked for", async ({
  skip,
}) => {
  const socket = testEngine();
  if (socket === null) return skip(noEngine);
  const engine = new ContainerEngine(socket);
  const body = { Image: testImages.debian, Cmd: ["sleep", "600"] };
  const { Id } = await engine.json<{ Id: string }>("POST", "/containers/create", { body });
  try {
    await engine.json("POST", `/containers/${Id}/start`);
    const answers: unknown[] = [];
    let over = false;
    const ask = async () => {
      while (!over) answers.push(await containerUsage(engine, { id: Id, pid: 0 }));
    };
    const asking = [ask(), ask(), ask(), ask()];
    await expect.poll(() => answers.length).toBeGreaterThan(3);
    await engine.json("DELETE", `/containers/${Id}`, { query: { force: true } });
    over = true;
    await Promise.all(asking);
    expect(answers.some((usage) => usage !== null)).toBe(true);
    expect(await containerUsage(engine, { id: Id, pid: 0 })).toBeNull();
  } finally {
    await engine.json("DELETE", `/containers/${Id}`, { query: { force: true } }).catch((error: unknown) => {
      if (!isRefusal(error, 404)) throw error;
    });
    engine.close();
  }
});
