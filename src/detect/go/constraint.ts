/** Tags that hold for what is built here: Linux, by Go's own compiler (pkg.go.dev/cmd/go, "Build constraints"). */
const holding = /^(?:linux|unix|amd64|gc|cgo|go1\.\d+)$/;

/** Other systems and processors that a file name may end in. */
const elsewhere =
  /_(?:aix|android|darwin|dragonfly|freebsd|illumos|ios|js|netbsd|openbsd|plan9|solaris|wasip1|windows|386|arm|arm64|loong64|mips\w*|ppc64\w*|riscv64|s390x|wasm)\.go$/;

/** Whether Go builds a file into a program for Linux; `ignore`, `tools` and other tags do not hold. */
export function isBuilt(path: string, text: string): boolean {
  if (path.endsWith("_test.go") || elsewhere.test(path)) return false;
  const line = /^\/\/go:build[ \t]+([^\n]{1,500})/m.exec(beforePackage(text))?.[1];
  if (line !== undefined) return holds(line);
  const old = [...beforePackage(text).matchAll(/^\/\/[ \t]*\+build[ \t]+([^\n]{1,500})/gm)];
  return old.every(([, words = ""]) =>
    words
      .trim()
      .split(/\s+/)
      .some((one) => one.split(",").every((tag) => holds(tag))),
  );
}

function beforePackage(text: string): string {
  return text.slice(0, Math.max(0, text.search(/^[ \t]*package\s/m)));
}

/** The value of `linux && !cgo || (go1.21 && tools)`: innermost brackets first, then `&&`, then `||`. */
function holds(line: string): boolean {
  let left = line.trim();
  for (let before = ""; before !== left; ) {
    before = left;
    left = left.replace(/\(([^()]*)\)/g, (_, inner: string) => (flat(inner) ? "linux" : "ignore"));
  }
  return flat(left);
}

function flat(line: string): boolean {
  return line.split("||").some((part) =>
    part.split("&&").every((term) => {
      const [, nots = "", tag = ""] = /^((?:!\s*)*)(\S*)$/.exec(term.trim()) ?? [];
      return holding.test(tag) === ((nots.match(/!/g) ?? []).length % 2 === 0);
    }),
  );
}
