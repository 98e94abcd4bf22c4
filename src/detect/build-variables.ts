/** Names of the variables of a build, as the manifest allows them. */
interface BuildNames {
  readonly plain: readonly string[];
  readonly secret: readonly string[];
}

/**
 * A generated Dockerfile with the variables of the build in the stages that build: plain ones as arguments, secret ones
 * mounted for one command at a time, so that none stays in a layer. The last stage, which runs, gets neither.
 */
export function withBuildVariables(dockerfile: string, { plain, secret }: BuildNames): string {
  const lines = dockerfile.split("\n");
  const last = lines.findLastIndex((line) => line.startsWith("FROM "));
  const mounts = secret.map((name) => `--mount=type=secret,id=${name} `).join("");
  const exports = secret.map((name) => `export ${name}="$(cat /run/secrets/${name})" && `).join("");
  return lines
    .flatMap((line, i) => {
      if (i >= last) return [line];
      if (line.startsWith("FROM ")) return [line, ...plain.map((name) => `ARG ${name}`)];
      return [line.replace(/^RUN /, () => `RUN ${mounts}${exports}`)];
    })
    .join("\n");
}
