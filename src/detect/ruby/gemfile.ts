import type { Tree } from "../tree.ts";

/** A Gemfile is a program: only its usual forms are read (bundler.io, "gemfile(5)"). */
export interface Gemfile {
  /** Those that it or its lock names, but those of the groups for development and tests alone. */
  readonly gems: ReadonlySet<string>;
  /** Versions that the lock fixes, by gem. */
  readonly locked: ReadonlyMap<string, string>;
  /** Whether a server of gems is named; without one, Bundler finds only what the machine has. */
  readonly hasSource: boolean;
  /** Whether packages lie in the source, so that it must be there before they are installed. */
  readonly hasPaths: boolean;
  /** Whether the lock has what is installed on Linux. */
  readonly isForLinux: boolean;
  /** The version of Bundler that wrote the lock; null: unknown. */
  readonly bundler: string | null;
  /** `jruby`, `truffleruby`; null: Ruby's own. */
  readonly engine: string | null;
}

export function readGemfile(tree: Tree): Gemfile {
  const text = (tree.text("Gemfile") ?? "").replace(/#.*/g, "");
  const lock = tree.text("Gemfile.lock") ?? "";
  const locked = new Map(
    [...lock.matchAll(/^ {4}([\w.-]{1,100}) \(([\w.]{1,40})/gm)].map(([, name = "", version = ""]) => [name, version]),
  );
  const own = withoutGroups(text).matchAll(
    /^\s*gem[ (]+["']([\w.-]{1,100})["'](?!.*\bgroups?: *\[?:(?:development|test))/gm,
  );
  const platforms = (/^PLATFORMS\r?\n((?:[ \t]+\S+\r?\n?)+)/m.exec(lock)?.[1] ?? "ruby").trim().split(/\s+/);
  const file = tree.text(".ruby-version")?.trim() ?? "";
  return {
    // Only some gems bring a program of their own; what the lock adds is looked up by name.
    gems: new Set([
      ...[...own].map(([, name = ""]) => name),
      ...[...locked.keys()].filter((name) => name === "puma" || name === "rack"),
    ]),
    locked,
    hasSource: /^\s*(?:source|git_source|gemspec)\b|\b(?:git|github):/m.test(text),
    hasPaths: /^\s*(?:gemspec|eval_gemfile|path)\b|\bpath:|:path\s*=>/m.test(text),
    isForLinux: platforms.some((one) => one === "ruby" || one.includes("linux")),
    bundler: /^BUNDLED WITH\r?\n\s+(\d{1,3}(?:\.\d{1,3}){1,2})/m.exec(lock)?.[1] ?? null,
    engine:
      /^(jruby|truffleruby|rbx)\b/.exec(file)?.[1] ?? /\bengine:\s*["'](?!ruby["'])(\w+)["']/.exec(text)?.[1] ?? null,
  };
}

function withoutGroups(text: string): string {
  return text.replace(/^group (?::(?:development|test)(?:, *)?)+ do$[\s\S]*?^end$/gm, "");
}
