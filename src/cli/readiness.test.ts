import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { runChild } from "../host/child.ts";
import { isExhaustive } from "../testing/exhaustive.ts";
import { findingsOf, writtenSource } from "./readiness.ts";

let root: string;

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "fairlead-readiness-"));
});

afterEach(() => rmSync(root, { recursive: true, force: true }));

const text = "version: 1\napp: shop\nservices: { web: { run: ./start } }\n";
const source = () => writtenSource({ directory: root, file: join(root, "fairlead.yml") });
const errors = () =>
  findingsOf({ text, file: "fairlead.yml", environment: "production", source: source() })
    .filter(({ severity }) => severity === "error")
    .map(({ rule, file, line }) => `${rule} ${file}:${line}`);

test("what no rule has searched is named with its reason", () => {
  const files = {
    "a.js": "let a;",
    "package-lock.json": "{}",
    "b.bin": "\0",
    "c.csv": "1,".repeat(200_000),
    ".env": "A=1",
  };
  for (const [name, content] of Object.entries(files)) writeFileSync(join(root, name), content);
  const { notes, files: searched } = source();
  expect(searched).toEqual([{ path: "a.js", text: "let a;", isExecutable: false }]);
  expect(notes).toEqual([
    "left out, never part of a source: .env",
    "not searched, generated: package-lock.json",
    "not searched, larger than 256 KB: c.csv",
    "not searched, not text: b.bin",
  ]);
});

test("only what an ignore file names is to be taken out of it", () => {
  const files = {
    "a.js": 'read("./data.csv");',
    Dockerfile: "FROM node:24\nCOPY node_modules /app\n",
    ".gitignore": "data.csv\n",
    "data.csv": "1",
    ".env.production": "TOKEN=1",
  };
  mkdirSync(join(root, "node_modules"));
  for (const [name, content] of Object.entries(files)) writeFileSync(join(root, name), content);
  const found = findingsOf({ text, file: "fairlead.yml", environment: "production", source: source() });
  expect(found.filter(({ rule }) => rule === "left-out-file").map(({ fix }) => fix)).toEqual([
    "install packages in the build",
    "take it out of .gitignore",
    expect.stringContaining("`fairlead env import FILE`"),
  ]);
});

/** Sources of well-known packages, tests and documentation among them: none of them has a secret of somebody's. */
const fromNpm =
  "express@5.3.0 next@16.4.6 axios@1.21.1 stripe@23.1.0 firebase@13.2.0 passport@0.7.0 sequelize@6.37.8 mongoose@9.12.1 discord.js@14.28.1 @sentry/node@11.12.0 @supabase/supabase-js@2.109.0 openai@6.49.0";
const fromPyPi =
  "django==5.2.19 flask==3.1.3 fastapi==0.165.0 requests==2.34.2 celery==5.7.0 boto3==1.44.8 cryptography==50.0.2 pyjwt==2.15.1 redis==8.1.0";
const packages = [...fromNpm.split(" "), ...fromPyPi.split(" ")];

// Nightly, because they come from the registries: 100 MB.
test.each(isExhaustive ? packages : [])("the source of %s has no error", { timeout: 600_000 }, async (name) => {
  const archives = mkdtempSync(join(tmpdir(), "fairlead-archive-"));
  // With the settings of this machine for npm and pip: registry, proxy, certificates.
  const env = Object.fromEntries(
    Object.entries(process.env).filter((one): one is [string, string] => one[1] !== undefined),
  );
  const pypi = ["pip3", "download", "--no-deps", "--no-binary", name.split("==")[0] ?? "", name] as const;
  const { code, stderr } = await runChild(name.includes("==") ? pypi : ["npm", "pack", name], { cwd: archives, env });
  expect(code, stderr).toBe(0);
  const [archive = ""] = readdirSync(archives).filter((one) => /\.t(?:ar\.)?gz$/.test(one));
  mkdirSync(root, { recursive: true });
  await runChild(["tar", "xzf", join(archives, archive), "-C", root, "--strip-components=1"], { env });
  expect(source().files.length).toBeGreaterThan(1);
  expect(errors()).toEqual([]);
  rmSync(archives, { recursive: true });
});
