import { toolWishes } from "../toolfile.ts";
import { type Mapping, type Tree, textMember } from "../tree.ts";
import { type ChosenVersion, chooseVersion, npmRange, type RangeWish, type VersionLine } from "../version-line.ts";

/** Minor versions get fixes for four years (php.net, "Supported Versions"). */
const php: VersionLine = {
  name: "PHP",
  offered: ["8.4", "8.5", "8.3", "8.2", "8.1", "8.0", "7.4"],
  maintained: ["8.5", "8.4", "8.3"],
};

/** The version of PHP: what Composer takes for the platform, what the app requires, or a version manager's file. */
export function choosePhp(tree: Tree, composer: Mapping | null): ChosenVersion {
  const platform = textMember(composer, "config.platform.php");
  const required = textMember(composer, "require.php");
  const file = tree.text(".php-version")?.trim();
  return chooseVersion(php, [
    ...(platform ? [wish(platform.replace(/^(\d+\.\d+).*/, "$1"), "config.platform.php of composer.json")] : []),
    ...(file ? [wish(file, ".php-version")] : []),
    ...toolWishes(tree, ["php"]).map(({ text, where }) => wish(text, where)),
    ...(required ? [wish(required, "require.php of composer.json")] : []),
  ]);
}

function wish(text: string, where: string): RangeWish {
  return { text, where, range: npmRange(composerRange(text)) };
}

/** Composer's `|` and `,`, and `~8.1`, which allows 8.4 and not 9 (getcomposer.org, "Versions and constraints"). */
function composerRange(text: string): string {
  return text
    .split(/\s*\|\|?\s*/)
    .map((part) => part.replaceAll(",", " ").replace(/~(\d+)\.(\d+)(?![.\d])/g, "^$1.$2"))
    .join(" || ");
}
