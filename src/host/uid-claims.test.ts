import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { runChild } from "./child.ts";
import { claimUids } from "./uid-claims.ts";

const rootEnv = { PATH: "/usr/sbin:/usr/bin:/sbin:/bin" };
let place: string;
beforeEach(() => {
  place = mkdtempSync(join(tmpdir(), "fairlead-claims-"));
});
afterEach(() => rmSync(place, { recursive: true, force: true }));

async function claimOf(name: string, from: number, to: number) {
  const directory = join(place, name);
  await mkdir(directory, { recursive: true });
  return { directory, from, to };
}

test("a controller hears of the others whose ranges overlap its own, as long as they are there", async () => {
  const claims = join(place, "claims");
  const [a, b] = [await claimOf("a", 70_000, 79_999), await claimOf("b", 79_999, 80_010)];
  const apart = await claimOf("c", 80_011, 90_000);
  expect(await claimUids(claims, a)).toEqual([]);
  expect(await claimUids(claims, b)).toEqual([a]);
  expect(await claimUids(claims, apart)).toEqual([]);
  expect(await claimUids(claims, a)).toEqual([b]);
  writeFileSync(join(claims, "torn.json"), "");
  rmSync(b.directory, { recursive: true });
  expect(await claimUids(claims, a)).toEqual([]);
  expect(readdirSync(claims)).toHaveLength(2);
});

test.runIf(process.getuid?.() === 0)(
  "where nothing can be written a controller starts all the same, and hears of others",
  async () => {
    const claims = join(place, "claims");
    const [a, b] = [await claimOf("a", 70_000, 79_999), await claimOf("b", 70_000, 79_999)];
    await claimUids(claims, a);
    const full = join(place, "full");
    mkdirSync(full);
    await runChild(["mount", "-t", "tmpfs", "-o", "size=4k,nr_inodes=2", "tmpfs", full], { env: rootEnv });
    try {
      expect(await claimUids(join(full, "claims"), b)).toEqual([]);
    } finally {
      await runChild(["umount", full], { env: rootEnv });
    }
    expect(await claimUids(claims, b)).toEqual([a]);
  },
);
