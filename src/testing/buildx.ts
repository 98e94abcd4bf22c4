import { createWriteStream, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import { extract } from "tar-stream";
import { ContainerEngine } from "../host/engine.ts";
import { testImages } from "./engine.ts";

/**
 * The docker program with its buildx plugin, the same ones on every machine: taken out of an image into a directory of their
 * own, which `remove` takes away. The machine's own docker program and everybody's home are left alone.
 */
export async function buildxProgram(socket: string) {
  const directory = mkdtempSync(join(tmpdir(), "fl-buildx-"));
  const plugins = join(directory, "cli-plugins");
  mkdirSync(plugins);
  const engine = new ContainerEngine(socket);
  const body = { Image: testImages.buildx };
  const { Id } = await engine.json<{ Id: string }>("POST", "/containers/create", { body });
  try {
    await takeOut(engine, { container: Id, path: "/usr/bin/docker" }, directory);
    await takeOut(engine, { container: Id, path: "/usr/libexec/docker/cli-plugins/docker-buildx" }, plugins);
  } finally {
    await engine.json("DELETE", `/containers/${Id}`);
    engine.close();
  }
  return {
    path: join(directory, "docker"),
    env: { PATH: "/usr/bin:/bin", HOME: directory, DOCKER_CONFIG: directory },
    remove: () => rmSync(directory, { recursive: true }),
  };
}

/** Takes a file out of a container, which need not run, into a directory. */
async function takeOut(
  engine: ContainerEngine,
  from: { container: string; path: string },
  directory: string,
): Promise<void> {
  const { container, path } = from;
  const archive = await engine.stream("GET", `/containers/${container}/archive`, { query: { path } });
  for await (const file of archive.pipe(extract())) {
    await pipeline(file, createWriteStream(join(directory, file.header.name), { mode: 0o755 }));
  }
}
