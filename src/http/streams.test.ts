import { createParser, type EventSourceMessage } from "eventsource-parser";
import { beforeEach, describe, expect, test } from "vitest";
import { deploymentAnswer } from "../contract/deployments.ts";
import { eventPage, eventView } from "../contract/events.ts";
import { logBatchView, logPage } from "../contract/logs.ts";
import { problem } from "../contract/problem.ts";
import { taskAnswer, taskView } from "../contract/tasks.ts";
import type { LogLine } from "../model/log.ts";
import type { wallClock } from "../testing/clock.ts";
import { createApi } from "./api.ts";
import { type Asking, apiOnFakes } from "./test-api.ts";

const key = { app: "shop", environment: "production" };
const base = "/v1/apps/shop/environments/production";
const text = "version: 1\napp: shop\nservices:\n  web: { run: node web.js, http: {} }\n";

const fakes = apiOnFakes();
let written = 0;

beforeEach(() => {
  written = 0;
});

const ask = (method: string, path: string, asking: Asking = {}) => fakes.request(method, path, asking);

async function deploy() {
  const response = await ask("POST", `${base}/deployments`, { body: { kind: "deploy", source: fakes.put(text) } });
  return deploymentAnswer.parse(await response.json()).deployment;
}

async function live() {
  const deployment = await deploy();
  await fakes.deps.engine.finish(deployment.id, "live");
  return deployment;
}

async function say(message: string, more: Partial<LogLine> = {}) {
  const line = {
    at: 1_000,
    service: "web",
    instance: "fl-1",
    release: 1,
    stream: "stdout",
    level: null,
    message,
  } as const;
  written += message.length + 1;
  await fakes.deps.logs.append({
    key,
    origin: { name: "fl-1", stream: "stdout" },
    lines: [{ ...line, ...more }],
    offset: written,
  });
}

/** Reads a stream message by message; leaving the loop hangs up. */
async function* messagesOf(response: Response): AsyncGenerator<EventSourceMessage> {
  const found: EventSourceMessage[] = [];
  const parser = createParser({ onEvent: (message) => found.push(message) });
  const decoder = new TextDecoder();
  for await (const chunk of response.body ?? []) {
    parser.feed(decoder.decode(chunk, { stream: true }));
    yield* found.splice(0);
  }
}

async function next(messages: AsyncGenerator<EventSourceMessage>): Promise<EventSourceMessage> {
  const { value } = await messages.next();
  return value ?? expect.fail("the stream ended");
}

describe("a deployment's progress", () => {
  test("is the whole deployment at once and after every change, and ends with it", async () => {
    const { id } = await deploy();
    const response = await ask("GET", `/v1/deployments/${id}/progress`);
    expect(response.headers.get("content-type")).toBe("text/event-stream");
    const messages = messagesOf(response);
    const first = await next(messages);
    expect(first.event).toBe("deployment");
    expect(deploymentAnswer.parse(JSON.parse(first.data)).deployment.status).toBe("queued");
    await fakes.deps.engine.finish(id, "live");
    const last = await next(messages);
    expect(deploymentAnswer.parse(JSON.parse(last.data)).deployment.status).toBe("live");
    expect((await messages.next()).done).toBe(true);
  });

  test("gives the culprit's own last lines before the end, and not again to one who has seen them", async () => {
    const { id } = await deploy();
    await say("Error: no database");
    await say("of another", { instance: "fl-2" });
    await fakes.deps.engine.finish(id, "failed", {
      culprit: "fl-1",
      fault: { code: "gate.crashed", detail: "d", hint: "h" },
    });
    const all: EventSourceMessage[] = [];
    for await (const message of messagesOf(await ask("GET", `/v1/deployments/${id}/progress`))) all.push(message);
    expect(all.map((message) => message.event)).toEqual(["log", "deployment"]);
    const [log] = all;
    expect(logBatchView.parse(JSON.parse(log?.data ?? "")).lines.map((line) => line.message)).toEqual([
      "Error: no database",
    ]);
    const again: string[] = [];
    const headers = { "last-event-id": log?.id ?? "" };
    for await (const { event } of messagesOf(await ask("GET", `/v1/deployments/${id}/progress`, { headers })))
      again.push(event ?? "");
    expect(again).toEqual(["deployment"]);
  });

  test("of an unknown deployment is a problem, not a stream", async () => {
    const response = await ask("GET", "/v1/deployments/dep_none/progress");
    expect([response.status, problem.parse(await response.json()).code]).toEqual([404, "deployment.unknown"]);
  });
});

describe("logs", () => {
  test("are the last lines, or those after a sequence", async () => {
    await live();
    for (let i = 1; i <= 5; i += 1) await say(`line ${i}`);
    const last = logPage.parse(await (await ask("GET", `${base}/logs?tail=2`)).json());
    expect(last.lines.map((line) => line.message)).toEqual(["line 4", "line 5"]);
    await say("line 6");
    const rest = logPage.parse(await (await ask("GET", `${base}/logs?after=${last.next}`)).json());
    expect(rest.lines.map((line) => [line.message, line.release])).toEqual([["line 6", "v1"]]);
  });

  test("are filtered by service, level and words", async () => {
    await live();
    await say("one", { level: "error" });
    await say("two");
    await say("three", { service: "worker" });
    const found = async (query: string) =>
      logPage.parse(await (await ask("GET", `${base}/logs?${query}`)).json()).lines.map((line) => line.message);
    expect(await found("service=worker")).toEqual(["three"]);
    expect(await found("service=worker&service=web&grep=^t")).toEqual(["two", "three"]);
    expect(await found("level=error")).toEqual(["one"]);
  });

  test("that match nothing go on at the end, so that nothing is looked through twice", async () => {
    await live();
    await say("line 1");
    const none = logPage.parse(await (await ask("GET", `${base}/logs?grep=nobody`)).json());
    expect([none.lines, none.next > 0]).toEqual([[], true]);
  });

  test("of a service are refused if nothing is known of it, and found if it was removed", async () => {
    await live();
    await say("line 1", { service: "removed" });
    const statusOf = async (query: string) => (await ask("GET", `${base}/${query}`)).status;
    expect(await statusOf("logs?service=web&service=removed&service=build")).toBe(200);
    const refused = await ask("GET", `${base}/logs?service=web&service=nobody`);
    const { code, detail } = problem.parse(await refused.json());
    expect([refused.status, code, detail]).toEqual([404, "service.unknown", expect.stringContaining("service nobody")]);
    expect(await statusOf("logs/stream?service=nobody")).toBe(404);
  });

  test("stream on after the tail, and resume after Last-Event-ID without loss or repetition", async () => {
    await live();
    for (let i = 1; i <= 3; i += 1) await say(`line ${i}`);
    const seen: string[] = [];
    const take = (message: EventSourceMessage) =>
      seen.push(...logBatchView.parse(JSON.parse(message.data)).lines.map((line) => line.message));
    const first = messagesOf(await ask("GET", `${base}/logs/stream?tail=1`));
    take(await next(first));
    await say("line 4");
    const last = await next(first);
    take(last);
    await first.return(undefined);
    await say("line 5");
    const second = messagesOf(await ask("GET", `${base}/logs/stream`, { headers: { "last-event-id": last.id ?? "" } }));
    take(await next(second));
    await say("line 6");
    take(await next(second));
    await second.return(undefined);
    expect(seen).toEqual(["line 3", "line 4", "line 5", "line 6"]);
  });

  test.each(["grep=(a)%5C1", "after=x", "level=loud", "since=yesterday", "tail=0", "nonsense=1"])(
    "refuse the query %s with 400",
    async (query) => {
      await live();
      await say("line 1");
      const response = await ask("GET", `${base}/logs?${query}`);
      expect([response.status, problem.parse(await response.json()).code]).toEqual([400, "request.invalid"]);
    },
  );

  test("a quiet stream is kept alive", async () => {
    await live();
    let ping = () => {};
    const clock: typeof wallClock = {
      now: () => Date.now(),
      steady: () => performance.now(),
      after: (ms, then) => {
        if (ms === 15_000) ping = then;
        return () => {};
      },
    };
    const quiet = createApi({ ...fakes.deps, clock });
    const stream = await quiet.request(`${base}/logs/stream`, {}, { via: "socket" });
    const reader = stream.body?.getReader();
    const read = async () => new TextDecoder().decode((await reader?.read())?.value);
    expect(await read()).toBe("retry: 1000\n\n");
    const pinged = read();
    const look = () => {
      ping();
      return Promise.race([pinged, Promise.resolve("not yet")]);
    };
    await expect.poll(look).toBe(": ping\n\n");
    await reader?.cancel();
  });
});

describe("events", () => {
  test("come in pages and as a stream from now on or after an id", async () => {
    await live();
    const page = eventPage.parse(await (await ask("GET", `${base}/events?limit=1`)).json());
    expect(page.items.map((event) => event.kind)).toEqual(["release.created"]);
    const after = messagesOf(await ask("GET", `${base}/events/stream?after=${page.next}`));
    const message = await next(after);
    expect([message.event, eventView.parse(JSON.parse(message.data)).kind]).toEqual(["event", "deployment.queued"]);
    const fresh = messagesOf(await ask("GET", `${base}/events/stream`));
    const coming = next(fresh);
    await ask("POST", `${base}/stop`);
    expect(eventView.parse(JSON.parse((await coming).data)).kind).toBe("environment.stopped");
    await after.return(undefined);
    await fresh.return(undefined);
  });
});

describe("tasks", () => {
  async function begin(command: readonly string[]) {
    const response = await ask("POST", `${base}/tasks`, { body: { command } });
    expect(response.status).toBe(201);
    return taskAnswer.parse(await response.json()).task.name;
  }

  test("run in the serving release and give their output byte for byte until their end", async () => {
    await live();
    const name = await begin(["node", "-e", "it's $HOME"]);
    expect(fakes.deps.runtime.tasks.get(name)?.task.spec).toMatchObject({
      command: ["node", "-e", "it's $HOME"],
      purpose: "run",
      release: 1,
    });
    const response = await ask("GET", `${base}/tasks/${name}/output`);
    const bytes = Uint8Array.from({ length: 300_000 }, (_, i) => i % 256);
    const whole = response.arrayBuffer();
    fakes.deps.runtime.write(name, "stdout", bytes.subarray(0, 1_000));
    fakes.deps.runtime.write(name, "stderr", new Uint8Array([1, 2, 3]));
    fakes.deps.runtime.write(name, "stdout", bytes.subarray(1_000));
    fakes.deps.runtime.end(name, { code: 42, signal: null, reason: "exited" });
    expect(Buffer.compare(Buffer.from(await whole), bytes)).toBe(0);
    const errors = await (await ask("GET", `${base}/tasks/${name}/output?stream=stderr`)).arrayBuffer();
    expect([...new Uint8Array(errors)]).toEqual([1, 2, 3]);
    const task = taskView.parse(await (await ask("GET", `${base}/tasks/${name}`)).json());
    expect(task.exit).toMatchObject({ code: 42, reason: "exited" });
  });

  test("whoever hangs up is not listened for any more", async () => {
    await live();
    const name = await begin(["sleep", "100"]);
    const response = await ask("GET", `${base}/tasks/${name}/output`);
    const reader = response.body?.getReader();
    const pending = reader?.read();
    await expect.poll(() => fakes.deps.runtime.listeners).toBe(1);
    await reader?.cancel();
    await pending;
    expect(fakes.deps.runtime.listeners).toBe(0);
  });

  test("are killed and forgotten on request, once", async () => {
    await live();
    const name = await begin(["sleep", "100"]);
    expect((await ask("DELETE", `${base}/tasks/${name}`)).status).toBe(204);
    expect(fakes.deps.runtime.signals).toEqual([`${name} SIGKILL`]);
    const again = await ask("DELETE", `${base}/tasks/${name}`);
    expect([again.status, problem.parse(await again.json()).code]).toEqual([404, "task.unknown"]);
  });

  test("need something that serves, a service that exists and a command", async () => {
    await deploy();
    const code = async (body: unknown) =>
      problem.parse(await (await ask("POST", `${base}/tasks`, { body })).json()).code;
    expect(await code({ command: ["x"] })).toBe("release.none-before");
    await live();
    expect(await code({ service: "nobody", command: ["x"] })).toBe("service.unknown");
    expect(await code({ command: [] })).toBe("request.invalid");
    expect(await code({ command: ["a\0b"] })).toBe("request.invalid");
  });
});
