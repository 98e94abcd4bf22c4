import { comment, type DockerfileLine } from "../dockerfile.ts";
import { pins, pnpmFor } from "../pins.ts";
import { type Tree, textMember } from "../tree.ts";
import type { NodePackage } from "./package.ts";

/** How a package manager is installed and called. */
export interface Manager {
  readonly name: "npm" | "pnpm" | "yarn";
  /** Files beside package.json that decide what is installed. */
  readonly files: readonly string[];
  /** Installs it in an image that has only npm. */
  readonly setup: readonly DockerfileLine[];
  readonly installAll: string;
  readonly installProduction: string;
  readonly warnings: readonly string[];
}

/** Files that installs read, if they exist. */
const settings = [".npmrc", ".yarnrc", ".yarnrc.yml", ".pnpmfile.cjs", "pnpm-workspace.yaml"];
const locks = {
  pnpm: ["pnpm-lock.yaml"],
  yarn: ["yarn.lock"],
  npm: ["package-lock.json", "npm-shrinkwrap.json"],
} as const;

/** The package manager that `packageManager` names, otherwise the one whose lock file exists, otherwise npm. */
export function managerOf(tree: Tree, root: NodePackage): Manager {
  const wish = /^(npm|pnpm|yarn)@(\d{1,4}\.\d{1,4}\.\d{1,4})(?:$|[+-])/.exec(
    textMember(root.table, "packageManager") ?? "",
  );
  const byLock = (["pnpm", "yarn", "npm"] as const).find((name) => tree.first(locks[name]) !== null);
  const name = (wish?.[1] as Manager["name"] | undefined) ?? byLock ?? "npm";
  const lock = tree.first(locks[name]);
  const warnings = lock === null ? [noLock(tree, name)] : [];
  const files = [lock, ...settings.filter((file) => tree.has(file))].filter((file) => file !== null);
  const make = { npm, pnpm, yarn }[name];
  return { name, files, warnings, ...make({ tree, lock, version: wish?.[2] ?? null }) };
}

function noLock(tree: Tree, name: string): string {
  const bun = tree.first(["bun.lock", "bun.lockb"]);
  if (bun !== null)
    return `${bun} is ignored: npm installs the versions that package.json allows. Commit a package-lock.json to fix the versions`;
  return `there is no lock file, so two builds can get different packages; run \`${name} install\` and commit the lock file`;
}

interface Found {
  readonly tree: Tree;
  readonly lock: string | null;
  readonly version: string | null;
}

type Commands = Pick<Manager, "setup" | "installAll" | "installProduction">;

function npm({ lock }: Found): Commands {
  const install = `npm ${lock === null ? "install" : "ci"} --no-audit --no-fund`;
  return { setup: [], installAll: install, installProduction: `${install} --omit=dev` };
}

function pnpm({ tree, lock, version }: Found): Commands {
  const written = /^lockfileVersion:\s*['"]?(\d{1,3}\.\d{1,3})/m.exec(
    tree.text("pnpm-lock.yaml")?.slice(0, 1_000) ?? "",
  );
  const chosen = version ?? pnpmFor(written?.[1] ?? null);
  const install = `pnpm install ${lock === null ? "--no-frozen-lockfile" : "--frozen-lockfile"}`;
  return { setup: brought("pnpm", `pnpm@${chosen}`), installAll: install, installProduction: `${install} --prod` };
}

function yarn({ tree, lock, version }: Found): Commands {
  const berry = version === null ? /^__metadata:/m.test(tree.text("yarn.lock") ?? "") : !/^[01]\./.test(version);
  if (berry) return yarnBerry(version ?? pins.berry, lock);
  const install = `yarn install --non-interactive${lock === null ? "" : " --frozen-lockfile"}`;
  return {
    setup: brought("Yarn", `yarn@${version ?? pins.yarn}`),
    installAll: install,
    installProduction: `${install} --production`,
  };
}

/** Yarn 2 and later. Version 4 brings `focus`, which older ones have only as a plugin. */
function yarnBerry(version: string, lock: string | null): Commands {
  const install = `yarn install${lock === null ? "" : " --immutable"}`;
  const focus = Number(version.split(".")[0]) >= 4 ? "yarn workspaces focus --all --production" : install;
  return {
    setup: [
      ...brought("Yarn", `@yarnpkg/cli-dist@${version}`),
      comment("Packages as a directory, which Node finds without Yarn."),
      "ENV YARN_NODE_LINKER=node-modules YARN_ENABLE_TELEMETRY=0",
    ],
    installAll: install,
    installProduction: focus,
  };
}

/** A separate directory, because some images have another version that npm would not overwrite. */
function brought(title: string, what: string): readonly DockerfileLine[] {
  return [
    comment(`${title} in a fixed version; it stays in this stage.`),
    `RUN npm install --global --prefix=/opt/tools ${what}`,
    "ENV PATH=/opt/tools/bin:$PATH",
  ];
}
