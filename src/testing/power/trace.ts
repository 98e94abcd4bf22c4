/** What a program did to files, in the order in which the calls came back. A path is absolute, and was the file's own at that moment. */
export type FileCall =
  | { readonly kind: "make"; readonly path: string; readonly what: "file" | "directory" | "other" }
  | { readonly kind: "make"; readonly path: string; readonly what: "link"; readonly target: string }
  /** `offset` null: behind what was written before. */
  | { readonly kind: "write"; readonly path: string; readonly offset: number | null; readonly bytes: Buffer }
  | { readonly kind: "copy"; readonly from: string; readonly path: string; readonly length: number }
  | { readonly kind: "truncate"; readonly path: string; readonly size: number }
  | { readonly kind: "rename"; readonly from: string; readonly path: string }
  | { readonly kind: "link"; readonly from: string; readonly path: string }
  | { readonly kind: "remove"; readonly path: string }
  /** `path` null: the whole file system. `since`: how many calls had come back when it was begun; later ones may be missed. */
  | { readonly kind: "sync"; readonly path: string | null; readonly since: number };

const traced = [
  "openat,open,creat,write,pwrite64,writev,pwritev,pwritev2,copy_file_range,sendfile,ftruncate,truncate",
  "mkdir,mkdirat,mknod,mknodat,symlink,symlinkat,link,linkat,rename,renameat,renameat2,unlink,unlinkat,rmdir",
  "fsync,fdatasync,syncfs,sync,dup2,dup3,chdir,fchdir,clone,clone3,fork,vfork,unshare,mount",
].join(",");

/** strace(1) in front of a program, which writes what `readTrace` reads to a file. Strings are hexadecimal and whole. */
export function straceInto(file: string): readonly string[] {
  const whole = ["-s", "4194304", "-xx"];
  return [
    "strace",
    "-f",
    "-ttt",
    "-y",
    "-qq",
    "--seccomp-bpf",
    ...whole,
    "-e",
    `trace=${traced}`,
    "-e",
    "signal=none",
    "-o",
    file,
  ];
}

/** What one process is known to have: strace tells its directory with every relative call, and descriptors as they are given. */
interface Known {
  cwd: string;
  readonly files: Map<string, string>;
  /** What is mounted where in its namespace, which it has with others. */
  binds: Map<string, string>;
}

interface Call {
  readonly name: string;
  /** Text between the parentheses. */
  readonly given: string;
  readonly answer: string;
  readonly since: number;
}

export interface Trace {
  readonly calls: readonly FileCall[];
  /** When each of them was seen, in milliseconds of the wall clock. */
  readonly times: readonly number[];
}

type Begun = Map<string, { readonly text: string; readonly since: number }>;

/** The call that a line reports, or whose end it reports; null: its end comes later. */
function wholeCall(line: string, { pid, since }: { pid: string; since: number }, begun: Begun): Call | null {
  if (line.endsWith("<unfinished ...>")) {
    begun.set(pid, { text: line.slice(0, -"<unfinished ...>".length), since });
    return null;
  }
  const resumed = /^<\.\.\. \w+ resumed>/.exec(line);
  const first = resumed ? begun.get(pid) : undefined;
  return callOf(first ? first.text + line.slice(resumed?.[0].length) : line, first?.since ?? since);
}

/** Reads the calls that touch what is below a directory. */
export function readTrace(text: string, below: string): Trace {
  const calls: FileCall[] = [];
  const times: number[] = [];
  const begun: Begun = new Map();
  const known = new Map<string, Known>();
  const parents = parentsIn(text);
  for (const line of text.split("\n")) {
    const [, pid = "", time = "", rest = ""] = /^(\d+) +(\d+\.\d+) (.*)$/s.exec(line) ?? [];
    const call = wholeCall(rest, { pid, since: calls.length }, begun);
    if (call === null) continue;
    const binds = known.get(parents.get(pid) ?? "")?.binds ?? new Map();
    if (!known.has(pid)) known.set(pid, { cwd: "/", files: new Map(), binds });
    const process = known.get(pid) as Known;
    if (/^(?:clone3?|v?fork)$/.test(call.name)) bear(known, process, call);
    const made = fileCalls(call, process)
      .map((each) => unbound(each, process))
      .filter((each) => touches(each, below));
    calls.push(...made);
    times.push(...made.map(() => Number(time) * 1_000));
  }
  return { calls, times };
}

/** Who made whom: the first calls of a child may come before the one that made it has come back. */
function parentsIn(text: string): ReadonlyMap<string, string> {
  const made = text.matchAll(/^(\d+) .*\b(?:clone3?|v?fork)(?:\(| resumed>).* = (\d+)$/gm);
  return new Map([...made].map(([, parent = "", child = ""]) => [child, parent]));
}

/** A thread has its directory with the others of its process; a process begins with its parent's, unless it was seen to have another. */
function bear(known: Map<string, Known>, parent: Known, { given, answer }: Call): void {
  if (given.includes("CLONE_FS")) known.set(answer, parent);
  else if (!known.has(answer)) known.set(answer, { ...parent, files: new Map(parent.files) });
}

/** The call with the paths that everybody else has for the same files. */
function unbound<Made extends FileCall>(call: Made, { binds }: Known): Made {
  const real = (path: string) => {
    const at = [...binds.keys()].find((one) => path === one || path.startsWith(`${one}/`));
    return at === undefined ? path : `${binds.get(at)}${path.slice(at.length)}`;
  };
  const from = "from" in call ? { from: real(call.from) } : {};
  return { ...call, ...from, path: call.path === null ? null : real(call.path) };
}

function touches(call: FileCall, below: string): boolean {
  if (call.kind === "sync" && call.path === null) return true;
  const paths = "from" in call ? [call.path, call.from] : [call.path];
  return paths.some((path) => path === below || path?.startsWith(`${below}/`));
}

function callOf(text: string, since: number): Call | null {
  const found = /^(\w+)\((.*)\)\s+= (.*)$/s.exec(text);
  const [, name = "", given = "", answer = ""] = found ?? [];
  return found === null || answer.startsWith("-") || answer.startsWith("?") ? null : { name, given, answer, since };
}

const pattern =
  /"((?:\\x[0-9a-f]{2})*)"|(?<![\w.])(-?\w+)<((?:\\x[0-9a-f]{2})*)>(\(deleted\))?|(?<![\w."<])(-?[\w|]+)/g;

interface Argument {
  readonly string?: Buffer;
  readonly word?: string;
  /** Of a descriptor: what it leads to. */
  readonly path?: string;
}

function argumentsOf(text: string): readonly Argument[] {
  return [...text.matchAll(pattern)].map(([, string, word, path, deleted, plain]) => {
    if (string !== undefined) return { string: bytesOf(string) };
    if (word !== undefined) return { word, path: deleted ? "" : bytesOf(path ?? "").toString() };
    return { word: plain ?? "" };
  });
}

function bytesOf(hex: string): Buffer {
  return Buffer.from(hex.replaceAll("\\x", ""), "hex");
}

function absolute(at: string, path: string, { files }: Known): string {
  const full = path.startsWith("/") ? path : `${at}/${path}`;
  const descriptor = /^\/proc\/self\/fd\/(\d+)(?:\/|$)/.exec(full);
  const real = descriptor ? `${files.get(descriptor[1] ?? "")}/${full.slice(descriptor[0].length)}` : full;
  return `/${real
    .split("/")
    .filter((part) => part !== "" && part !== ".")
    .join("/")}`;
}

/** Paths as the call names them: a descriptor before a string is the directory that it begins at. */
function pathsOf(args: readonly Argument[], process: Known): readonly string[] {
  const paths: string[] = [];
  for (const [index, { string }] of args.entries()) {
    if (string === undefined) continue;
    const before = args[index - 1];
    paths.push(absolute(before?.path ?? process.cwd, string.toString(), process));
  }
  return paths;
}

function fileCalls({ name, given, answer, since }: Call, process: Known): readonly FileCall[] {
  const args = argumentsOf(given);
  const here = args.find(({ word }) => word === "AT_FDCWD")?.path;
  if (here !== undefined) process.cwd = here;
  const number = (index: number) => Number(args[index]?.word);
  const [path = ""] = [args[0]?.path];
  const write = (offset: number | null): readonly FileCall[] => [
    { kind: "write", path, offset, bytes: written(args, Number.parseInt(answer, 10)) },
  ];
  switch (name) {
    case "chdir":
    case "fchdir":
      process.cwd = pathsOf(args, process)[0] ?? path;
      return [];
    case "unshare":
      if (given.includes("CLONE_NEWNS")) process.binds = new Map(process.binds);
      return [];
    case "mount": {
      const [from = "", at = ""] = pathsOf(args, process);
      if (given.includes("MS_BIND") && !given.includes("MS_REMOUNT") && from !== at) process.binds.set(at, from);
      return [];
    }
    case "dup2":
    case "dup3":
      process.files.set(args[1]?.word ?? "", path);
      return [];
    case "open":
    case "openat":
    case "creat":
      return opened(args, argumentsOf(answer)[0]?.path ?? "", name);
    case "write":
    case "writev":
      return write(null);
    case "pwrite64":
      return write(number(3));
    case "pwritev":
    case "pwritev2":
      return write(Number(/, (\d+)(?:, \w+)?$/.exec(given)?.[1]));
    case "copy_file_range":
      return [{ kind: "copy", from: path, path: args[2]?.path ?? "", length: Number.parseInt(answer, 10) }];
    case "ftruncate":
      return [{ kind: "truncate", path, size: number(1) }];
    case "fsync":
    case "fdatasync":
      return [{ kind: "sync", path, since }];
    case "syncfs":
    case "sync":
      return [{ kind: "sync", path: null, since }];
    default:
      return named(name, args, process);
  }
}

function opened(args: readonly Argument[], path: string, name: string): readonly FileCall[] {
  const flags = name === "creat" ? ["O_CREAT", "O_TRUNC"] : args.flatMap(({ word }) => (word ?? "").split("|"));
  const made: FileCall[] = flags.includes("O_CREAT") ? [{ kind: "make", path, what: "file" }] : [];
  return flags.includes("O_TRUNC") ? [...made, { kind: "truncate", path, size: 0 }] : made;
}

function written(args: readonly Argument[], length: number): Buffer {
  return Buffer.concat(args.flatMap(({ string }) => (string ? [string] : []))).subarray(0, length);
}

/** Calls that change names. */
function named(name: string, args: readonly Argument[], process: Known): readonly FileCall[] {
  const [path = "", second = ""] = pathsOf(args, process);
  if (name.startsWith("mkdir")) return [{ kind: "make", path, what: "directory" }];
  if (name.startsWith("mknod")) return [{ kind: "make", path, what: "other" }];
  if (name.startsWith("symlink"))
    return [{ kind: "make", path: second, what: "link", target: args[0]?.string?.toString() ?? "" }];
  if (name.startsWith("rename")) return [{ kind: "rename", from: path, path: second }];
  if (name.startsWith("link")) return [{ kind: "link", from: path, path: second }];
  if (name.startsWith("unlink") || name === "rmdir") return [{ kind: "remove", path }];
  return [];
}
