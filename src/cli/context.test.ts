import { describe, expect, test } from "vitest";
import { executionContext, type Invocation } from "./context.ts";

const all = { stdin: true, stdout: true, stderr: true };
const none = { stdin: false, stdout: false, stderr: false };

function context(line: string, env: Invocation["env"] = {}, tty: Invocation["tty"] = all) {
  const argv = line === "" ? [] : line.split(" ");
  return executionContext({ argv, env: { TERM: "xterm", ...env }, tty, root: false });
}

const rows: [string, Invocation["env"], Invocation["tty"], [boolean, string, boolean, boolean, boolean]][] = [
  // line, environment, terminals → may ask, progress, colour of stdout and stderr, may open a browser
  ["deploy", {}, all, [true, "live", true, true, true]],
  ["deploy", {}, none, [false, "lines", false, false, false]],
  ["deploy", {}, { ...all, stdin: false }, [false, "live", true, true, true]],
  ["deploy", {}, { ...all, stdout: false }, [true, "live", false, true, false]],
  ["deploy", {}, { ...all, stderr: false }, [false, "lines", true, false, false]],
  ["deploy", { CI: "true" }, all, [false, "lines", true, true, false]],
  ["deploy", { CI: "1" }, all, [false, "lines", true, true, false]],
  ["deploy", { CI: "false" }, all, [true, "live", true, true, true]],
  ["deploy", { CI: "" }, all, [true, "live", true, true, true]],
  ["deploy --json", {}, all, [false, "lines", false, true, false]],
  ["deploy --no-input", {}, all, [false, "live", true, true, true]],
  ["deploy -q", {}, all, [true, "none", true, true, true]],
  ["deploy --quiet", {}, none, [false, "none", false, false, false]],
  ["deploy --no-color", {}, all, [true, "live", false, false, true]],
  ["deploy", { NO_COLOR: "1" }, all, [true, "live", false, false, true]],
  ["deploy", { NO_COLOR: "" }, all, [true, "live", true, true, true]],
  ["deploy", { TERM: "dumb" }, all, [true, "lines", false, false, true]],
  ["deploy", { FORCE_COLOR: "1" }, none, [false, "lines", true, true, false]],
  ["deploy", { FORCE_COLOR: "0" }, all, [true, "live", false, false, true]],
  ["deploy", { FORCE_COLOR: "1", NO_COLOR: "1" }, none, [false, "lines", false, false, false]],
  ["deploy --no-color", { FORCE_COLOR: "1" }, all, [true, "live", false, false, true]],
  ["deploy --json", { FORCE_COLOR: "1" }, all, [false, "lines", false, true, false]],
];

describe("how a run behaves", () => {
  test.each(rows)("%s with %o and terminals %o", (line, env, tty, expected) => {
    const { interactive, progress, colour, browser } = context(line, env, tty);
    expect([interactive, progress, colour.stdout, colour.stderr, browser]).toEqual(expected);
  });

  test("arguments behind -- belong to the command that is run", () => {
    expect(context("run -- tool --json -y -q --no-color")).toMatchObject({ json: false, yes: false, progress: "live" });
    expect(context("run --json -- tool")).toMatchObject({ json: true });
  });

  test("the value of a flag is no flag", () => {
    expect(context("deploy -a --json").json).toBe(false);
    expect(context("deploy --config -y").yes).toBe(false);
  });

  test("the environment says where the controller is", () => {
    const { controller } = context("status", {
      FAIRLEAD_URL: "http://a:1",
      FAIRLEAD_STATE: "/s",
      FAIRLEAD_TOKEN: "t",
      HOME: "/home/x",
    });
    expect(controller).toEqual({
      url: "http://a:1",
      state: "/s",
      token: "t",
      fallback: "/home/x/.local/state/fairlead",
    });
    expect(context("status", { XDG_STATE_HOME: "/xdg", FAIRLEAD_URL: "" }).controller).toMatchObject({
      url: null,
      fallback: "/xdg/fairlead",
    });
  });

  test("root's default state lies where the user of its apps can reach it", () => {
    const env = { HOME: "/root", XDG_STATE_HOME: "/root/state" };
    const { controller } = executionContext({ argv: [], env, tty: none, root: true });
    expect(controller.fallback).toBe("/var/lib/fairlead");
  });
});
