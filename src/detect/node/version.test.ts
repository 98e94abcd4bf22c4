import { expect, test } from "vitest";
import { Tree } from "../tree.ts";
import { readPackage } from "./package.ts";
import { chooseNode } from "./version.ts";

function chosen(files: Readonly<Record<string, string>>): { tag: string; warnings: readonly string[] } {
  const all: Readonly<Record<string, string>> = { "package.json": "{}", ...files };
  const tree = new Tree({ paths: Object.keys(all), read: (path) => all[path] ?? null });
  const root = readPackage(tree, "");
  return chooseNode(tree, root ? [root] : []);
}

test.for([
  [".nvmrc", "lts/iron", "20"],
  [".nvmrc", "lts/hydrogen\n", "18"],
  [".nvmrc", "Jod", "22"],
  [".nvmrc", "lts/*", "24"],
  [".nvmrc", "lts/-1", "22"],
  [".nvmrc", "v22.11.0 # pinned", "22.11.0"],
  [".nvmrc", "node", "24"],
  [".nvmrc", "20.11", "20"],
  [".node-version", "22", "22"],
  [".tool-versions", "ruby 3.3.0\nnodejs 20.9.0 system # c\n", "20.9.0"],
  [".tool-versions", "nodejs lts-gallium", "16"],
  ["mise.toml", '[tools]\nnode = ["22", "20"]', "22"],
  ["mise.toml", '[tools]\nnode = { version = "prefix:20" }', "20"],
  ["package.json", '{"volta":{"node":"22.4.1"},"engines":{"node":">=18"}}', "22.4.1"],
  ["package.json", '{"engines":{"node":"^20.19.0 || >=22.12.0"}}', "24"],
  ["package.json", '{"engines":{"node":"18 - 20"}}', "20"],
  ["package.json", '{"engines":{"node":">=18.0.0 <23"}}', "22"],
  ["package.json", '{"engines":{"node":"~22.1"}}', "22"],
  ["package.json", '{"engines":{"node":"22.x || 20.x"}}', "22"],
  ["package.json", '{"engines":{"node":"<=16"}}', "16"],
  ["package.json", '{"devEngines":{"runtime":{"name":"node","version":"22"}}}', "22"],
] as const)("%s with %s is Node %s", ([file, text, tag]) => {
  expect(chosen({ [file]: text }).tag).toBe(tag);
});

test("what is not met is said, with its place", () => {
  expect(chosen({ ".nvmrc": "lts/nothing" })).toMatchObject({
    tag: "24",
    warnings: [".nvmrc asks for an unknown version of Node (lts/nothing), so it is ignored"],
  });
  expect(chosen({ ".nvmrc": "lts/iron", "package.json": '{"engines":{"node":">=22"}}' })).toMatchObject({
    tag: "20",
    warnings: [
      "engines.node of package.json (>=22) excludes Node 20, which .nvmrc asks for, so it is ignored",
      "Node 20, requested by .nvmrc, no longer gets security fixes",
    ],
  });
});
