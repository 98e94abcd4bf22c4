import { withoutComments } from "../code.ts";
import { defaultPort, isPlainPath } from "../dockerfile.ts";
import type { LanguageReader } from "../reader.ts";
import { readyPath } from "../ready.ts";
import type { BuildChoice, Recipe, ServiceIdea, Unrecognised } from "../recipe.ts";
import type { Tree } from "../tree.ts";
import { oneCommand, twoStages } from "../two-stages.ts";
import { goPrograms } from "./mains.ts";
import { chooseGo } from "./version.ts";

export const go: LanguageReader = { language: "go", files: ["go.mod"], recognise };

/** `net/http`, chi, gin, echo, fiber and gorilla: the path of a route, which `net/http` may have behind a method. */
const route =
  /\b(?:HandleFunc|Handle|GET|Get)\(\s*["`](?:GET )?(\/(?:api\/)?(?:health|healthz|health-?check|ready|readyz|readiness|livez|up)\/?)["`]/;
const serves = /\bListenAndServe(?:TLS)?\(|\bhttp\.Serve\(|gin-gonic\/gin|labstack\/echo|gofiber\/fiber/;

function recognise(tree: Tree, build: BuildChoice): Recipe | Unrecognised {
  const module = /^module[ \t]+"?([\w./~-]{1,200})"?/m.exec(tree.text("go.mod") ?? "")?.[1];
  if (module === undefined) return { lookedFor: ["Go: go.mod with a line module"] };
  const programs = goPrograms(tree, module);
  if (programs === null) {
    return {
      lookedFor: [
        "Go: a directory with package main, or one of several named like the module, server, web, api or app",
      ],
    };
  }
  return goRecipe(tree, { ...programs, module }, build);
}

type GoApp = NonNullable<ReturnType<typeof goPrograms>> & { readonly module: string };

function goRecipe(tree: Tree, { directory, name, others }: GoApp, build: BuildChoice): Recipe {
  const version = chooseGo(tree);
  const files = tree.sources(/\.go$/).filter((path) => !path.endsWith("_test.go"));
  const texts = files.map((path) => withoutComments(tree.text(path) ?? ""));
  const hasHttp = texts.some((text) => serves.test(text));
  // Packages that are C need a compiler, which the image of Go has.
  const isC = texts.some((text) => /^import "C"/m.test(text)) || /mattn\/go-sqlite3/.test(tree.text("go.mod") ?? "");
  const target =
    others.length > 0 || !(directory === "" || isPlainPath(directory))
      ? "./..."
      : directory === ""
        ? "."
        : `./${directory}`;
  const install = tree.hasDirectory("vendor") || tree.has("go.work") ? [] : ["go mod download"];
  const compile = [`${isC ? "" : "CGO_ENABLED=0 "}go build -trimpath -o bin/ ${target}`];
  const run = [`bin/${name}`];
  const image = `golang:${version.tag}-bookworm`;
  return twoStages(build, {
    language: "go",
    summary: `Go ${version.tag}${directory === "" ? "" : `, ${directory}`}`,
    images: { build: image, run: "debian:bookworm-slim", why: `Go ${version.tag}: ${version.why}` },
    packages: { build: [], run: [] },
    tools: [],
    declares: install.length > 0 ? ["go.mod", ...(tree.has("go.sum") ? ["go.sum"] : [])] : [],
    install,
    compile,
    takes: [
      ["/etc/ssl/certs/ca-certificates.crt", "/etc/ssl/certs/ca-certificates.crt"],
      ["/usr/share/zoneinfo", "/usr/share/zoneinfo"],
      ["/app", "/app"],
    ],
    env: {},
    runEnv: {},
    because: `The program of ${directory === "" ? "the module" : directory}.`,
    services: [serviceOf(tree, files, { run, hasHttp })],
    variables: [],
    build: oneCommand({ install: [], compile }),
    needs: [
      {
        program: "go",
        version: { range: version.range ?? ">=1.18", printedBy: ["go", "version"] },
        why: "go.mod",
        install: "apt-get install golang-go, or https://go.dev/dl for a newer one",
      },
    ],
    warnings: [
      ...version.warnings,
      ...(others.length > 0
        ? [
            `${others.join(", ")} ${others.length > 1 ? "are programs" : "is a program"} too, built into bin/ and not started`,
          ]
        : []),
    ],
  });
}

function serviceOf(
  tree: Tree,
  files: readonly string[],
  { run, hasHttp }: { run: readonly string[]; hasHttp: boolean },
): ServiceIdea {
  const plain = { run, release: null, single: false };
  return hasHttp
    ? { ...plain, name: "web", port: defaultPort, ready: readyPath(tree, files, route) }
    : { ...plain, name: "worker", port: null, ready: null };
}
