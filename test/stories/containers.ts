import { randomBytes } from "node:crypto";
import { Readable } from "node:stream";
import { text } from "node:stream/consumers";
import type { Pack } from "tar-stream";
import { ContainerEngine } from "../../src/host/engine.ts";
import { toItsEnd } from "../../tools/engine/images.ts";

export interface Said {
  readonly code: number;
  readonly said: string;
}

/** Images and containers of one test, all with a label of its own by which they are removed again. */
export class Containers {
  readonly engine: ContainerEngine;
  readonly label: string;

  constructor(socket: string) {
    this.engine = new ContainerEngine(socket);
    this.label = `fairlead-test-${randomBytes(4).toString("hex")}`;
  }

  /** The name that an image of this test has. */
  image(name: string): string {
    return `${this.label}-${name}:1`;
  }

  async build(name: string, context: Pack, args: Readonly<Record<string, string>> = {}): Promise<void> {
    const query = { version: 2, t: this.image(name), buildargs: args, labels: { [this.label]: "" } };
    const upload = { content: Readable.from(context, { objectMode: false }) };
    const answer = await this.engine.stream("POST", "/build", { query, upload, withinMs: 230_000 });
    await toItsEnd(answer, name);
  }

  /** Starts a container with the engine's own description of it, and returns its id. */
  async start(about: Readonly<Record<string, unknown>>): Promise<string> {
    const body = { ...about, Labels: { [this.label]: "" }, Tty: true };
    const query = { name: `${this.label}-${randomBytes(3).toString("hex")}` };
    const { Id } = await this.engine.json<{ Id: string }>("POST", "/containers/create", { query, body });
    await this.engine.json("POST", `/containers/${Id}/start`);
    return Id;
  }

  /** Runs a container to its end. */
  async run(about: Readonly<Record<string, unknown>>): Promise<Said> {
    const id = await this.start(about);
    const { StatusCode: code } = await this.engine.json<{ StatusCode: number }>("POST", `/containers/${id}/wait`);
    return { code, said: await this.logs(id) };
  }

  async logs(id: string): Promise<string> {
    const query = { stdout: true, stderr: true };
    return textOf(await this.engine.stream("GET", `/containers/${id}/logs`, { query }));
  }

  /** Runs a command in a container to its end. */
  async exec(id: string, command: readonly string[]): Promise<Said> {
    const body = { Cmd: command, AttachStdout: true, AttachStderr: true, Tty: true };
    const { Id } = await this.engine.json<{ Id: string }>("POST", `/containers/${id}/exec`, { body });
    const said = await textOf(await this.engine.hijack(`/exec/${Id}/start`, { body: { Tty: true } }));
    const { ExitCode: code } = await this.engine.json<{ ExitCode: number }>("GET", `/exec/${Id}/json`);
    return { code, said };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const query = { all: true, filters: { label: [this.label] } };
    for (const { Id } of await this.engine.json<{ Id: string }[]>("GET", "/containers/json", { query }))
      await this.engine.json("DELETE", `/containers/${Id}`, { query: { force: true, v: true } });
    for (const { Id } of await this.engine.json<{ Id: string }[]>("GET", "/images/json", { query }))
      await this.engine.json("DELETE", `/images/${Id}`, { query: { force: true } });
    this.engine.close();
  }
}

/** What a terminal was sent, with plain ends of lines. */
async function textOf(stream: Readable): Promise<string> {
  return (await text(stream)).replaceAll("\r\n", "\n");
}
