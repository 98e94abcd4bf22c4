import { toolWishes } from "../toolfile.ts";
import type { Tree } from "../tree.ts";
import { type ChosenVersion, chooseVersion, npmRange, type RangeWish, type VersionLine } from "../version-line.ts";

/** Minor versions get fixes for three years (ruby-lang.org, "Ruby Maintenance Branches"). */
const ruby: VersionLine = {
  name: "Ruby",
  offered: ["3.4", "4.0", "3.3", "3.2", "3.1", "3.0", "2.7"],
  maintained: ["4.0", "3.4", "3.3"],
};

/** The version of Ruby: of the Gemfile, of its lock, or of a version manager's file. */
export function chooseRuby(tree: Tree): ChosenVersion {
  const gemfile = tree.text("Gemfile") ?? "";
  const written = /^\s*ruby[ (]+((?:["'][^"'\n]{1,60}["'](?:\s*,\s*)?)+)/m.exec(gemfile)?.[1];
  const asked = [...(written ?? "").matchAll(/["']([^"']+)["']/g)].map(([, text = ""]) => text);
  const locked = /^RUBY VERSION\r?\n\s+ruby (\d+\.\d+\.\d+)/m.exec(tree.text("Gemfile.lock") ?? "")?.[1];
  const file = tree.text(".ruby-version")?.trim().split(/\s/)[0];
  return chooseVersion(ruby, [
    ...(asked.length > 0 ? [wish(asked.join(", "), "ruby of Gemfile")] : []),
    ...(file ? [wish(file, ".ruby-version")] : []),
    ...toolWishes(tree, ["ruby"]).map(({ text, where }) => wish(text, where)),
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
