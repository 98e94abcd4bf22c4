import { describe, expect, test } from "vitest";
import { runChild } from "../host/child.ts";
import { completionScript } from "./completion.ts";
import { runLine } from "./test-run.ts";

/** What bash would offer for a command line whose last word is being typed. */
async function offered(...words: readonly string[]): Promise<string[]> {
  // A program in the place of fairlead, which answers with what it was asked.
  const script = await completionScript("bash");
  const line = words.map((word) => `'${word}'`).join(" ");
  const ask = `${script}\nfairlead() { echo "name-of-$3 asked-with-$*" | tr " " "_" | sed "s/_asked/ asked/"; }\nCOMP_WORDS=(${line})\nCOMP_CWORD=${words.length - 1}\n_fairlead\nprintf '%s\\n' "\${COMPREPLY[@]}"`;
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

  test("in bash offers names of the controller where one belongs", async () => {
    const named = (kind: string, scope = "") => [`name-of-${kind}`, `asked-with-completion_--names_${kind}${scope}`];
    expect(await offered("fairlead", "logs", "-e", "")).toEqual(named("environments"));
    expect(await offered("fairlead", "logs", "-e", "staging", "")).toEqual(
      expect.arrayContaining(named("services", "_-e_staging")),
    );
    expect(await offered("fairlead", "rollback", "name")).toEqual(["name-of-releases"]);
    expect(await offered("fairlead", "releases", "show", "name")).toEqual(["name-of-releases"]);
    expect(await offered("fairlead", "deployments", "show", "-a", "shop", "name")).toEqual(["name-of-deployments"]);
    expect(await offered("fairlead", "deploy", "name")).toEqual([""]);
  });

  test("is there for zsh and fish, and no other shell", async () => {
    expect((await runLine(["completion", "zsh"])).stdout).toMatch(/^#compdef fairlead\n/);
    expect((await runLine(["completion", "fish"])).stdout).toContain("-a 'list show diff'");
    expect((await runLine(["completion", "csh"])).code).toBe(2);
  });
});
