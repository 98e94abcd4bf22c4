import { toolWishes } from "../toolfile.ts";
import type { Tree } from "../tree.ts";
import { type ChosenVersion, chooseVersion, npmRange, type RangeWish, type VersionLine } from "../version-line.ts";

/** Minor versions get fixes for three years (ruby-lang.org, "Ruby Maintenance Branches"). */
const ruby: VersionLine = {
  name: "Ruby",
  offered: ["3.4", "4.0", "3.3", "3.2", "3.1", "3.0", "2.7"],
  maintained: ["4.0", "3.4", "3.3"],
};

/** The version of Ruby: an exact one of the Gemfile, of a version manager's file, then its range, then of its lock. */
export function chooseRuby(tree: Tree): ChosenVersion {
  const gemfile = tree.text("Gemfile") ?? "";
  const written = /^\s*ruby[ (]+((?:["'][^"'\n]{1,60}["'](?:\s*,\s*)?)+)/m.exec(gemfile)?.[1];
  const asked = [...(written ?? "").matchAll(/["']([^"']+)["']/g)].map(([, text = ""]) => text);
  const locked = /^RUBY VERSION\r?\n\s+ruby (\d+\.\d+\.\d+)/m.exec(tree.text("Gemfile.lock") ?? "")?.[1];
  const file = tree.text(".ruby-version")?.trim().split(/\s/)[0];
  const own = asked.length > 0 ? [wish(asked.join(", "), "ruby of Gemfile")] : [];
  const isExact = /^\d+\.\d+\.\d+$/.test(asked.join(", "));
  return chooseVersion(ruby, [
    ...(isExact ? own : []),
    ...(file ? [wish(file, ".ruby-version")] : []),
    ...toolWishes(tree, ["ruby"]).map(({ text, where }) => wish(text, where)),
    ...(isExact ? [] : own),
    ...(locked ? [wish(`~> ${locked}`, "Gemfile.lock")] : []),
  ]);
}

function wish(text: string, where: string): RangeWish {
  return { text, where, range: npmRange(gemRange(text.replace(/^ruby-/, ""))) };
}

/** A requirement of RubyGems as a range of npm's: `~> 3.2` allows 3.9 and not 4, `~> 3.2.1` allows 3.2.9 and not 3.3. */
function gemRange(text: string): string {
  return text
    .split(",")
    .map((part) => part.trim())
    .map((part) => part.replace(/^~>\s*(?=\d+\.\d+\.\d)/, "~").replace(/^~>\s*/, "^"))
    .join(" ");
}
