import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, unlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, onTestFinished, test } from "vitest";
import { chooseUsers } from "./user.ts";

const appUids = { from: 71_200, to: 71_209 };
const own = { edge: { uid: 71_200, gid: 71_200 }, store: { uid: 71_201, gid: 71_201 } };
let stateDirectory: string;

beforeEach(() => {
  stateDirectory = mkdtempSync(join(tmpdir(), "fairlead-user-"));
  chmodSync(stateDirectory, 0o711);
});
afterEach(() => rmSync(stateDirectory, { recursive: true, force: true }));

const chosen = (runAs: string | null, range = appUids) => chooseUsers({ runAs, appUids: range, stateDirectory });

describe.runIf(process.getuid?.() === 0)("a controller of root", () => {
  test("has users for itself and for each environment, and nothing to warn of", () => {
    expect(chosen(null)).toEqual({ ...own, apps: { from: 71_202, to: 71_209 }, closed: null, warning: null });
  });

  test("that is told one user for all says what that means", () => {
    const { uid, gid } = { uid: 65_534, gid: 65_534 };
    const { warning, ...users } = chosen("nobody");
    expect(users).toEqual({ ...own, apps: { uid, gid }, closed: null });
    expect(warning).toContain("all apps run as nobody");
    expect(chosen("root")).toMatchObject({ ...own, apps: null, warning: expect.stringContaining("as root") });
  });

  test("whose state directory others cannot reach, also by a link, gives apps the same users and says what is closed", () => {
    const link = `${stateDirectory}-link`;
    const below = join(stateDirectory, "state");
    mkdirSync(below);
    chmodSync(stateDirectory, 0o700);
    symlinkSync(below, link);
    onTestFinished(() => unlinkSync(link));
    for (const at of [stateDirectory, below, link]) {
      expect(chooseUsers({ runAs: null, appUids, stateDirectory: at })).toMatchObject({
        ...{ ...own, apps: { from: 71_202, to: 71_209 } },
        ...{ closed: stateDirectory, warning: null },
      });
    }
    expect(chosen("nobody")).toMatchObject({ apps: { uid: 65_534 }, closed: stateDirectory });
    expect(chosen("root")).toMatchObject({ apps: null, closed: null });
  });

  test("does not start with a range that is somebody else's, unless one user for all is there instead", () => {
    const range = { from: 1_000, to: 70_000 };
    expect(() => chosen(null, range)).toThrow(expect.objectContaining({ code: "runtime.user" }));
    expect(chosen("nobody", range)).toMatchObject({ edge: { uid: 65_534 }, store: null, apps: { uid: 65_534 } });
    expect(() => chosen("no-such-user")).toThrow(expect.objectContaining({ code: "runtime.user" }));
  });
});
