import { once } from "node:events";
import { type AddressInfo, createServer } from "node:net";
import { afterEach, describe, expect, test } from "vitest";
import { runChild } from "./child.ts";
import { Firewall, type Guarded, iptablesRules, nftRules } from "./firewall.ts";

const apps = { from: 71_100, to: 71_199 };

test("each port is refused to all apps but its own; other ports, perhaps another controller's, are left alone", () => {
  const guarded: Guarded = { apps, doors: [{ uid: 71_101, port: 20_003 }] };
  expect(nftRules("fl", guarded)).toContain(
    "chain guard {\n    tcp dport 20003 meta skuid 71100-71199 meta skuid != 71101 reject with tcp reset\n  }",
  );
  expect(iptablesRules("fl", guarded).split("\n").slice(2, 4)).toEqual([
    "-A fl -p tcp -m tcp --dport 20003 -m owner --uid-owner 71101 -j RETURN",
    "-A fl -p tcp -m tcp --dport 20003 -m owner --uid-owner 71100-71199 -j REJECT --reject-with tcp-reset",
  ]);
});

/** What a user gets of a port: `open`, or why not. */
async function dial(uid: number, host: string, port: number): Promise<string> {
  const script = `require("net").connect(${port}, "${host}").on("connect", () => { console.log("open"); process.exit(); }).on("error", (e) => console.log(e.code))`;
  const { stdout } = await runChild([process.execPath, "-e", script], { env: {}, uid, gid: uid });
  return stdout.trim();
}

describe.runIf(process.getuid?.() === 0).each(["nft", "iptables"] as const)("%s", (way) => {
  const name = `fltest_${process.pid}_${way}`;
  let port = 0;
  const guarded = (doors: Guarded["doors"]): Guarded => ({ apps, doors });

  afterEach(async () => {
    expect(await new Firewall(name, [way]).apply(guarded([]))).toBeNull();
  });

  test("a port is open to its own user, to root and to others than apps, over both families, and to no other app", async () => {
    await using server = createServer().listen({ host: "::", port: 0 });
    await once(server, "listening");
    port = (server.address() as AddressInfo).port;
    const firewall = new Firewall(name, [way]);
    expect(await firewall.check(guarded([{ uid: 71_101, port }]))).toBeNull();
    expect(await dial(71_102, "127.0.0.1", port)).toBe("open");
    for (const doors of [[{ uid: 71_102, port }], [{ uid: 71_101, port }]]) {
      expect(await firewall.apply(guarded(doors))).toBeNull();
    }
    // A second controller after a crash finds them there.
    expect(await new Firewall(name, [way]).apply(guarded([{ uid: 71_101, port }]))).toBeNull();
    for (const host of ["127.0.0.1", "::1"]) {
      expect(await Promise.all([0, 71_101, 71_200].map((uid) => dial(uid, host, port)))).toEqual([
        "open",
        "open",
        "open",
      ]);
      expect(await dial(71_102, host, port)).toBe("ECONNREFUSED");
    }
    expect(await firewall.apply(guarded([]))).toBeNull();
    expect(await dial(71_102, "::1", port)).toBe("open");
  });

  test("two controllers with the same range of users leave each other's apps their ports", async () => {
    await using server = createServer().listen({ host: "127.0.0.1", port: 0 });
    await once(server, "listening");
    port = (server.address() as AddressInfo).port;
    const other = new Firewall(`${name}_b`, [way]);
    expect(await new Firewall(name, [way]).apply(guarded([{ uid: 71_101, port: 1 }]))).toBeNull();
    expect(await other.apply(guarded([{ uid: 71_102, port }]))).toBeNull();
    expect(await dial(71_102, "127.0.0.1", port)).toBe("open");
    expect(await dial(71_101, "127.0.0.1", port)).toBe("ECONNREFUSED");
    expect(await other.apply(guarded([]))).toBeNull();
  });
});

test("where no program for it works, the answer says why", async () => {
  const guarded = { apps: { from: 9, to: 1 }, doors: [{ uid: 1, port: 1 }] };
  const firewall = new Firewall("bad name");
  expect(await firewall.apply(guarded)).toMatch(/nft: .*; iptables-restore: /);
  expect(await firewall.check(guarded)).toMatch(/nft: .*; iptables-restore: /);
});
