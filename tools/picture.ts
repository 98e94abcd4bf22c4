import { readFileSync, writeFileSync } from "node:fs";

/**
 * Draws what a terminal showed as an SVG: `npm run demo -- --exit | tools/picture.ts docs/demo.svg`. The picture in the
 * README is made this way, so it shows what really came out.
 */
const [, , target = "docs/demo.svg"] = process.argv;
const width = 80;
const height = 25;
const size = { font: 13, line: 18, char: 7.82, pad: 18 } as const;

const esc = String.fromCharCode(27);
const bold = new RegExp(`${esc}\\[1m(.*?)${esc}\\[0m`);
const shown = readFileSync(0, "utf8")
  .split("\n")
  .filter((line) => !/^> |no mail|^ {2}{"time"|^\$ fairlead down|^Stopped /.test(line));

function markup(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}

function colourOf(line: string): string {
  if (bold.test(line)) return "#ffffff";
  if (line.startsWith("$ ")) return "#7ee787";
  if (line.startsWith("error:")) return "#ff7b72";
  if (line.includes("the clients saw")) return "#f2cc60";
  if (/^\[.* (?:live|rolled-back)/.test(line)) return "#7ee787";
  return "#c9d1d9";
}

/** The same line many times says no more than once. */
function withoutRepeats(lines: readonly string[]): string[] {
  return lines.filter((line, at) => line === "" || line !== lines[at - 1]);
}

const folded = withoutRepeats(shown).flatMap((line) => line.match(new RegExp(`.{1,${width}}`, "g")) ?? [""]);
/** The last screen: the bad release, its rollback and what serves. */
const lines = folded.slice(folded.findLastIndex((line) => line !== "") + 1 - height);
const rows = lines.map((line, at) => {
  const text = markup(line.replace(bold, "$1"));
  const y = size.pad + (at + 1) * size.line;
  const weight = bold.test(line) ? ' font-weight="bold"' : "";
  return `<text x="${size.pad}" y="${y}" fill="${colourOf(line)}"${weight} xml:space="preserve">${text}</text>`;
});
const box = { w: Math.ceil(width * size.char + 2 * size.pad), h: (lines.length + 1) * size.line + 2 * size.pad };
writeFileSync(
  target,
  `<svg xmlns="http://www.w3.org/2000/svg" width="${box.w}" height="${box.h}" viewBox="0 0 ${box.w} ${box.h}" role="img" aria-label="Terminal output of a deploy under load and an automatic rollback">
<rect width="100%" height="100%" rx="8" fill="#0d1117"/>
<g font-family="ui-monospace, SFMono-Regular, Menlo, Consolas, 'DejaVu Sans Mono', monospace" font-size="${size.font}">
${rows.join("\n")}
</g>
</svg>
`,
);
