import { describe, expect, test } from "vitest";
import { runChild } from "../host/child.ts";
import { commandHelp, nounHelp, overviewHelp } from "./help.ts";
import { paintFor } from "./paint.ts";
import { parseArguments } from "./parse.ts";
import { commands } from "./table.ts";
import { runLine } from "./test-run.ts";
import { readWords } from "./words.ts";

const plain = paintFor(false);

describe("help", () => {
  test("of everything", () => {
    expect(overviewHelp(plain)).toMatchSnapshot();
    expect(nounHelp("releases", plain)).toMatchSnapshot();
  });

  test.each(commands)("of $name", async (entry) => {
    const { default: command } = await entry.load();
    expect(commandHelp(entry, command, plain)).toMatchSnapshot();
    expect(command.examples.length).toBeGreaterThanOrEqual(2);
    expect(
      commandHelp(entry, command, plain)
        .split("\n")
        .filter((line) => line.length > 120),
    ).toEqual([]);
  });

  test("goes to stdout, with exit 0, however it is asked for", async () => {
    const asked = await Promise.all(
      [
        ["deploy", "--help"],
        ["help", "deploy"],
        ["-e", "staging", "deploy", "-h"],
      ].map((argv) => runLine(argv)),
    );
    for (const { code, stdout, stderr } of asked) {
      expect([code, stderr]).toEqual([0, ""]);
      expect(stdout).toContain("fairlead deploy [DIR] [flags]");
    }
    expect((await runLine([])).stdout).toBe((await runLine(["--help"])).stdout);
    expect((await runLine(["help", "env"])).stdout).toContain("env unset");
    expect((await runLine(["vault"])).stdout).toContain("vault recovery");
    expect((await runLine(["-V"])).stdout).toBe("0.1.0\n");
  });

  test("of everything loads no command and no library", async () => {
    const watch = `
      import { registerHooks } from "node:module";
      registerHooks({ load(url, context, next) {
        if (/node_modules|commands\\/|contract\\/|client\\//.test(url)) process.stderr.write("loaded " + url + "\\n");
        return next(url, context);
      } });
      process.argv.push("--help");
      await import(${JSON.stringify(new URL("../main/cli.ts", import.meta.url).href)});`;
    const ran = await runChild([process.execPath, "--input-type=module", "-e", watch], { env: {} });
    expect(ran.stderr).toBe("");
    expect(ran.stdout).toContain("Fairlead deploys code to production");
  });
});

describe("a command line", () => {
  test.each([
    [["lgos"], "Did you mean `fairlead logs`?"],
    [["releases", "shwo"], "Did you mean `fairlead releases show`?"],
    [["zzzzzz"], "`fairlead help` lists the commands."],
    [["dep"], "`fairlead help` lists the commands."],
  ])("%o that is unknown is never guessed", async (argv, hint) => {
    const { code, stdout, stderr } = await runLine(argv);
    expect([code, stdout]).toEqual([2, ""]);
    expect(stderr).toContain("error: there is no command");
    expect(stderr).toContain(`hint: ${hint}`);
  });

  test.each([
    [["logs", "--folow"], "--follow"],
    [["logs", "-n", "many"], "--tail must be a whole number from 1 to 10000"],
    [["deploy", "--timeout", "soon"], "--timeout must be a duration like 30s or 2m"],
    [["releases", "show"], 'missing required argument "release"'],
    [["status", "surplus"], "too many arguments"],
    [["--nonsense"], "--nonsense"],
    [
      ["status", "-e", "Not Valid"],
      '--env must be a name: small letters, digits and dashes, at most 40, like staging, not "Not Valid"',
    ],
    [["status", "-a", ""], "--app must be a name"],
    [["-e", "staging"], "which command? -e alone does nothing"],
    [["scale", "web=2", "web=3", "-a", "shop"], "web is given twice"],
    [["controller", "--runtime", "cloud"], "--runtime must be one of auto, process"],
  ])("%o that is wrong says what is wrong", async (argv, words) => {
    const text = await runLine(argv);
    expect([text.code, text.stdout]).toEqual([2, ""]);
    expect(text.stderr).toContain(words);
    const json = await runLine([...argv, "--json"]);
    expect(json.code).toBe(2);
    expect(JSON.parse(json.stdout)).toMatchObject({ error: { code: "usage.invalid", exit: 2 } });
    expect(json.stderr).toBe("");
  });

  test("leaves the verb out where only flags follow the noun", () => {
    const names = [
      ["releases", "-n", "5"],
      ["releases", "-e", "show"],
      ["-a", "x", "releases", "--json", "show", "v1"],
    ].map((argv) => {
      const asked = readWords(argv);
      return "entry" in asked ? [asked.entry.name, ...asked.rest] : asked.kind;
    });
    expect(names).toEqual([
      ["releases list", "-n", "5"],
      ["releases list", "-e", "show"],
      ["releases show", "-a", "x", "--json", "v1"],
    ]);
  });

  test("global flags may stand before or after the command", async () => {
    const deploy = commands.find(({ name }) => name === "deploy");
    const { default: command } = (await deploy?.load()) ?? expect.fail("no deploy");
    const parsed = parseArguments("deploy", command, ["-e", "staging", "shop", "--no-color", "--timeout", "1m30s"]);
    expect(parsed).toMatchObject({
      args: { dir: "shop" },
      flags: { detach: false, message: undefined },
      globals: { environment: "staging", noColor: true, noInput: false, timeout: 90_000, json: false },
    });
  });
});
