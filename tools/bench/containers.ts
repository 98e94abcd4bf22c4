import { readFileSync } from "node:fs";
import { join } from "node:path";
import { pack } from "tar-stream";
import { Fault } from "../../src/base/faults.ts";
import { ContainerEngine } from "../../src/host/engine.ts";
import { noEngine, testEngine, testImages } from "../../src/testing/engine.ts";
import type { Hand } from "./by-hand.ts";
import { isGood } from "./by-hand.ts";
import { benchDeploys, type Testbed } from "./deploys.ts";
import { benchFailures } from "./failures.ts";
import type { Installation } from "./installation.ts";
import { find, until } from "./programs.ts";
import { notRun, type Row } from "./row.ts";

const dockerfile = `FROM ${testImages.node}\nWORKDIR /app\nCOPY server.cjs .\nUSER 1000:1000\nCMD ["node", "server.cjs"]\n`;
/** For what is made by hand here, so that it is found and taken away. */
const label = "fairlead-bench";
const port = 8000;

/** The same as the rows of plain processes, with containers behind HAProxy, and requests lost meanwhile. */
export async function benchContainers(installation: Installation, deploys: number): Promise<readonly Row[]> {
  const socket = testEngine();
  const what = "containers: deploys, rollbacks and failed requests";
  if (socket === null) return [notRun(what, "–", noEngine)];
  if (find("haproxy") === null) return [notRun(what, "–", "HAProxy is not installed")];
  const flags = ["--runtime", "docker", "--engine", socket, "--proxy", "haproxy"];
  const testbed: Testbed = {
    label: "containers: ",
    flags,
    files: { Dockerfile: dockerfile },
    hand: () => new ContainerByHand(new ContainerEngine(socket)),
    budgetMs: { unchanged: 500, changed: 1_000 },
  };
  const rows = await benchDeploys(installation, testbed);
  const base = { node: testImages.node };
  return [...rows, ...(await benchFailures(installation, { deploys, label: "containers: ", flags, base }))];
}

/** Builds and starts the same container without Fairlead: build, create, start, asked until its first 200, the old one stopped. */
class ContainerByHand implements Hand {
  readonly #engine: ContainerEngine;
  #old: string | null = null;

  constructor(engine: ContainerEngine) {
    this.#engine = engine;
  }

  async deploy(source: string): Promise<void> {
    await this.#build(source);
    const HostConfig = { Init: true, CapDrop: ["ALL"], SecurityOpt: ["no-new-privileges"], PidsLimit: 512 };
    const body = { Image: label, Env: [`PORT=${port}`, "HOST=0.0.0.0"], Labels: { [label]: "1" }, HostConfig };
    const { Id } = await this.#engine.json<{ Id: string }>("POST", "/containers/create", { body });
    await this.#engine.json("POST", `/containers/${Id}/start`);
    const seen = await this.#engine.json<{ NetworkSettings: { IPAddress: string } }>("GET", `/containers/${Id}/json`);
    await until(() => isGood(port, seen.NetworkSettings.IPAddress), "the container started by hand answers");
    await this.#remove();
    this.#old = Id;
  }

  async stop(): Promise<void> {
    await this.#remove();
    await this.#engine.json("DELETE", `/images/${label}`, { query: { force: true } });
    this.#engine.close();
  }

  async #remove(): Promise<void> {
    if (this.#old === null) return;
    await this.#engine.json("POST", `/containers/${this.#old}/stop`, { query: { t: 5 } });
    await this.#engine.json("DELETE", `/containers/${this.#old}`);
    this.#old = null;
  }

  async #build(source: string): Promise<void> {
    const tar = pack();
    for (const name of ["Dockerfile", "server.cjs"])
      tar.entry({ name, mtime: new Date(0) }, readFileSync(join(source, name)));
    tar.finalize();
    const chunks: Buffer[] = [];
    for await (const chunk of tar) chunks.push(chunk as Buffer);
    const query = { t: label, version: 2 };
    const answer = await this.#engine.stream("POST", "/build", {
      query,
      upload: { content: Buffer.concat(chunks) },
    });
    let said = "";
    for await (const part of answer) said = (said + String(part)).slice(-10_000);
    if (said.includes('"errorDetail"'))
      throw new Fault("operation.failed", `the build by hand failed: ${said.slice(-300)}`);
  }
}
