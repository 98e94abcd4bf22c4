import { comment, type DockerfileLine } from "../dockerfile.ts";
import { pins, pnpmFor } from "../pins.ts";
import type { MachineNeed } from "../recipe.ts";
import { type Tree, textMember } from "../tree.ts";
import type { NodePackage } from "./package.ts";

/** How a package manager is installed and called. */
export interface Manager {
  readonly name: "npm" | "pnpm" | "yarn" | "bun";
  /** Files beside package.json that decide what is installed. */
  readonly files: readonly string[];
  /** Installs it in an image that has only npm. */
  readonly setup: readonly DockerfileLine[];
  readonly installAll: string;
  readonly installProduction: string;
  /** Variables of its commands: `NAME=value`. */
  readonly variables: readonly string[];
  /** The programs that a machine without images must have for it. */
  readonly needs: readonly MachineNeed[];
  readonly warnings: readonly string[];
}

/** Files that installs read, if they exist. */
const settings = [".npmrc", ".yarnrc", ".yarnrc.yml", ".pnpmfile.cjs", "pnpm-workspace.yaml"];
const locks = {
  pnpm: ["pnpm-lock.yaml"],
  yarn: ["yarn.lock"],
  npm: ["package-lock.json", "npm-shrinkwrap.json"],
  bun: ["bun.lock", "bun.lockb"],
} as const;
const managers = ["pnpm", "yarn", "npm", "bun"] as const;

/** The package manager that `packageManager` names, otherwise the one whose lock file exists, otherwise npm. */
export function managerOf(tree: Tree, root: NodePackage): Manager {
  const wish = /^(npm|pnpm|yarn|bun)@(\d{1,4}\.\d{1,4}\.\d{1,4})(?:$|[+-])/.exec(
    textMember(root.table, "packageManager") ?? "",
  );
  const byLock = managers.find((name) => tree.first(locks[name]) !== null);
  const name = (wish?.[1] as Manager["name"] | undefined) ?? byLock ?? "npm";
  const lock = tree.first(locks[name]);
  const others = managers.flatMap((one) => (one === name ? [] : locks[one].filter((file) => tree.has(file))));
  const warnings = [
    ...(lock === null ? [noLock(name)] : []),
    ...others.map(
      (file) =>
        `${file} is ignored, because packages are installed by ${name} (${wish ? "packageManager of package.json" : lock})`,
    ),
  ];
  const files = [lock, ...settings.filter((file) => tree.has(file))].filter((file) => file !== null);
  const make = { npm, pnpm, yarn, bun }[name];
  return { name, files, warnings, ...make({ tree, lock, version: wish?.[2] ?? null }) };
}

function noLock(name: string): string {
  return `there is no lock file, so two builds can get different packages; run \`${name} install\` and commit the lock file`;
}

interface Found {
  readonly tree: Tree;
  readonly lock: string | null;
  readonly version: string | null;
}

type Commands = Omit<Manager, "name" | "files" | "warnings">;

/** Bun for a start that names it, where another manager installs. */
export const bunNeed: MachineNeed = {
  program: "bun",
  why: "package.json",
  install: `npm install --global bun@${pins.bun}`,
};

/** A manager in a version that fits, installed by npm. */
function need(program: string, what: string, found: { lock: string | null; range?: string }): MachineNeed {
  const why = found.lock ?? "packageManager of package.json";
  const version =
    found.range === undefined ? {} : { version: { range: found.range, printedBy: [program, "--version"] } };
  return { program, why, install: `npm install --global ${what}`, ...version };
}

function npm({ lock }: Found): Commands {
  const install = `npm ${lock === null ? "install" : "ci"} --no-audit --no-fund`;
  return { setup: [], variables: [], needs: [], installAll: install, installProduction: `${install} --omit=dev` };
}

function pnpm({ tree, lock, version }: Found): Commands {
  const written = /^lockfileVersion:\s*['"]?(\d{1,3}\.\d{1,3})/m.exec(
    tree.text("pnpm-lock.yaml")?.slice(0, 1_000) ?? "",
  );
  const chosen = version ?? pnpmFor(written?.[1] ?? null);
  const install = `pnpm install ${lock === null ? "--no-frozen-lockfile" : "--frozen-lockfile"}`;
  return {
    setup: brought("pnpm", `pnpm@${chosen}`),
    variables: [],
    needs: [need("pnpm", `pnpm@${chosen}`, { lock })],
    installAll: install,
    installProduction: `${install} --prod`,
  };
}

function yarn({ tree, lock, version }: Found): Commands {
  const berry = version === null ? /^__metadata:/m.test(tree.text("yarn.lock") ?? "") : !/^[01]\./.test(version);
  if (berry) return yarnBerry(version ?? pins.berry, { lock, brings: bringsYarn(tree) });
  const install = `yarn install --non-interactive${lock === null ? "" : " --frozen-lockfile"}`;
  return {
    setup: brought("Yarn", `yarn@${version ?? pins.yarn}`),
    variables: [],
    needs: [need("yarn", `yarn@${version ?? pins.yarn}`, { lock, range: "<2" })],
    installAll: install,
    installProduction: `${install} --production`,
  };
}

/** Whether the source has Yarn itself, which every Yarn starts in its place (`yarnPath`). */
function bringsYarn(tree: Tree): boolean {
  const path = /^yarnPath:\s*["']?([\w./-]{1,200})/m.exec(tree.text(".yarnrc.yml") ?? "")?.[1];
  return path !== undefined && tree.has(path);
}

/** Yarn 2 and later. Version 4 brings `focus`, which older ones have only as a plugin. */
function yarnBerry(version: string, { lock, brings }: { lock: string | null; brings: boolean }): Commands {
  const install = `yarn install${lock === null ? "" : " --immutable"}`;
  const variables = ["YARN_NODE_LINKER=node-modules", "YARN_ENABLE_TELEMETRY=0"];
  const focus = Number(version.split(".")[0]) >= 4 ? "yarn workspaces focus --all --production" : install;
  return {
    setup: [
      ...brought("Yarn", `@yarnpkg/cli-dist@${version}`),
      comment("Packages as a directory, which Node finds without Yarn."),
      `ENV ${variables.join(" ")}`,
    ],
    variables,
    needs: [need("yarn", `@yarnpkg/cli-dist@${version}`, brings ? { lock } : { lock, range: ">=2" })],
    installAll: install,
    installProduction: focus,
  };
}

function bun({ lock, version }: Found): Commands {
  const install = `bun install${lock === null ? "" : " --frozen-lockfile"}`;
  return {
    setup: bunSetup(version),
    variables: [],
    needs: [need("bun", `bun@${version ?? pins.bun}`, { lock })],
    installAll: install,
    installProduction: `${install} --production`,
  };
}

/** Bun for a stage that installs, builds or runs with it. */
export function bunSetup(version: string | null = null): readonly DockerfileLine[] {
  return brought("Bun", `bun@${version ?? pins.bun}`);
}

/** A separate directory, because some images have another version that npm would not overwrite. */
function brought(title: string, what: string): readonly DockerfileLine[] {
  return [
    comment(`${title} in a fixed version.`),
    `RUN npm install --global --prefix=/opt/tools ${what}`,
    "ENV PATH=/opt/tools/bin:$PATH",
  ];
}
