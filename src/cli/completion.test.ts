import { describe, expect, test } from "vitest";
import { runChild } from "../host/child.ts";
import { completionScript } from "./completion.ts";
import { runLine } from "./test-run.ts";

/** What bash would offer for a command line whose last word is being typed. */
async function offered(...words: readonly string[]): Promise<string[]> {
  const script = await completionScript("bash");
  const line = words.map((word) => `'${word}'`).join(" ");
  const ask = `${script}\nCOMP_WORDS=(${line})\nCOMP_CWORD=${words.length - 1}\n_fairlead\nprintf '%s\\n' "\${COMPREPLY[@]}"`;
  const { stdout, stderr } = await runChild(["bash", "-c", ask], { env: { PATH: "/usr/bin:/bin" } });
  expect(stderr).toBe("");
  return stdout.trimEnd().split("\n");
}

describe("completion", () => {
  test("in bash offers commands, verbs and flags", async () => {
    expect(await offered("fairlead", "de")).toEqual(["deploy", "destroy", "deployments"]);
    expect(await offered("fairlead", "releases", "")).toEqual(["list", "show", "diff"]);
    expect(await offered("fairlead", "logs", "--f")).toEqual(["--follow"]);
    expect(await offered("fairlead", "releases", "list", "--l")).toEqual(["--limit"]);
    expect(await offered("fairlead", "help", "ro")).toEqual(["rollback"]);
  });

  test("is there for zsh and fish, and no other shell", async () => {
    expect((await runLine(["completion", "zsh"])).stdout).toMatch(/^#compdef fairlead\n/);
    expect((await runLine(["completion", "fish"])).stdout).toContain("-a 'list show diff'");
    expect((await runLine(["completion", "csh"])).code).toBe(2);
  });
});
