import { X509Certificate } from "node:crypto";
import { once } from "node:events";
import { mkdtemp, readdir, readFile, rm, stat } from "node:fs/promises";
import { createServer } from "node:http";
import { Agent, request } from "node:https";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect } from "node:tls";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { acmeAuthority } from "../adapters/authority/acme/authority.ts";
import { localAuthority, rootFile } from "../adapters/authority/local/authority.ts";
import { openCertificateVault } from "../adapters/certificates/directory/vault.ts";
import { domainProber } from "../adapters/domain/network/prober.ts";
import { embeddedTestEdge } from "../adapters/edge/embedded/test-edge.ts";
import { openJournal } from "../adapters/journal/sqlite/open.ts";
import { renewAt } from "../plan/certificates.ts";
import type { CertificateAuthority } from "../ports/certificates.ts";
import type { Edge } from "../ports/edge.ts";
import { oneRoute, sayingApp, seen } from "../testing/conformance/edge-rig.ts";
import { noPebble, type TestAcme, type TestNames, testAcme, testNames } from "../testing/pebble.ts";
import { testAuthority } from "../testing/pki.ts";
import { CertificateKeeper } from "./certificates.ts";

const owner = "shop/production";
const key = { app: "shop", environment: "production" };
const hour = 3_600_000;

interface KeeperOptions {
  readonly acme?: TestAcme | null;
  readonly staging?: TestAcme | null;
  readonly names?: TestNames;
  readonly publicAddresses?: readonly string[];
  /** Where the preflight asks; default: the edge. */
  readonly port?: number;
}

/** A keeper on a real edge, a real vault and a real journal; time can be set. */
async function keeperOn(under: Awaited<ReturnType<typeof embeddedTestEdge>>, options: KeeperOptions = {}) {
  const directory = await mkdtemp(join(tmpdir(), "fl-certs-"));
  const certs = join(directory, "certs");
  let fixed: number | null = null;
  const clock = {
    now: () => fixed ?? Date.now(),
    steady: () => performance.now(),
    after(ms: number, then: () => void) {
      const timer = setTimeout(then, ms).unref();
      return () => clearTimeout(timer);
    },
  };
  const logged: string[] = [];
  const log = (_about: object, message: string) => void logged.push(message);
  const journal = await openJournal(join(directory, "journal.db"), clock);
  const vault = await openCertificateVault({ directory: certs, clock, log: (line) => void logged.push(line) });
  const authority = (acme: TestAcme | null | undefined): CertificateAuthority | null => {
    if (!acme) return null;
    const { directoryUrl, caFile } = acme;
    return acmeAuthority({ directoryUrl, caFile, email: "ops@shop.com", accounts: certs });
  };
  const resolver = options.names?.address ?? null;
  const port = options.port ?? under.edge.address().port;
  const prober = domainProber({ publicAddresses: options.publicAddresses ?? [], resolver, port });
  const local = localAuthority({ directory: certs, clock });
  const authorities = { local, acme: authority(options.acme), staging: authority(options.staging) };
  const deps = { vault, prober, authorities, journal, edge: under.edge, clock, log: { warn: log, error: log } };
  const keeper = new CertificateKeeper(deps);
  const domain = async (host: string) => (await keeper.domains()).find((one) => one.host === host);
  return {
    keeper,
    /** The keeper of the next controller on the same state. */
    again: () => new CertificateKeeper(deps),
    certs,
    logged,
    domain,
    records: () => vault.records(),
    events: async () =>
      (await journal.events.page({ key, after: 0, limit: 100 })).map(({ kind, detail }) => `${kind} ${detail}`),
    stand: (host: string) =>
      seen(
        () => domain(host),
        (one) => one?.state === "served" || one?.state === "failing",
      ),
    setTime: (now: number | null) => {
      fixed = now;
    },
    async [Symbol.asyncDispose]() {
      await keeper.stop();
      await journal.close();
      await rm(directory, { recursive: true, force: true });
    },
  };
}

/** The certificate that a client of this root sees; it rejects when that one does not prove the name. */
async function certificateAt(
  edge: { secureAddress(): { host: string; port: number } | null },
  host: string,
  ca: string,
) {
  const at = edge.secureAddress();
  if (at === null) throw new TypeError("no TLS");
  const socket = connect({ ...at, servername: host, ca });
  await once(socket, "secureConnect");
  const { raw } = socket.getPeerCertificate();
  socket.destroy();
  return new X509Certificate(raw);
}

/** A served route, gone at the end of its test. */
async function routedAt(edge: Edge, route: Parameters<typeof oneRoute>[1]) {
  await edge.apply(oneRoute(owner, route));
  return { [Symbol.asyncDispose]: () => edge.remove(owner) };
}

describe.skipIf(noPebble() !== null)(`with a real authority${noPebble() ? ` (skipped: ${noPebble()})` : ""}`, () => {
  let under: Awaited<ReturnType<typeof embeddedTestEdge>>;
  let names: TestNames;
  let acme: TestAcme;
  beforeAll(async () => {
    under = await embeddedTestEdge();
    names = await testNames();
    acme = await testAcme({ httpPort: under.edge.address().port, names });
  });
  afterAll(async () => {
    await acme[Symbol.asyncDispose]();
    await names[Symbol.asyncDispose]();
    await under[Symbol.asyncDispose]();
  });

  test("hosts of a served route get one certificate by themselves, once, and names nobody signs stay plain", async () => {
    await using app = await sayingApp("shop");
    await using rig = await keeperOn(under, { acme, names });
    await rig.keeper.start();
    const hosts = ["one-shop.com", "www.one-shop.com", "shop.test"];
    await using _route = await routedAt(under.edge, { hosts, upstreams: [app.upstream("a")], https: "both" });
    await rig.keeper.retry("one-shop.com");
    expect(await rig.stand("one-shop.com")).toMatchObject({ state: "served", certificate: { source: "acme" } });
    const seenOne = await certificateAt(under.edge, "one-shop.com", acme.root);
    expect((await certificateAt(under.edge, "www.one-shop.com", acme.root)).serialNumber).toBe(seenOne.serialNumber);
    expect(await rig.domain("shop.test")).toMatchObject({ state: "plain", signer: "none", certificate: null });
    expect([rig.keeper.has("one-shop.com"), rig.keeper.has("shop.test")]).toEqual([true, false]);
    expect(await seen(rig.events, (all) => all.length > 0)).toEqual([
      expect.stringMatching(/^certificate\.issued one-shop\.com, www\.one-shop\.com: by .*serial/),
    ]);
    for (const name of await readdir(rig.certs)) {
      expect((await stat(join(rig.certs, name))).mode & 0o777, name).toBe(0o600);
    }
    expect((await stat(rig.certs)).mode & 0o777).toBe(0o700);
    expect(rig.logged.join()).not.toMatch(/PRIVATE|[A-Za-z0-9+/]{60}/);
  });

  test("a renewal under load loses no request, and new connections see the new serial number", async () => {
    await using app = await sayingApp("shop");
    await using rig = await keeperOn(under, { acme, names });
    await rig.keeper.start();
    await using _route = await routedAt(under.edge, { hosts: ["hot-shop.com"], upstreams: [app.upstream("hot")] });
    await rig.keeper.retry("hot-shop.com");
    const first = (await rig.stand("hot-shop.com"))?.certificate ?? null;
    expect(first?.serial).toBe((await certificateAt(under.edge, "hot-shop.com", acme.root)).serialNumber);
    if (first === null) return;
    const load = keepAliveLoad(under.edge.secureAddress(), "hot-shop.com", acme.root);
    // Certificates begin with a second; the next one must begin with a later one to be due later.
    await seen(
      () => Date.now(),
      (now) => now > first.from + 1_500 && load.answers() > 200,
    );
    rig.setTime(renewAt(first));
    await rig.keeper.retry("hot-shop.com");
    const second = await seen(
      () => certificateAt(under.edge, "hot-shop.com", acme.root),
      ({ serialNumber }) => serialNumber !== first.serial,
    );
    const before = load.answers();
    await seen(load.answers, (answers) => answers > before + 200);
    const { failures, connections } = await load.end();
    expect(failures).toEqual([]);
    expect(connections).toBe(4);
    expect((await rig.events()).at(-1)).toMatch(new RegExp(`^certificate\\.renewed .*${second.serialNumber}`));
  });

  test("an authority that reads something else is named with its words, and asked again after an hour only", async () => {
    await using app = await sayingApp("shop");
    const liar = createServer((_req, res) => res.end("something else")).listen(0, "127.0.0.1");
    await once(liar, "listening");
    await using mistaken = await testAcme({ httpPort: (liar.address() as AddressInfo).port, names });
    await using rig = await keeperOn(under, { acme: mistaken, names });
    await rig.keeper.start();
    await using _route = await routedAt(under.edge, { hosts: ["lie-shop.com"], upstreams: [app.upstream("lie")] });
    const begun = Date.now();
    await rig.keeper.retry("lie-shop.com");
    const failing = await rig.stand("lie-shop.com");
    expect(failing).toMatchObject({ state: "failing", fault: { code: "certificate.refused" } });
    expect(failing?.fault?.detail).toMatch(/lie-shop\.com: .*something else.*\((unauthorized|incorrectResponse)\)/);
    expect(failing?.nextAt).toBeGreaterThan(begun + hour - 1);
    expect(failing?.nextAt).toBeLessThan(Date.now() + hour + 1);
    expect(await seen(rig.events, (events) => events.length > 0)).toEqual([
      expect.stringMatching(/^certificate\.failed lie-shop\.com: certificate\.refused/),
    ]);
    expect(await rig.records()).toMatchObject([{ host: "lie-shop.com", failures: 1 }]);
    liar.close();
  });

  test("of several hosts only the one that the authority refused waits, also for the next controller", async () => {
    await using app = await sayingApp("shop");
    const { port } = under.edge.address();
    const liar = createServer((_req, res) => res.end("something else")).listen(port, "127.0.0.2");
    await once(liar, "listening");
    await using elsewhere = await testNames();
    await elsewhere.set("b-part.com", ["127.0.0.2"]);
    await using mistaken = await testAcme({ httpPort: port, names: elsewhere });
    const hosts = ["a-part.com", "b-part.com", "c-part.com"];
    await using _route = await routedAt(under.edge, { hosts, upstreams: [app.upstream("part")] });
    await using rig = await keeperOn(under, { acme: mistaken, names });
    await rig.keeper.start();
    expect(await rig.stand("a-part.com")).toMatchObject({ certificate: { hosts: ["a-part.com", "c-part.com"] } });
    expect(await rig.stand("b-part.com")).toMatchObject({ state: "failing", fault: { code: "certificate.refused" } });
    await rig.keeper.stop();
    const said = mistaken.said().length;
    const next = rig.again();
    await next.start();
    const again = await seen(
      () => next.domains(),
      (all) => all.some(({ state }) => state === "served"),
    );
    expect(again.map(({ host, state }) => `${host} ${state}`)).toEqual([
      "a-part.com served",
      "b-part.com failing",
      "c-part.com served",
    ]);
    await next.stop();
    expect(mistaken.said().slice(said)).toBe("");
    liar.close();
  });

  test("a name that leads elsewhere and a port that does not answer are found before the authority is asked", async () => {
    await using app = await sayingApp("shop");
    await names.set("far-shop.com", ["203.0.113.9"]);
    const said = acme.said().length;
    await using _route = await routedAt(under.edge, {
      hosts: ["far-shop.com", "near-shop.com"],
      upstreams: [app.upstream("far")],
    });
    {
      await using rig = await keeperOn(under, { acme, names, publicAddresses: ["127.0.0.1"], port: 9 });
      await rig.keeper.start();
      expect((await rig.stand("far-shop.com"))?.fault).toMatchObject({
        code: "domain.elsewhere",
        detail: "far-shop.com is 203.0.113.9, but this machine is 127.0.0.1.",
      });
      expect((await rig.stand("near-shop.com"))?.fault).toMatchObject({
        code: "domain.unreachable",
        detail: "127.0.0.1:9 does not answer for near-shop.com (ECONNREFUSED).",
      });
      expect(acme.said().slice(said)).toBe("");
    }
    await using rig = await keeperOn(under, { acme, names, publicAddresses: ["127.0.0.1"] });
    await rig.keeper.start();
    expect((await rig.stand("far-shop.com"))?.state).toBe("failing");
    expect(await rig.stand("near-shop.com")).toMatchObject({
      state: "served",
      certificate: { hosts: ["near-shop.com"] },
    });
    expect(await rig.keeper.check("near-shop.com")).toMatchObject({ dns: "here", port: "answers", fault: null });
  });

  test("on request the staging authority is asked first, and its certificate never served", async () => {
    await using app = await sayingApp("shop");
    await using staging = await testAcme({ httpPort: under.edge.address().port, names });
    await using rig = await keeperOn(under, { acme, staging, names });
    await rig.keeper.start();
    await using _route = await routedAt(under.edge, { hosts: ["stage-shop.com"], upstreams: [app.upstream("stage")] });
    await rig.keeper.retry("stage-shop.com");
    await rig.stand("stage-shop.com");
    await certificateAt(under.edge, "stage-shop.com", acme.root);
    await expect(certificateAt(under.edge, "stage-shop.com", staging.root)).rejects.toThrow();
    expect(staging.said()).toMatch(/Issued certificate/);
    expect(await rig.records()).toMatchObject([{ host: "stage-shop.com", failures: 0 }]);
    expect((await rig.records())[0]?.rehearsedAt).toBeGreaterThan(0);
  });

  test("an authority that is not there is named, and nothing is served in its place", async () => {
    await using app = await sayingApp("shop");
    const gone: TestAcme = { ...acme, directoryUrl: "https://localhost:9/dir" };
    await using rig = await keeperOn(under, { acme: gone, names });
    await rig.keeper.start();
    await using _route = await routedAt(under.edge, { hosts: ["gone-shop.com"], upstreams: [app.upstream("gone")] });
    await rig.keeper.retry("gone-shop.com");
    expect((await rig.stand("gone-shop.com"))?.fault).toMatchObject({
      code: "authority.unreachable",
      detail: "The authority at https://localhost:9/dir cannot be reached (ECONNREFUSED).",
    });
  });
});

describe("without an authority outside", () => {
  let under: Awaited<ReturnType<typeof embeddedTestEdge>>;
  beforeAll(async () => {
    under = await embeddedTestEdge();
  });
  afterAll(() => under[Symbol.asyncDispose]());

  test("names of this machine are signed by its own authority, whose root a client can trust", async () => {
    await using app = await sayingApp("shop");
    await using rig = await keeperOn(under);
    await rig.keeper.start();
    const hosts = ["web.shop.localhost", "shop.com"];
    await using _route = await routedAt(under.edge, { hosts, upstreams: [app.upstream("local")] });
    await rig.keeper.retry("web.shop.localhost");
    expect(await rig.stand("web.shop.localhost")).toMatchObject({ certificate: { source: "self-signed" } });
    const root = await readFile(rootFile(rig.certs), "utf8");
    expect((await certificateAt(under.edge, "web.shop.localhost", root)).checkHost("web.shop.localhost")).toBeTruthy();
    expect(await rig.domain("shop.com")).toMatchObject({ state: "plain", signer: "none" });
    await rig.keeper.selfSign("shop.com");
    await certificateAt(under.edge, "shop.com", root);
    expect(await rig.domain("shop.com")).toMatchObject({ state: "served", signer: "local" });
  });

  test("an own certificate serves at once, is refused when it does not fit, and is gone when it is removed", async () => {
    await using rig = await keeperOn(under);
    await rig.keeper.start();
    const authority = await testAuthority();
    const good = await authority.certificate(["own-shop.com", "*.own-shop.com"]);
    await rig.keeper.add(good, ["own-shop.com"]);
    const { serialNumber } = await certificateAt(under.edge, "own-shop.com", authority.root);
    expect(await rig.domain("own-shop.com")).toMatchObject({ certificate: { source: "own", serial: serialNumber } });
    expect(await rig.domain("own-shop.com")).toMatchObject({ state: "expiring", renewAt: null });
    await rig.keeper.add(good, ["*.own-shop.com"]);
    await certificateAt(under.edge, "a.own-shop.com", authority.root);
    const other = await authority.certificate(["own-shop.com"]);
    const ended = await authority.certificate(["own-shop.com"], -1_000);
    const refusals = [
      [good, ["other-shop.com"], /names .*not other-shop\.com/],
      [{ ...good, key: other.key }, ["own-shop.com"], /does not match/],
      [ended, ["own-shop.com"], /expired at/],
      [{ ...good, chain: "nothing" }, ["own-shop.com"], /does not consist of PEM certificates/],
    ] as const;
    for (const [pair, hosts, detail] of refusals) {
      const fault = await rig.keeper.add(pair, hosts).catch((thrown: unknown) => thrown);
      expect(fault).toMatchObject({ code: "certificate.invalid", detail: expect.stringMatching(detail) });
    }
    expect((await certificateAt(under.edge, "own-shop.com", authority.root)).serialNumber).toBe(serialNumber);
    await rig.keeper.remove("own-shop.com");
    await expect(certificateAt(under.edge, "own-shop.com", authority.root)).rejects.toThrow();
    await expect(rig.keeper.remove("own-shop.com")).rejects.toMatchObject({ code: "certificate.unknown" });
  });
});

/** Four clients that keep their connection and ask again and again until the load ends. */
function keepAliveLoad(at: { host: string; port: number } | null, host: string, ca: string) {
  let stop = false;
  let answers = 0;
  const failures: string[] = [];
  const sockets = new Set<unknown>();
  const clients = Array.from({ length: 4 }, async () => {
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    while (!stop) {
      const outgoing = request({ ...at, ca, servername: host, path: "/", agent, headers: { host } });
      outgoing.once("socket", (socket) => sockets.add(socket));
      const answered = once(outgoing, "response");
      outgoing.end();
      try {
        const [answer] = await answered;
        for await (const _chunk of answer);
        if (answer.statusCode !== 200) failures.push(String(answer.statusCode));
        answers += 1;
      } catch (error) {
        failures.push(String(error));
      }
    }
    agent.destroy();
  });
  return {
    answers: () => answers,
    async end() {
      stop = true;
      await Promise.all(clients);
      return { failures, connections: sockets.size };
    },
  };
}
