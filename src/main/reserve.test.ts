import { closeSync, existsSync, mkdtempSync, openSync, rmSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { openJournal } from "../adapters/journal/sqlite/open.ts";
import { Fault, isErrno } from "../base/faults.ts";
import { runChild } from "../host/child.ts";
import { anEvent } from "../testing/conformance/journal/samples.ts";
import { systemClock } from "./clock.ts";
import { DiskReserve } from "./reserve.ts";

let directory: string;
let isMounted: boolean;
const told: string[] = [];
const at = (name: string) => join(directory, name);

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), "fl-full-"));
  told.splice(0);
  const mount = ["mount", "-t", "tmpfs", "-o", "size=24m", "tmpfs", directory] as const;
  isMounted = process.getuid?.() === 0 && (await runChild(mount, { env: { PATH: process.env.PATH ?? "" } })).code === 0;
});

afterEach(async () => {
  if (isMounted) await runChild(["umount", "-l", directory], { env: { PATH: process.env.PATH ?? "" } });
  rmSync(directory, { recursive: true });
});

function fillDisk(): void {
  const filler = openSync(at("filler"), "a");
  const isFull = (bytes: number): boolean => {
    try {
      return writeSync(filler, Buffer.alloc(bytes, 1)) === 0;
    } catch (thrown) {
      if (isErrno(thrown, "ENOSPC")) return true;
      throw thrown;
    }
  };
  for (const bytes of [65_536, 512, 1]) while (!isFull(bytes));
  closeSync(filler);
}

test("on a full disk the journal can still be written, and the reserve is taken again when there is room", async ({
  skip,
}) => {
  if (!isMounted) skip("only root can mount a small disk");
  const reserve = new DiskReserve(at("reserve"), (words) => told.push(words));
  const open = await openJournal(at("journal.db"), systemClock);
  const journal = reserve.for(open);
  reserve.take();
  fillDisk();
  const write = () => journal.commit(Array.from({ length: 40 }, (_, n) => anEvent(n, { detail: "x".repeat(200) })));
  for (let n = 0; n < 20; n += 1) await write();
  expect(told).toEqual([expect.stringContaining("reserve is released")]);
  expect(await journal.events.lastId()).toBe(800);
  reserve.take();
  expect(existsSync(at("reserve"))).toBe(false); // there is no room yet
  fillDisk();
  const writeUntilFull = async () => {
    for (let n = 0; n < 2_000; n += 1) await write();
  };
  await expect(writeUntilFull()).rejects.toThrow("full");
  rmSync(at("filler"));
  await write();
  reserve.take();
  reserve.giveWhenFull();
  expect(existsSync(at("reserve"))).toBe(true);
  fillDisk();
  reserve.giveWhenFull();
  expect(existsSync(at("reserve"))).toBe(false);
  await write();
  await open.close();
});

test("what fails for another reason, or without a reserve, is done once; what is no promise passes", async () => {
  const reserve = new DiskReserve(at("reserve"), (words) => told.push(words));
  reserve.take();
  let calls = 0;
  class Port {
    readonly #code: "disk.full" | "usage.invalid";
    constructor(code: "disk.full" | "usage.invalid") {
      this.#code = code;
    }
    async work(): Promise<void> {
      calls += 1;
      throw new Fault(this.#code, "no");
    }
    now(): number {
      return 7;
    }
  }
  const other = reserve.for(new Port("usage.invalid"));
  await expect(other.work()).rejects.toMatchObject({ code: "usage.invalid" });
  expect([calls, other.now(), existsSync(at("reserve"))]).toEqual([1, 7, true]);
  const full = reserve.for(new Port("disk.full"));
  for (const expected of [3, 4]) {
    await expect(full.work()).rejects.toMatchObject({ code: "disk.full" });
    expect(calls).toBe(expected);
  }
});
