/** A statement of a Python file that runs when the file is imported. */
export interface Statement {
  /** Without comments and long strings, on one line. */
  readonly text: string;
  readonly indent: number;
  /** False inside functions and branches. */
  readonly certain: boolean;
  /** The line `class …` that it stands under; null at the top. */
  readonly inClass: string | null;
}

const token =
  /#[^\n]*|[rbfuRBFU]{0,2}("""|''')[\s\S]*?\1|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'|\\\r?\n|\r?\n|[([{]|[)\]}]|[^\s"'#()[\]{}\\]+|[^\S\n]+|./g;

/** No statement that is meant to be read is longer. */
const statementLimit = 10_000;

/** The statements of a file. Lines inside brackets belong to the statement that opened them (Python's implicit joining). */
export function statementsOf(text: string): readonly Statement[] {
  const statements: Statement[] = [];
  let open: { indent: number; head: string }[] = [];
  for (const line of logicalLines(text)) {
    const indent = line.search(/\S/);
    const words = line.trim().slice(0, statementLimit);
    open = open.filter((block) => block.indent < indent);
    const inner = open.at(-1)?.head ?? "";
    const certain = open.every(({ head }) => head.startsWith("class ")) && !/^(?:async\s+)?def\b/.test(words);
    statements.push({ text: words, indent, certain, inClass: inner.startsWith("class ") ? inner : null });
    if (words.endsWith(":")) open.push({ indent, head: words });
  }
  return statements;
}

function logicalLines(text: string): readonly string[] {
  const lines: string[] = [];
  let line = "";
  let depth = 0;
  for (const [found] of text.replaceAll("\t", "        ").matchAll(token)) {
    if (/^\r?\n$/.test(found)) {
      if (depth > 0) line += " ";
      else {
        if (line.trim() !== "") lines.push(line.trimEnd());
        line = "";
      }
      continue;
    }
    if (/^[([{]$/.test(found)) depth++;
    if (/^[)\]}]$/.test(found)) depth = Math.max(0, depth - 1);
    line += found.startsWith("#")
      ? ""
      : /^(?:[rbfuRBFU]{0,2})(?:"""|''')/.test(found)
        ? '""'
        : found.startsWith("\\")
          ? " "
          : found;
  }
  return line.trim() === "" ? lines : [...lines, line.trimEnd()];
}
