import { chownSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { ownersOfProcesses } from "./proc.ts";
import { oneUser, userForEach, usersGiven } from "./tenants.ts";
import { ownersOfVolumes } from "./volumes.ts";

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "fairlead-users-"));
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

const range = { from: 71_000, to: 71_003 };
const key = (environment: string, app = "shop") => ({ app, environment });
const uid = async (user: Promise<{ uid: number } | null>) => (await user)?.uid;

test("every environment has a user of its own, also those asked for at once, and keeps it through a restart", async () => {
  const userOf = userForEach(directory, range);
  const keys = [key("production"), key("staging"), key("production", "blog"), key("staging", "blog")];
  const uids = await Promise.all([...keys, ...keys].map((each) => uid(userOf(each))));
  expect(new Set(uids).size).toBe(4);
  expect(uids.slice(4)).toEqual(uids.slice(0, 4));
  expect(Math.min(...uids.map(Number))).toBe(range.from);
  const next = userForEach(directory, range);
  expect(await Promise.all(keys.map((each) => uid(next(each))))).toEqual(uids.slice(0, 4));
  await expect(next(key("pr-1"))).rejects.toMatchObject({ code: "runtime.user" });
  expect(range.from).toBeLessThanOrEqual(
    (await uid(userForEach(directory, { from: 71_000, to: 71_004 })(key("pr-1")))) ?? 0,
  );
});

test("what a process of this machine runs as is not given to an environment", async () => {
  const own = process.getuid?.() ?? 0;
  const running = ownersOfProcesses();
  expect(running).toContain(own);
  // Of these only the last is nobody's.
  let free = own;
  while (running.has(free)) free += 1;
  expect(await uid(userForEach(directory, { from: own, to: free })(key("production")))).toBe(free);
});

test("a table that cannot be read is said, and nothing is given", async () => {
  await userForEach(directory, range)(key("production"));
  const file = join(directory, ".users.json");
  for (const text of ["{", "{}", readFileSync(file, "utf8").replace("71", "x")]) {
    writeFileSync(file, text);
    await expect(userForEach(directory, range)(key("staging"))).rejects.toMatchObject({ code: "journal.damaged" });
  }
});

test("an environment whose table of users is lost keeps the owner of its volumes, and nobody else gets it", async ({
  skip,
}) => {
  if (process.getuid?.() !== 0) skip("only root gives files to others");
  const owner = await uid(userForEach(directory, range)(key("production")));
  const volumes = join(directory, "volumes");
  for (const [path, uid] of [
    ["shop/production/files", Number(owner)],
    ["shop/staging/files", 0],
  ] as const) {
    mkdirSync(join(volumes, path, "data"), { recursive: true });
    writeFileSync(join(volumes, path, "volume.json"), "{}");
    chownSync(join(volumes, path, "data"), uid, uid);
  }
  rmSync(join(directory, ".users.json"));
  const userOf = userForEach(directory, range, { owners: () => ownersOfVolumes(volumes) });
  const given = await Promise.all(["pr-1", "staging", "pr-2"].map((name) => uid(userOf(key(name)))));
  expect(new Set(given).size).toBe(3);
  for (const other of given) expect([0, owner]).not.toContain(other);
  expect(await uid(userOf(key("production")))).toBe(owner);
});

test("where all are one user, it is that", async () => {
  expect(await oneUser({ uid: 5, gid: 6 })(key("staging"))).toEqual({ uid: 5, gid: 6 });
  expect(await oneUser(null)(key("staging"))).toBeNull();
});

test("what another controller of this machine gave to an environment is not given again", async () => {
  const [mine, other] = [join(directory, "mine"), join(directory, "other")];
  for (const each of [mine, other]) mkdirSync(each);
  const theirs = userForEach(other, range);
  await Promise.all(["production", "staging", "pr-1"].map((name) => theirs(key(name))));
  const ours = userForEach(mine, range, { others: async () => usersGiven(other) });
  expect(usersGiven(other)).not.toContain(await uid(ours(key("production"))));
  await expect(ours(key("staging"))).rejects.toMatchObject({ code: "runtime.user" });
});
