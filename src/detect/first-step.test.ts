import { expect, test } from "vitest";
import { detect } from "./detect.ts";
import { buildSteps } from "./first-step.ts";
import { isRecipe } from "./recipe.ts";

type Files = Readonly<Record<string, string>>;

/** The steps of the command that `init` writes for these files, or of another one. */
function stepsOf(files: Files, command?: readonly string[]) {
  const found = detect({ paths: Object.keys(files), read: (path) => files[path] ?? null }, { base: {} });
  if (!isRecipe(found)) throw new Error(found.lookedFor.join());
  return buildSteps(command ?? found.build ?? [], found);
}

const json = (value: object) => JSON.stringify(value);
const app = (more: object = {}) => ({
  "package.json": json({ scripts: { start: "node server.js" }, dependencies: { express: "5" }, ...more }),
  "package-lock.json": "{}",
  "server.js": "require('express')().listen(process.env.PORT)",
});
const npm = "npm ci --no-audit --no-fund";
const sh = (script: string) => ["sh", "-c", script];

test.each<[string, Files, readonly string[], readonly string[], readonly string[] | null]>([
  [
    "npm",
    { ...app(), ".npmrc": "", ".nvmrc": "22" },
    ["package.json", "package-lock.json", ".npmrc", ".nvmrc"],
    sh(`${npm} --omit=dev`),
    null,
  ],
  [
    "npm with a build and scripts on install",
    app({ scripts: { start: "node server.js", build: "tsc", postinstall: "patch-package", prepare: "husky" } }),
    ["package.json", "package-lock.json"],
    sh(`npm pkg delete scripts.postinstall scripts.prepare && ${npm}`),
    sh("npm run postinstall && npm run build"),
  ],
  [
    "Yarn 4, whose variables both steps have",
    {
      ...app({ packageManager: "yarn@4.6.0", scripts: { start: "node server.js", build: "tsc" } }),
      "yarn.lock": "__metadata:",
    },
    ["package.json", "yarn.lock"],
    sh("export YARN_NODE_LINKER=node-modules YARN_ENABLE_TELEMETRY=0 && yarn install --immutable"),
    sh("export YARN_NODE_LINKER=node-modules YARN_ENABLE_TELEMETRY=0 && yarn run build"),
  ],
  [
    "pip with files that requirements name",
    {
      "requirements.txt": "-r base.txt\nflask",
      "base.txt": "gunicorn",
      "app.py": "from flask import Flask\napp = Flask(__name__)",
      ".python-version": "3",
    },
    ["requirements.txt", "base.txt", ".python-version"],
    sh("python3 -m venv .venv && .venv/bin/pip install -r requirements.txt"),
    null,
  ],
  [
    "Bundler",
    { Gemfile: "gem 'rack'\ngem 'puma'", "Gemfile.lock": "", "config.ru": "run ->(env) { [200, {}, []] }" },
    ["Gemfile", "Gemfile.lock"],
    ["sh", "-c", expect.stringMatching(/^bundle config .* && bundle install --jobs 4$/)],
    null,
  ],
])("the command that init writes installs first: %s", (_what, files, read, install, build) => {
  const steps = stepsOf(files);
  expect(steps?.files).toEqual(read);
  expect([steps?.install, steps?.build]).toEqual([install, build]);
});

test("what comes after the same install is a step of its own, however it goes on", () => {
  expect(stepsOf(app(), sh(`${npm} --omit=dev && node build.js | cat`))?.build).toEqual(sh("node build.js | cat"));
});

test.each([
  ["npm ci", "npm ci", null],
  ["npm ci --omit=dev && npm run build && npm prune", "npm ci --omit=dev", "npm run build && npm prune"],
  ["npm install -q", "npm install -q", null],
])("a command of one's own begins with an install alike: %s", (command, install, build) => {
  const steps = stepsOf(app(), build === null ? command.split(" ") : sh(command));
  expect([steps?.install, steps?.build]).toEqual([sh(install), build === null ? null : sh(build)]);
});

test("a virtual environment of one's own is an install alike", () => {
  const files = { "requirements.txt": "flask", "app.py": "from flask import Flask\napp = Flask(__name__)" };
  const own = "python3.11 -m venv .venv && .venv/bin/pip install --no-deps -r requirements.txt";
  expect(stepsOf(files, sh(`${own} && ls`))).toMatchObject({ install: sh(own), build: sh("ls") });
  expect(stepsOf(files, sh("python3 -m venv .venv && .venv/bin/pip install -r other.txt"))?.build).toEqual(
    sh(".venv/bin/pip install -r other.txt"),
  );
});

test.each<[string, Files, (readonly string[])?]>([
  ["another command", app(), sh("make")],
  ["a package by name", app(), sh("npm install left-pad")],
  ["an install elsewhere", app(), sh("npm ci --prefix=web")],
  ["a script with a pipe", app(), sh("npm ci | cat")],
  ["a command that only begins like it", app(), sh(`${npm} --omit=dev --prefix web`)],
  ["a dependency that is a directory of the source", app({ dependencies: { express: "5", mine: "file:./mine" } })],
  ["an archive of the source", app({ dependencies: { express: "5", mine: "./mine.tgz" } })],
  [
    "a requirement that is the source",
    { "requirements.txt": "-e .\nflask", "app.py": "from flask import Flask\napp = Flask(__name__)" },
  ],
  [
    "packages in a directory of the machine",
    { "go.mod": "module x\n\ngo 1.22\n", "main.go": "package main\nfunc main() {}" },
  ],
])("%s is not split", (_what, files, command) => {
  expect(stepsOf(files, command)).toBeNull();
});
