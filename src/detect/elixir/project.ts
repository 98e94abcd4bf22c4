import { isPlainPath } from "../dockerfile.ts";
import { readProcfile } from "../procfile.ts";
import { directoryOf, type Tree } from "../tree.ts";

/** A Mix project; an umbrella has several apps and names its release itself. */
export interface MixProject {
  /** The text of its mix.exs, and of those of an umbrella's apps, without comments. */
  readonly text: string;
  /** The name of the release. */
  readonly release: string;
  /** Where the assets are built: the app that has the alias; null: there are none. */
  readonly assets: string | null;
  /** Releases that are not made. */
  readonly others: readonly string[];
}

/** The project of mix.exs; a text says why there is none. */
export function mixProject(tree: Tree): MixProject | string {
  const top = mixText(tree, "mix.exs");
  const apps = /\bapps_path: *"([\w./-]{1,100})"/.exec(top)?.[1];
  const names = releasesOf(top);
  if (apps === undefined) {
    const app = /\bapp: :([a-z][a-z0-9_]{0,63})\b/.exec(top)?.[1];
    if (app === undefined) return "Elixir: mix.exs with `app: :name`";
    const [release = app, ...others] = preferred(tree, names);
    return { text: top, release, assets: hasAssets(top) ? "" : null, others };
  }
  const [release, ...others] = preferred(tree, names);
  if (release === undefined)
    return "Elixir: mix.exs is an umbrella without `releases:`, so there is no release of it: name one there";
  const files = [...tree.paths].filter(
    (path) => path.startsWith(`${apps}/`) && /^[^/]+\/mix\.exs$/.test(path.slice(apps.length + 1)),
  );
  const inner = files.filter((file) => isPlainPath(directoryOf(file))).sort();
  const assets = inner.find((file) => hasAssets(mixText(tree, file)));
  return {
    text: [top, ...inner.map((file) => mixText(tree, file))].join("\n"),
    release,
    assets: assets === undefined ? (hasAssets(top) ? "" : null) : directoryOf(assets),
    others,
  };
}

function mixText(tree: Tree, file: string): string {
  return (tree.text(file) ?? "").replace(/(^|\s)#.*$/gm, "$1");
}

function hasAssets(text: string): boolean {
  return /"assets\.deploy":/.test(text);
}

/** `releases: [shop: [...]]`, or the list that a function `releases` gives (hexdocs.pm/mix, "mix release"). */
function releasesOf(text: string): readonly string[] {
  const begin = /\breleases: *\[|\bdefp? releases(?:\(\))? do\s*\[/.exec(text);
  if (begin === null) return [];
  const names: string[] = [];
  let depth = 1;
  for (const { 0: word, 1: name } of text
    .slice(begin.index + begin[0].length)
    .matchAll(/[[\]{}()]|\b([a-z]\w*): *(?=\[)/g)) {
    if (name !== undefined) {
      if (depth === 1) names.push(name);
    } else depth += "[{(".includes(word) ? 1 : -1;
    if (depth === 0) break;
  }
  return names;
}

/** The release that the Procfile starts first. */
function preferred(tree: Tree, names: readonly string[]): readonly string[] {
  const web = readProcfile(tree).get("web")?.join(" ") ?? "";
  const named = names.filter((name) => web.includes(`/bin/${name}`));
  return [...named, ...names.filter((name) => !named.includes(name))];
}
