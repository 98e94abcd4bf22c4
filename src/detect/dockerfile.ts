/** One instruction, or a comment above the ones that follow. Nothing from a source reaches one unquoted and unchecked. */
export type DockerfileLine = string;

/** The user of every generated image: the first that Linux distributions give to a person, never root. */
const user = "1000:1000";
export const defaultPort = 8000;

export function comment(words: string): DockerfileLine {
  return `# ${words.replace(/[\p{Cc}\u2028\u2029]/gu, " ")}`;
}

/** The exec form: no shell reads it, and JSON keeps every character in its quotes. */
export function execForm(words: readonly string[]): string {
  return `[${words.map((word) => asciiJson(word)).join(", ")}]`;
}

/** JSON with only printable ASCII, so that no reader of the file sees other line ends than are there. */
function asciiJson(text: string): string {
  return JSON.stringify(text).replace(
    /[^\x20-\x7e]/g,
    (sign) => `\\u${sign.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

/** Whether a path can stand in an instruction as it is: no space, quote, `$`, wildcard or backslash. */
export function isPlainPath(path: string): boolean {
  return (
    /^[A-Za-z0-9_@+][\w@+.-]*(?:\/[A-Za-z0-9_@+.][\w@+.-]*)*$|^\.[A-Za-z0-9_][\w.-]*(?:\/[\w@+.-]+)*$/.test(path) &&
    !/(?:^|\/)\.\.(?:\/|$)/.test(path)
  );
}

/** Copies files into a directory of the image; the paths are plain ones. */
export function copy(paths: readonly string[], into: string): DockerfileLine {
  return `COPY ${[...paths, into].join(" ")}`;
}

/** An image name as the manifest allows one. */
export function isImage(name: string): boolean {
  return /^[a-z0-9][\w.:/@-]{0,255}$/.test(name);
}

export interface Probe {
  /** What runs inside the container, by the language's own runtime; it reads PORT. */
  readonly command: readonly string[];
}

interface Ending {
  /** Null for an image that answers no HTTP. */
  readonly probe: Probe | null;
  readonly command: readonly string[];
  /** Where the command comes from. */
  readonly because: string;
}

/**
 * The end of the stage that runs: user, port, probe and command. R053 has the times of the probe. `$PORT` is read when
 * the container starts, so that a platform may choose another port.
 */
export function ending({ probe, command, because }: Ending): readonly DockerfileLine[] {
  const checked =
    probe === null
      ? []
      : [
          comment("Asks the app itself, with nothing that would have to be installed for it."),
          "HEALTHCHECK --interval=30s --timeout=10s --start-period=5s --retries=3 \\",
          `  CMD ${execForm(probe.command)}`,
        ];
  const exposed =
    probe === null ? [] : [comment("Where the app listens, unless PORT says otherwise."), `EXPOSE ${defaultPort}`];
  return [
    comment("Never root; a number, so that the engine can check it."),
    `USER ${user}`,
    ...exposed,
    ...checked,
    comment(because),
    `CMD ${execForm(command)}`,
  ];
}

/** Stages of a Dockerfile as text, an empty line between them. */
export function dockerfileText(title: string, stages: readonly (readonly DockerfileLine[])[]): string {
  const head = [
    comment(`Made by Fairlead: ${title}.`),
    comment("Keep it beside the source as Dockerfile to change it."),
  ];
  return `${[head, ...stages].map((lines) => lines.join("\n")).join("\n\n")}\n`;
}

/** The words of a command that needs no shell, or null. */
export function plainWords(command: string): readonly string[] | null {
  const words = command.trim().split(/\s+/);
  const plain = words.every((word) => /^[\w@%+=:,./-]+$/.test(word));
  return plain && command.length <= 8_192 && !/^\w+=/.test(words[0] ?? "") && words[0] !== "" ? words : null;
}

/** A command with `$PORT` in it, for a shell that makes room for the program: signals reach the program itself. */
export function shell(command: string): readonly string[] {
  return ["sh", "-c", `exec ${command}`];
}
