import { describe, expect, test } from "vitest";
import fc from "../testing/properties.ts";
import { detect } from "./detect.ts";
import { isRecipe } from "./recipe.ts";

/** What would do harm if it reached a line of a Dockerfile unquoted. */
const evil = [
  "EVIL\nUSER root",
  "EVIL; rm -rf /",
  "$(EVIL)",
  "`EVIL`",
  // biome-ignore lint/suspicious/noTemplateCurlyInString: a shell's, not ours
  "${EVIL}",
  'EVIL"]',
  "EVIL\\",
  "EVIL\u2028RUN x",
  "../EVIL",
  "EVIL<<EOF",
  "--from=EVIL",
  "EVIL\u001b[2J",
  "# syntax=EVIL",
];
const word = fc.oneof(
  fc.constantFrom(...evil),
  fc.string({ maxLength: 20 }),
  fc.constantFrom(
    "node server.js",
    "vite",
    "^20",
    "pnpm@10.0.0",
    "apps/*",
    "flask",
    "django",
    "fastapi[standard]>=0.1",
    "celery",
    "-r base.txt",
    "3.12",
  ),
);
const scalar: fc.Arbitrary<unknown> = fc.oneof(word, fc.constantFrom(null, 0, true, [], {}, [[]]));
const keys = fc.constantFrom(
  "start",
  "build",
  "postinstall",
  "prepare",
  "node",
  "python",
  "dependencies",
  "packages",
  "next",
  "vite",
  "express",
  "@nestjs/core",
  "__proto__",
  "constructor",
  "typescript",
);
const table = fc.dictionary(fc.oneof(keys, word), scalar, { maxKeys: 5 });
const packageJson = fc
  .record(
    {
      main: scalar,
      scripts: fc.oneof(table, scalar),
      engines: fc.oneof(table, scalar),
      dependencies: fc.oneof(table, scalar),
      devDependencies: fc.oneof(table, scalar),
      packageManager: scalar,
      workspaces: fc.oneof(fc.array(scalar), table, scalar),
    },
    { requiredKeys: [] },
  )
  .map((value) => JSON.stringify(value));
const lines = fc.array(word, { maxLength: 8 }).map((words) => words.join("\n"));
const python = fc
  .array(
    fc.oneof(
      word,
      word.map((name) => `${name} = Flask(__name__)`),
      word.map((name) => `import ${name}`),
      word.map((name) => `@app.get("${name}")`),
      fc.constantFrom(
        "app = FastAPI()",
        "def create_app():",
        "STATIC_ROOT = 1",
        "x = Celery()",
        'WSGI_APPLICATION = "a.wsgi.application"',
        'k = config("SECRET_KEY")',
      ),
    ),
    { maxLength: 8 },
  )
  .map((all) => all.join("\n"));
const toml = word.map(
  (name) => `[project]\ndependencies = ["flask", ${JSON.stringify(name)}]\nrequires-python = ${JSON.stringify(name)}\n`,
);
const anything = fc.oneof(packageJson, lines, python, toml, fc.string({ maxLength: 200 }));
const directory = fc.oneof(
  fc.constantFrom("", "", "", "app/", "src/", "apps/a/", "backend/", "kairo/"),
  word.map((name) => `${name.replaceAll("/", "")}/`),
);
const name = fc.constantFrom(
  "package.json",
  "package-lock.json",
  "yarn.lock",
  "pnpm-workspace.yaml",
  "requirements.txt",
  "pyproject.toml",
  "Pipfile",
  "uv.lock",
  "poetry.lock",
  "manage.py",
  "settings.py",
  "wsgi.py",
  "main.py",
  "app.py",
  "celery.py",
  "server.js",
  "next.config.js",
  "vite.config.ts",
  "angular.json",
  "index.html",
  "Procfile",
  ".nvmrc",
  ".python-version",
  "urls.py",
  "route.ts",
  "go.mod",
  "main.go",
  "Gemfile",
  "config.ru",
  "composer.json",
  "index.php",
  "pom.xml",
  "build.gradle",
  "Cargo.toml",
  "deno.json",
  "mix.exs",
  ".tool-versions",
);
const words = (form: (name: string) => string) => word.map(form);
const fitting: Readonly<Record<string, fc.Arbitrary<string>>> = {
  "package.json": packageJson,
  "requirements.txt": lines,
  "pyproject.toml": toml,
  "main.py": python,
  "app.py": python,
  "settings.py": python,
  "go.mod": words((name) => `module ${name}\n\ngo ${name}\ntoolchain go${name}\n`),
  "main.go": words((name) => `package main\nfunc main() {}\n// ${name}\nhttp.HandleFunc("/health", "${name}")`),
  Gemfile: words((name) => `ruby "${name}"\ngem "rails"\ngem "${name}"\ngem "puma"`),
  "composer.json": words((name) =>
    JSON.stringify({ require: { php: name, [`ext-${name}`]: "*", "laravel/framework": name } }),
  ),
  "pom.xml": words((name) => `<java.version>${name}</java.version>spring-boot-maven-plugin<release>${name}</release>`),
  "build.gradle": words((name) => `org.springframework.boot sourceCompatibility = '${name}'`),
  "Cargo.toml": words(
    (name) =>
      `[package]\nname = ${JSON.stringify(name)}\ndefault-run = ${JSON.stringify(name)}\n[dependencies]\naxum = "1"\n`,
  ),
  "deno.json": words((name) => JSON.stringify({ tasks: { start: name } })),
  "mix.exs": words((name) => `app: :${name}, elixir: "${name}", {:phoenix, "${name}"}`),
  ".tool-versions": words((name) => `ruby ${name}\ngolang ${name}\njava ${name}\nelixir ${name}`),
  Procfile: word.map((command) => `web: ${command}\nworker: ${command}`),
};
const file = fc
  .tuple(directory, name)
  .chain(([at, called]) =>
    fc.oneof(fitting[called] ?? anything, anything).map((text) => [`${at}${called}`, text] as const),
  );
/** Sources that are recognised, so that what is beside and over them is checked too. */
const recognised = fc.constantFrom<readonly (readonly [string, string])[]>(
  [],
  [["index.html", ""]],
  [
    ["server.js", ""],
    ["package.json", '{"scripts":{"start":"node server.js"}}'],
  ],
  [
    [
      "package.json",
      '{"workspaces":["apps/*","EVIL/*"],"dependencies":{"express":"5"},"main":"dist/x.js","scripts":{"build":"tsc"}}',
    ],
  ],
  [["package.json", '{"devDependencies":{"vite":"8"}}']],
  [
    ["requirements.txt", "flask\ncelery"],
    ["app.py", "app = Flask(__name__)"],
  ],
  [
    ["go.mod", "module example.com/x"],
    ["main.go", "package main\nfunc main() {}\n"],
  ],
  [["config.ru", ""]],
  [["public/index.php", ""]],
  [
    ["requirements.txt", "django"],
    ["manage.py", '("DJANGO_SETTINGS_MODULE", "kairo.settings")'],
    ["kairo/wsgi.py", ""],
  ],
);
const sources = fc
  .tuple(recognised, fc.array(fc.oneof(file, fc.tuple(word, anything)), { maxLength: 12 }))
  .map(([first, files]) => new Map([...first, ...files]));

/** Instructions with their continuation lines. */
function instructions(dockerfile: string): readonly string[] {
  return dockerfile
    .replace(/ \\\n/g, " ")
    .split("\n")
    .filter((line) => line !== "" && !line.startsWith("#"));
}

function detected(files: ReadonlyMap<string, string>, base: Record<string, string> = {}) {
  return detect({ paths: [...files.keys()], read: (path) => files.get(path) ?? null }, { base });
}

describe("whatever a source holds", () => {
  test("the Dockerfile stays in its few forms, and a word of the source is only in a quoted command", () => {
    let recipes = 0;
    fc.assert(
      fc.property(sources, fc.dictionary(fc.constantFrom("node", "python", "static"), word), (files, base) => {
        const found = detected(files, base);
        if (!isRecipe(found)) return;
        recipes += 1;
        expect(found.dockerfile).toMatch(/^[\n\x20-\x7e]*$/);
        const all = instructions(found.dockerfile);
        for (const one of all) expect(one).toMatch(/^(?:FROM|WORKDIR|RUN|ENV|COPY|USER|EXPOSE|HEALTHCHECK|CMD) \S/);
        expect(all.filter((one) => one.startsWith("USER"))).toEqual(["USER 1000:1000"]);
        expect(all.findLastIndex((one) => one.startsWith("FROM"))).toBeLessThan(all.indexOf("USER 1000:1000"));
        expect(all.filter((one) => one.startsWith("CMD"))).toHaveLength(1);
        expect(JSON.parse(all.find((one) => one.startsWith("CMD"))?.slice(4) ?? "")).toBeInstanceOf(Array);
        expect(all.filter((one) => !one.startsWith("CMD")).join("\n")).not.toMatch(/EVIL/);
      }),
      { numRuns: 1_500 },
    );
    // Else the test would only have checked answers that say no.
    expect(recipes).toBeGreaterThan(100);
  });

  test("its words reach a terminal without control characters", () => {
    fc.assert(
      fc.property(sources, (files) => {
        const found = detected(files);
        const words = isRecipe(found) ? [found.summary, ...found.warnings] : found.lookedFor;
        for (const one of words) expect(one).not.toMatch(/[\p{Cc}\u2028\u2029]/u);
      }),
      { numRuns: 500 },
    );
  });
});

test("a source of many big files costs little", () => {
  const text = `import x\n${"a = 1  # \n".repeat(100_000)}`;
  const paths = ["requirements.txt", ...Array.from({ length: 20_000 }, (_, i) => `app/m${i}.py`)];
  let bytes = 0;
  const read = (path: string) => {
    const given = path === "requirements.txt" ? "flask" : text;
    bytes += given.length;
    return given;
  };
  detect({ paths, read }, { base: {} });
  expect(bytes).toBeLessThan(70 * 1_048_576);
});

test.for([
  ["package.json", `{"a":${"[".repeat(200_000)}`],
  ["package.json", `{"scripts":{"start":${JSON.stringify("a".repeat(2_000_000))}}}`],
  ["pyproject.toml", `a = ${"[".repeat(200_000)}`],
  ["pnpm-workspace.yaml", `packages: ${"[".repeat(100_000)}`],
  ["requirements.txt", "-r requirements.txt\n".repeat(50_000)],
  ["requirements.txt", "a".repeat(1_000_000)],
  ["app.py", `${'"""'.repeat(300_000)}`],
  ["app.py", `x${" ".repeat(1_000_000)}`],
  ["Procfile", `web: ${"x ".repeat(400_000)}`],
  ["Gemfile", `group :development do\n${"gem 'a'\n".repeat(100_000)}`],
  ["Gemfile", `ruby ${'"a",'.repeat(200_000)}`],
  ["pom.xml", `${"<!--".repeat(200_000)}`],
  ["mix.exs", `${"app: ".repeat(200_000)}`],
  ["main.go", `${"package main\n".repeat(70_000)}`],
  ["build.gradle", `${"sourceCompatibility ".repeat(50_000)}`],
] as const)("%s of a hostile shape gets an answer in time", ([path, text]) => {
  const before = process.cpuUsage();
  const files = new Map([["requirements.txt", "flask"], ["package.json", "{}"], [path, text] as const]);
  expect(detected(files)).toBeDefined();
  expect(process.cpuUsage(before).user).toBeLessThan(5_000_000);
});
