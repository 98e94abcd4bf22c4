/** JavaScript or TypeScript without its comments; what looks like one in a text stays. Regular expressions are not told apart. */
export function withoutComments(text: string): string {
  const begins = /["'`]|\/[/*]/g;
  let kept = "";
  for (let at = 0; ; at = begins.lastIndex) {
    const found = begins.exec(text);
    if (found === null) return kept + text.slice(at);
    const [mark] = found;
    const isComment = mark.length === 2;
    const end =
      mark === "//"
        ? lineEnd(text, found.index)
        : mark === "/*"
          ? after(text, "*/", found.index + 2)
          : textEnd(text, found.index);
    kept += isComment ? `${text.slice(at, found.index)} ` : text.slice(at, end);
    begins.lastIndex = end;
  }
}

function lineEnd(text: string, from: number): number {
  const end = text.indexOf("\n", from);
  return end === -1 ? text.length : end;
}

function after(text: string, mark: string, from: number): number {
  const end = text.indexOf(mark, from);
  return end === -1 ? text.length : end + mark.length;
}

/** Behind the quote that closes the one at `from`; a line end closes all but a template. */
function textEnd(text: string, from: number): number {
  const quote = text[from];
  for (let i = from + 1; i < text.length; i += 1) {
    if (text[i] === "\\") i += 1;
    else if (text[i] === quote || (text[i] === "\n" && quote !== "`")) return i + 1;
  }
  return text.length;
}
