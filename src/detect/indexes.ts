import { asTable, type Mapping, member, type Tree, textMember } from "./tree.ts";

/** Registries that everybody can reach, and packages of PyTorch for one kind of processor. */
const open =
  /(?:^|\.)(?:pypi\.org|pypi\.python\.org|pythonhosted\.org|npmjs\.org|npmjs\.com|yarnpkg\.com|pytorch\.org|jsr\.io)$/;
const fileLimit = 20;

/**
 * Registries of packages that these files name and that are not open to everybody, as warnings: the build must reach
 * them, with the variables that their addresses or keys name. Addresses are shown by their host, without a password.
 */
export function privateIndexes(tree: Tree, files: readonly string[]): readonly string[] {
  const found = new Map<string, string>();
  for (const file of files.slice(0, fileLimit)) {
    for (const address of addressesIn(tree, file)) {
      const host = /^(?:https?:)?\/\/(?:[^@/]*@)?([\w.-]{1,200})/.exec(address)?.[1];
      if (host !== undefined && !open.test(host) && !found.has(host)) found.set(host, file);
    }
  }
  const hosts = [...found].map(([host, file]) => `${file} names the registry ${host}: the build must reach it`);
  return [...hosts, ...files.flatMap((file) => variablesIn(tree, file))];
}

function addressesIn(tree: Tree, file: string): readonly string[] {
  if (/\.toml$|^Pipfile$/.test(file)) {
    const table = tree.toml(file);
    const keys = ["tool.uv.index", "tool.poetry.source", "tool.pdm.source", "source"];
    return keys.flatMap((key) => listOf(table, key)).flatMap((one) => textMember(one, "url") ?? []);
  }
  const text = (tree.text(file) ?? "").slice(0, 100_000);
  const option = /^\s*(?:-i|--index-url|--extra-index-url|(?:@[\w.-]+:)?registry)[ \t=]+(\S+)/gm;
  return [...text.matchAll(option)].map(([, address]) => address ?? "");
}

function listOf(table: Mapping | null, key: string): readonly (Mapping | null)[] {
  const value = member(table, key);
  return Array.isArray(value) ? value.map(asTable) : [];
}

/** `${NPM_TOKEN}` in .npmrc, or in the address of an index. */
function variablesIn(tree: Tree, file: string): readonly string[] {
  if (/\.toml$|^Pipfile$/.test(file)) return [];
  const text = (tree.text(file) ?? "").replace(/^\s*[#;].*$/gm, "").slice(0, 100_000);
  const names = new Set([...text.matchAll(/\$\{([A-Za-z_]\w{0,60})\}/g)].map(([, name]) => name));
  return [...names].map(
    (name) => `${file} needs the variable ${name} in the build: declare it under \`env\` with \`scope: build\``,
  );
}
