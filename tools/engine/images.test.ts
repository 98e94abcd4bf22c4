import { randomBytes } from "node:crypto";
import { Readable } from "node:stream";
import { pack } from "tar-stream";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { ContainerEngine, isRefusal } from "../../src/host/engine.ts";
import { noEngine, testEngine } from "../../src/testing/engine.ts";
import { imageState, remake, type Wanted, wantedImages } from "./images.ts";
import type { Recipe } from "./recipes.ts";

const socket = testEngine();
const name = `fairlead-test/trial-${randomBytes(4).toString("hex")}:1`;

function wanted(line: string, file = "one"): Wanted {
  const recipe: Recipe = {
    name,
    instructions: ["COPY file /file", line],
    certificateVariables: [],
    command: ["cat", "/file"],
    inputs: [file],
    files: async () => [{ name: "file", content: Buffer.from(file) }],
    onRequest: false,
  };
  const [, made] = wantedImages([recipe]);
  if (made === undefined) throw new TypeError("a recipe is wanted");
  return made;
}

describe("an image of a recipe", () => {
  let engine: ContainerEngine;

  beforeEach(({ skip }) => {
    if (socket === null) skip(noEngine);
    else engine = new ContainerEngine(socket);
  });

  afterEach(async () => {
    await engine.json("DELETE", `/images/${name}`).catch((error: unknown) => {
      if (!isRefusal(error, 404)) throw error;
    });
    engine.close();
  });

  async function id(): Promise<string> {
    return (await engine.json<{ Id: string }>("GET", `/images/${name}/json`)).Id;
  }

  test("is missing, then current, and outdated when text or inputs of its recipe change", async () => {
    expect(await imageState(engine, wanted("RUN true"))).toBe("missing");
    await remake(engine, wanted("RUN true"));
    expect(await imageState(engine, wanted("RUN true"))).toBe("current");
    expect(await imageState(engine, wanted("RUN test 1"))).toBe("outdated");
    expect(await imageState(engine, wanted("RUN true", "two"))).toBe("outdated");
  });

  test("made again leaves nothing of the one before", async () => {
    await remake(engine, wanted("RUN true"));
    const before = await id();
    await remake(engine, wanted("RUN true", "two"));
    expect(await id()).not.toBe(before);
    await expect(engine.json("GET", `/images/${before}/json`)).rejects.toMatchObject({ status: 404 });
  });

  test("that cannot be made says so, and the one before stays", async () => {
    await remake(engine, wanted("RUN true"));
    const before = await id();
    const failing = remake(engine, wanted("RUN echo no such thing && false"));
    await expect(failing).rejects.toMatchObject({
      code: "operation.failed",
      // BuildKit may tell of a failed step before it passes on its last words.
      detail: expect.stringMatching(new RegExp(`^${name}: .*exit code: 1$[^]*^#\\d+ no such thing$`, "m")),
    });
    expect(await id()).toBe(before);
  });

  test("made in another way counts as somebody else's", async () => {
    const [repo, tag] = name.split(":");
    const tar = pack();
    tar.entry({ name: "file" }, "by hand");
    tar.finalize();
    const upload = { content: Readable.from(tar, { objectMode: false }) };
    await engine.json("POST", "/images/create", { query: { fromSrc: "-", repo, tag }, upload });
    expect(await imageState(engine, wanted("RUN true"))).toBe("foreign");
  });
});
