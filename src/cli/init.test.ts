import {
  cpSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { stripVTControlCharacters } from "node:util";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { lackOf } from "../detect/needs.ts";
import { readManifest } from "../manifest/read.ts";

import { appNameFrom } from "./first-manifest.ts";
import { runLine, type TestRunOptions } from "./test-run.ts";

const fixtures = path.join(import.meta.dirname, "../../test/fixtures/frameworks");
let root: string;

beforeEach(() => {
  root = path.join(mkdtempSync(path.join(tmpdir(), "fl-init-")), "My Shop");
});
afterEach(() => rmSync(path.dirname(root), { recursive: true, force: true }));

function copy(fixture: string): void {
  cpSync(path.join(fixtures, fixture), root, { recursive: true });
}

const init = (flags: string, options: TestRunOptions = {}) =>
  runLine(["init", ...flags.split(" ").filter((word) => word !== "")], { cwd: root, ...options });
const inside = (name: string) => path.join(root, name);
const text = (name: string) => readFileSync(inside(name), "utf8");

describe("init", () => {
  test("writes what is here, and nothing else, with --yes", async () => {
    copy("express");
    const before = readdirSync(root);
    const { code, stdout, stderr } = await init("--yes");
    expect([code, stdout]).toEqual([0, expect.stringContaining("written: fairlead.yml – Express")]);
    expect(readdirSync(root)).toEqual([...before, "fairlead.yml"].sort());
    expect(stderr).toContain(text("fairlead.yml").trimEnd());
    expect(text("fairlead.yml")).toMatchInlineSnapshot(`
      "# Express, packages by npm, Node 24
      version: 1
      app: my-shop
      # Without a container engine, this prepares plain processes.
      build: { command: ["sh", "-c", "npm ci --no-audit --no-fund && npm run build"] }
      env:
        NODE_ENV: production
      services:
        web:
          run: node dist/server.js
          http: { ready: { path: /health } }
      "
    `);
  });

  test("writes a manifest that reads back as the services that were seen", async () => {
    copy("django");
    expect((await init("--yes --name shop")).code).toBe(0);
    expect(text("fairlead.yml")).toMatchInlineSnapshot(`
      "# Django with gunicorn and Celery, packages by pip, Python 3.13
      version: 1
      app: shop
      # Without a container engine, this prepares plain processes.
      build: { command: ["sh", "-c", "python3 -m venv .venv && .venv/bin/pip install -r requirements.txt && SECRET_KEY=only-for-building DJANGO_SECRET_KEY=only-for-building .venv/bin/python manage.py collectstatic --noinput"] }
      # The app does not start without these. \`generate\` creates a value once and keeps it; set the rest: \`fairlead env set NAME=…\`.
      env:
        SECRET_KEY: { secret: true, generate: django }
      services:
        web:
          run: ["sh", "-c", "exec gunicorn shop.wsgi:application --bind 0.0.0.0:$PORT --workers \${WEB_CONCURRENCY:-4} --threads 2"]
          release: python manage.py migrate --noinput
          http: { ready: { path: /health/ } }
        worker:
          run: celery -A shop worker --loglevel=info --concurrency=2
        beat:
          run: celery -A shop beat --loglevel=info --schedule /tmp/celerybeat-schedule
          single: true
      "
    `);
    const reading = readManifest(text("fairlead.yml"), { file: "fairlead.yml", environment: "production" });
    if (!reading.ok) expect.fail(JSON.stringify(reading.diagnostics));
    expect(
      reading.spec.services.map(({ name, single, release, http }) => [name, single, release, http?.ready?.path]),
    ).toEqual([
      ["web", false, ["python", "manage.py", "migrate", "--noinput"], "/health/"],
      ["worker", false, null, undefined],
      ["beat", true, null, undefined],
    ]);
  });

  test.for(readdirSync(fixtures))("makes a valid manifest of %s", async (fixture) => {
    copy(fixture);
    const { code, stdout } = await init("--yes --json");
    expect([code, JSON.parse(stdout)]).toMatchObject([0, { app: "my-shop", written: ["fairlead.yml"], warnings: [] }]);
    const reading = readManifest(text("fairlead.yml"), { file: "fairlead.yml", environment: "production" });
    expect(reading).toMatchObject({ ok: true, warnings: [] });
  });

  test("asks on a terminal, and takes no for an answer", async () => {
    copy("static");
    const no = await init("", { terminal: true, stdin: "n\r" });
    expect([no.code, existsSync(inside("fairlead.yml"))]).toEqual([8, false]);
    expect(no.stderr).toContain("Write fairlead.yml?");
    const yes = await init("", { terminal: true, stdin: "y\r" });
    expect([yes.code, existsSync(inside("fairlead.yml"))]).toEqual([0, true]);
  });

  test("names the flag where nobody can be asked", async () => {
    copy("static");
    const { code, stderr } = await init("");
    expect([code, stderr]).toEqual([8, expect.stringContaining("pass --yes")]);
    expect(existsSync(inside("fairlead.yml"))).toBe(false);
  });

  test("shows the difference to a manifest that is there, and asks before it replaces it", async () => {
    copy("static");
    writeFileSync(inside("fairlead.yml"), "version: 1\napp: mine\n");
    const no = await init("", { terminal: true, stdin: "n\r" });
    expect([no.code, text("fairlead.yml")]).toEqual([8, "version: 1\napp: mine\n"]);
    expect(stripVTControlCharacters(no.stderr)).toContain("  version: 1\n- app: mine\n+ app: my-shop\n");
    expect(no.stderr).toContain("Replace fairlead.yml?");
    expect((await init("--yes")).stdout).toContain("written: fairlead.yml");
    expect((await init("--yes")).stdout).toContain("nothing written");
  });

  test("writes nothing with --dry-run", async () => {
    copy("static");
    const { code, stdout, stderr } = await init("--dry-run --dockerfile");
    expect([code, stdout, stderr]).toEqual([
      0,
      expect.stringContaining("nothing written"),
      expect.stringContaining("app: my-shop"),
    ]);
    expect(stderr).toContain("--- Dockerfile");
    expect([existsSync(inside("fairlead.yml")), existsSync(inside("Dockerfile"))]).toEqual([false, false]);
  });

  test("names what the machine lacks, with the command that installs it", async () => {
    copy("express");
    const { stderr } = await init("--dry-run", {
      host: { lacking: async (needs) => needs.map((need) => lackOf(need, null) ?? "") },
    });
    expect(stderr).toContain(
      "warning: for plain processes: this machine has no node, which engines.node of package.json",
    );
  });

  test("proposes a name where the directory has none in Latin letters", async () => {
    copy("static");
    const strange = path.join(path.dirname(root), "магазин");
    cpSync(root, strange, { recursive: true });
    const { code, stderr } = await runLine(["init", "--yes"], { cwd: strange });
    expect([code, stderr]).toEqual([0, expect.stringContaining("the app is called app, because")]);
    expect(stderr).toContain("app: app\n");
  });

  test("never overwrites anything else", async () => {
    copy("static");
    symlinkSync("/nowhere/else", inside("fairlead.yml"));
    expect((await init("--yes")).code).toBe(5);
    rmSync(inside("fairlead.yml"));
    writeFileSync(inside("Dockerfile"), "FROM scratch");
    const { code, stderr } = await init("--yes --dockerfile");
    expect([code, stderr]).toEqual([5, expect.stringContaining("Dockerfile already exists")]);
    expect([text("Dockerfile"), existsSync(inside("fairlead.yml"))]).toEqual(["FROM scratch", false]);
  });

  test("writes the Dockerfile and what to leave out, on request", async () => {
    copy("fastapi");
    expect((await init("--yes --dockerfile")).code).toBe(0);
    expect(text("Dockerfile")).toContain("FROM python:3.13-slim AS builder");
    // The list of R046; `**/` in front where a file may be anywhere.
    const rules = text(".dockerignore")
      .split("\n")
      .map((line) => line.replace(/^\*\*\//, ""));
    for (const rule of ".git .gitignore .gitattributes __pycache__ *.py[cod] *$py.class *.so .Python venv/ env/ ENV/ .venv .vscode/ .idea/ *.swp *.swo .pytest_cache .coverage htmlcov *.log *.md docs/ .env .env.* Dockerfile docker-compose.yml .dockerignore .DS_Store Thumbs.db".split(
      " ",
    )) {
      expect(rules).toContain(rule);
    }
  });

  test("keeps a .dockerignore that is there", async () => {
    copy("static");
    writeFileSync(inside(".dockerignore"), "mine\n");
    expect((await init("--yes --dockerfile")).code).toBe(0);
    expect([text(".dockerignore"), existsSync(inside("Dockerfile"))]).toEqual(["mine\n", true]);
  });

  test("takes a Dockerfile as it is, with its port", async () => {
    copy("express");
    writeFileSync(inside("Dockerfile"), "FROM node:24-slim\nEXPOSE 3000\nCMD node server.js\n");
    expect((await init("--yes")).stdout).toContain("its own Dockerfile");
    expect(text("fairlead.yml")).toContain("services:\n  web:\n    run: node server.js\n    http: { port: 3000 }\n");
  });

  test("says what it looked for when nothing is known", async () => {
    copy("static");
    rmSync(inside("index.html"));
    rmSync(inside("about.html"));
    const { code, stderr } = await init("--yes");
    expect(code).toBe(1);
    expect(stderr).toContain("package.json: does not exist");
    expect(stderr).toContain("requirements.txt");
    expect(stderr).toContain("hint: Write a Dockerfile");
    expect(existsSync(inside("fairlead.yml"))).toBe(false);
  });

  test("refuses a name that is none, and a place that is none", async () => {
    copy("static");
    expect((await init("--yes --name My_Shop")).code).toBe(2);
    expect((await init("nowhere --yes")).code).toBe(2);
    expect(readdirSync(root)).not.toContain("fairlead.yml");
  });
});

test.each([
  ["My Shop", "my-shop"],
  ["@scope/api", "api"],
  ["Café_2", "cafe-2"],
  ["2048", null],
  ["---", null],
  ["x".repeat(60), "x".repeat(40)],
  [`${"a".repeat(39)} b`, "a".repeat(39)],
])("the name of %s", (given, name) => {
  expect(appNameFrom(given)).toBe(name);
});
