import { writeFileSync } from "node:fs";
import { DatabaseSync } from "node:sqlite";
import { beforeEach, describe, expect, test } from "vitest";
import { sha256 } from "../base/digest.ts";
import { Fault, type FaultCode, faults } from "../base/faults.ts";
import { doctorAnswer, infoView } from "../contract/controller.ts";
import { fillPath, paramsOf } from "../contract/paths.ts";
import { problem } from "../contract/problem.ts";
import { routes } from "../contract/routes.ts";
import fc from "../testing/properties.ts";
import { createApi } from "./api.ts";
import { problemOf, problemResponse } from "./problem.ts";
import { apiOnFakes } from "./test-api.ts";

const token = "correct-horse-battery-staple";
const fakes = apiOnFakes();

beforeEach(() => {
  fakes.deps.tokenDigest = sha256(token);
});

const bearer = { authorization: `Bearer ${token}` };

async function codeOf(response: Response) {
  return problem.parse(await response.json()).code;
}

describe("access over TCP", () => {
  test.each(Object.entries(routes))("%s needs the token, unless it is a health check", async (name, route) => {
    const path = fillPath(route.path, Object.fromEntries(paramsOf(route.path).map((member) => [member, "x"])));
    const response = await fakes.api.request(path, { method: route.method.toUpperCase() });
    expect(response.status).toBe(["health", "readiness"].includes(name) ? 200 : 401);
    if (response.status === 401) expect(response.headers.get("www-authenticate")).toBe("Bearer");
  });

  test.each([
    ["the token", token, 200],
    ["another token", `${token}x`, 401],
    ["an empty token", "", 401],
  ])("with %s", async (_words, given, status) => {
    const response = await fakes.api.request("/v1/info", { headers: { authorization: `Bearer ${given}` } });
    expect(response.status).toBe(status);
    if (status === 401) expect(problem.parse(await response.json()).detail).toBe("the token is not this controller's");
  });

  test("nobody gets in when no token was set", async () => {
    fakes.deps.tokenDigest = null;
    const response = await createApi(fakes.deps).request("/v1/info", { headers: bearer });
    expect([response.status, await codeOf(response)]).toEqual([401, "access.unauthenticated"]);
  });

  test.each([
    ["127.0.0.1:8070", 200],
    ["[::1]:8070", 200],
    ["localhost:8070", 200],
    ["fairlead.example.com", 200],
    ["evil.example.com", 403],
    ["localhost.evil.com", 403],
  ])("the Host %s is answered with %i", async (host, status) => {
    const named = createApi({ ...fakes.deps, hosts: ["fairlead.example.com"] });
    expect((await named.request("/v1/info", { headers: { ...bearer, host } })).status).toBe(status);
  });

  test("a change asked for by a page of another origin is refused, a read and our own page are not", async () => {
    const path = "/v1/apps/shop/environments/production/stop";
    const from = (origin: string, method: string) =>
      fakes.api.request(path, { method, headers: { ...bearer, host: "localhost:8070", origin } });
    expect(await codeOf(await from("http://evil.example.com", "POST"))).toBe("access.denied");
    expect(await codeOf(await from("null", "POST"))).toBe("access.denied");
    expect(await codeOf(await from("http://localhost:8070", "POST"))).toBe("app.unknown");
  });

  test("over the socket no token is needed", async () => {
    const response = await fakes.api.request("/v1/info", {}, { via: "socket" });
    expect(infoView.parse(await response.json())).toMatchObject({ version: "0.1.0", edge: { port: 8080 } });
  });
});

describe("faults", () => {
  test.each(Object.keys(faults) as FaultCode[])("%s has its own status as problem+json", (code) => {
    const response = problemResponse(problemOf(new Fault(code, "what happened"), { path: "/x", requestId: "r" }));
    expect(response.status).toBe(faults[code].status);
    expect(response.headers.get("content-type")).toBe("application/problem+json");
  });

  test("an unexpected error shows nothing of its text, and is written down", async () => {
    fakes.deps.doctor = () => Promise.reject(new TypeError("canary-value"));
    const response = await createApi(fakes.deps).request("/v1/doctor", { headers: bearer });
    const body = await response.text();
    expect([response.status, body.includes("canary-value")]).toEqual([500, false]);
    expect(body).toContain(`has the cause under ${response.headers.get("x-request-id")}`);
    expect(fakes.deps.failures).toHaveLength(1);
  });

  const fillDatabase = () => {
    const database = new DatabaseSync(":memory:");
    database.exec("PRAGMA max_page_count = 2; CREATE TABLE t (x)");
    database.exec(`INSERT INTO t VALUES ('${"x".repeat(100_000)}')`);
  };
  test.each([
    ["of files", () => writeFileSync("/dev/full", "x")],
    ["of the journal", fillDatabase],
  ])("a full disk %s is called so", async (_of, fill) => {
    fakes.deps.doctor = async () => {
      fill();
      return [];
    };
    const response = await createApi(fakes.deps).request("/v1/doctor", { headers: bearer });
    expect([response.status, await response.json()]).toEqual([
      507,
      expect.objectContaining({ code: "disk.full", detail: "no space is left on the disk" }),
    ]);
  });

  test("unknown paths and wrong methods are problems too", async () => {
    expect(await codeOf(await fakes.api.request("/v1/nothing", { headers: bearer }))).toBe("path.unknown");
    expect(await codeOf(await fakes.api.request("/v1/info", { method: "DELETE", headers: bearer }))).toBe(
      "method.wrong",
    );
    expect(await codeOf(await fakes.api.request(`/v1/sources/${sha256("x")}`, { headers: bearer }))).toBe(
      "method.wrong",
    );
  });

  test("a request id is kept when it is a good one", async () => {
    const ask = async (id: string) =>
      (await fakes.api.request("/healthz", { headers: { "x-request-id": id } })).headers.get("x-request-id");
    expect(await ask("abc-1")).toBe("abc-1");
    expect(await ask("a b<script>")).toMatch(/^req_/);
  });
});

describe("the controller's own answers", () => {
  const get = (path: string) => fakes.api.request(path, { headers: bearer });

  test("doctor, health, readiness and metrics", async () => {
    expect(doctorAnswer.parse(await (await get("/v1/doctor")).json()).checks[0]?.name).toBe("disk");
    expect(await (await get("/readyz")).text()).toBe("ready\n");
    const metrics = await (await get("/metrics")).text();
    expect(metrics).toContain("\nfairlead_environments 0\n");
    expect(metrics).toMatch(/\nfairlead_resident_memory_bytes \d+\n/);
  });

  test("a controller whose edge answers no client is not ready, and says since when", async () => {
    const answer = () => ({
      answers: false,
      since: Date.UTC(2026, 0, 2),
      detail: "the edge at 0.0.0.0:80 does not answer",
    });
    const api = createApi({ ...fakes.deps, edge: { ...fakes.deps.edge, answer } });
    const response = await api.request("/readyz", { headers: bearer });
    expect(response.status).toBe(503);
    expect(problem.parse(await response.json())).toMatchObject({
      code: "edge.unreachable",
      detail: "the edge at 0.0.0.0:80 does not answer since 2026-01-02T00:00:00.000Z",
    });
  });

  test("a controller whose journal does not answer says so soon", async () => {
    const events = { ...fakes.deps.journal.events, lastId: () => new Promise<number>(() => undefined) };
    const api = createApi({ ...fakes.deps, journal: { ...fakes.deps.journal, events } });
    const response = await api.request("/readyz", { headers: bearer });
    expect([response.status, problem.parse(await response.json()).detail]).toEqual([
      504,
      "the journal did not answer within 200 ms",
    ]);
    expect((await api.request("/healthz", { headers: bearer })).status).toBe(200);
  });

  test("the OpenAPI document has every path, method and component of the contract", async () => {
    const document = (await (await get("/v1/openapi.json")).json()) as {
      openapi: string;
      paths: Record<string, object>;
    };
    expect(document.openapi).toBe("3.1.0");
    for (const { path, method } of Object.values(routes)) expect(document.paths[path]).toHaveProperty(method);
  });

  test("a source is uploaded as a stream", async () => {
    const digest = sha256("x");
    const path = `/v1/sources/${digest}`;
    expect((await fakes.api.request(path, { method: "HEAD", headers: bearer })).status).toBe(404);
    const body = new ReadableStream<Uint8Array>({
      start(out) {
        for (let i = 0; i < 3; i += 1) out.enqueue(new Uint8Array(1024 * 1024));
        out.close();
      },
    });
    const init = { method: "PUT", headers: bearer, body, duplex: "half" } as RequestInit;
    expect((await fakes.api.request(path, init)).status).toBe(204);
    expect(fakes.deps.builder.admitted.get(digest)).toBe(3 * 1024 * 1024);
    expect((await fakes.api.request(path, { method: "HEAD", headers: bearer })).status).toBe(204);
  });
});

describe("hostile requests", () => {
  const post = (path: string, body: BodyInit, { type = "application/json", method = "POST" } = {}) =>
    fakes.api.request(path, { method, headers: { "content-type": type }, body }, { via: "socket" });
  const base = "/v1/apps/shop/environments/production";

  test("a body above 1 MiB is too large, one that is not JSON invalid, and neither is repeated", async () => {
    const large = await post(`${base}/plan`, JSON.stringify({ source: "x".repeat(1024 * 1024) }));
    expect([large.status, await codeOf(large)]).toEqual([413, "request.too-large"]);
    const broken = await (await post(`${base}/plan`, '{"canary-value')).text();
    expect(broken).not.toContain("canary-value");
    expect(await codeOf(await post(`${base}/plan`, "{}", { type: "text/plain" }))).toBe("request.invalid");
  });

  test("unknown members and all wrong places are named at once", async () => {
    const answer = await post(`${base}/deployments`, JSON.stringify({ kind: "deploy", source: 1, extra: true }));
    expect(problem.parse(await answer.json()).errors.length).toBe(2);
  });

  test("whatever is sent, the answer is never a 5xx and always JSON of the contract", async () => {
    const targets = Object.values(routes).filter((route) => "body" in route);
    const property = fc.asyncProperty(
      fc.nat(targets.length - 1),
      fc.jsonValue(),
      fc.string(),
      async (index, value, query) => {
        const route = targets[index];
        if (!route) return;
        const params = { app: "shop", environment: "production", id: "dep_1" };
        const path = `${fillPath(route.path, params)}?${encodeURIComponent(query)}`;
        const response = await post(path, JSON.stringify(value), { method: route.method.toUpperCase() });
        expect(response.status).toBeLessThan(500);
        if (response.status >= 400) problem.parse(await response.json());
      },
    );
    await fc.assert(property, { numRuns: 300 });
  });

  test("whatever the path and query are, the answer is never a 5xx", async () => {
    const targets = Object.values(routes).filter((route) => route.method === "get" && !("media" in route));
    const property = fc.asyncProperty(
      fc.nat(targets.length - 1),
      fc.string(),
      fc.string(),
      async (index, word, query) => {
        const route = targets[index];
        if (!route) return;
        const params = Object.fromEntries(paramsOf(route.path).map((member) => [member, word]));
        const response = await fakes.api.request(
          `${fillPath(route.path, params)}?${query.replace(/[#\s]/g, "")}`,
          {},
          { via: "socket" },
        );
        expect(response.status).toBeLessThan(500);
      },
    );
    await fc.assert(property, { numRuns: 300 });
  });

  test.each(["__proto__", "constructor", "toString"])("a variable called %s does no harm", async (name) => {
    const answer = await post(`${base}/variables`, `{"set":{"${name}":"x","OK":"y"}}`, { method: "PATCH" });
    expect(answer.status).toBeLessThan(500);
    expect(Object.hasOwn(Object.prototype, "OK")).toBe(false);
  });
});
