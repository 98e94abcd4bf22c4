import { comment, type DockerfileLine, defaultPort, ending, inDirectory, type Probe } from "../dockerfile.ts";
import { join } from "../tree.ts";
import { installAll, installProduction, lateScripts, packagesStage } from "./install.ts";
import { bunSetup } from "./manager.ts";
import type { NodeProject } from "./project.ts";
import type { Start } from "./start.ts";

/** What the stages of one Dockerfile share. */
export interface ImageLayout {
  readonly project: NodeProject;
  readonly image: string;
  /** The whole source must be there before anything can be installed, for this reason. */
  readonly sourceFirst: string | null;
  /** Packages that are only needed for building stay, for this reason. */
  readonly keepsAll: string | null;
}

/** The stages of an app: packages, build if there is one, and the final stage. */
export function stagesOf(
  layout: ImageLayout,
  start: Start,
  ready: string | null,
): readonly (readonly DockerfileLine[])[] {
  const { project, keepsAll: kept, sourceFirst } = layout;
  if (project.runs.kind === "standalone")
    return [buildStage(layout), runStage(layout, start, { ready, from: standaloneCopies(project.runs.directory) })];
  if (kept !== null) return [buildStage(layout), runStage(layout, start, { ready, from: fromBuilder })];
  if (project.build === null) {
    const packages = [...packagesStage(layout, "builder"), ...installProduction(project)];
    return [packages, runStage(layout, start, { ready, from: sourceFirst === null ? fromContext : fromBuilder })];
  }
  return [
    packagesStage(layout, "packages"),
    ["FROM packages AS production", ...installProduction(project)],
    ["FROM packages AS builder", ...buildLines(layout), ...withoutPackages],
    runStage(layout, start, { ready, from: fromBoth }),
  ];
}

const withoutPackages: readonly DockerfileLine[] = [
  comment("The stage above has the packages that are needed to run."),
  "RUN find . -name node_modules -prune -exec rm -rf {} +",
];

/** One stage that installs everything and builds. */
export function buildStage(layout: ImageLayout): readonly DockerfileLine[] {
  return [...packagesStage(layout, "builder"), ...buildLines(layout)];
}

/** Installs everything, copies the source and builds it. */
function buildLines({ project, sourceFirst }: ImageLayout): readonly DockerfileLine[] {
  const { build } = project;
  const lines = [...installAll(project)];
  if (sourceFirst === null) lines.push(comment("Then the source, which changes most often."), "COPY . .");
  const late = lateScripts(project);
  if (late.length > 0) lines.push(comment("What package.json runs on install, now that the source is there."));
  lines.push(...late.map((command) => `RUN ${command}`));
  if (build !== null) lines.push(...telemetry(project), `RUN ${goTo(build.directory)}${build.command}`);
  return lines;
}

function telemetry({ server }: NodeProject): readonly DockerfileLine[] {
  return server?.package === "next" ? [comment("No telemetry during the build."), "ENV NEXT_TELEMETRY_DISABLED=1"] : [];
}

function goTo(directory: string): string {
  return directory === "" ? "" : `cd ${directory} && `;
}

const owned = "--chown=1000:1000";
const fromContext: readonly DockerfileLine[] = [
  comment("Packages are a layer of their own, which stays the same while only the source changes."),
  `COPY --from=builder ${owned} /app /app`,
  `COPY ${owned} . /app`,
];
const fromBuilder: readonly DockerfileLine[] = [`COPY --from=builder ${owned} /app /app`];
const fromBoth: readonly DockerfileLine[] = [
  comment("Packages are a layer of their own, which stays the same while only the source changes."),
  `COPY --from=production ${owned} /app /app`,
  `COPY --from=builder ${owned} /app /app`,
];
const standaloneCopies = (directory: string): readonly DockerfileLine[] => [
  comment("Next.js has traced what its server needs."),
  `COPY --from=builder ${owned} /app/${directory}/standalone /app/${directory}/standalone`,
];

/** The final stage. `from`: how the app gets into /app. */
function runStage(
  { project, image }: ImageLayout,
  start: Start,
  { ready, from }: { ready: string | null; from: readonly DockerfileLine[] },
): readonly DockerfileLine[] {
  const { runs, app, server } = project;
  const directory = join("/app", app.directory).replace(/\/$/, "");
  const env = {
    NODE_ENV: "production",
    PORT: `${defaultPort}`,
    HOME: "/tmp",
    ...server?.env,
    ...standaloneEnv(runs.kind),
  };
  return [
    comment("The final stage: the same base, without build tools."),
    `FROM ${image}`,
    `ENV PATH=${[...new Set([directory, "/app"])].map((at) => `${at}/node_modules/.bin`).join(":")}:$PATH ${Object.entries(
      env,
    )
      .map(([key, value]) => `${key}=${value}`)
      .join(" ")}`,
    ...(start.command.some((word) => /^(?:exec )?bun\b/.test(word)) ? bunSetup() : []),
    ...from,
    "WORKDIR /app",
    ...ending({
      probe: start.process === undefined ? probeOf(ready) : null,
      command: startCommandOf(start, project),
      because: start.because,
    }),
  ];
}

/** In a workspace the command changes to its directory, where it is on plain processes as in the image. */
export function startCommandOf({ command }: Start, { app }: NodeProject): readonly string[] {
  return inDirectory(app.directory, command);
}

/** Next.js listens on the name in HOSTNAME, which in a container is the container's own and leaves loopback out. */
function standaloneEnv(kind: string): Readonly<Record<string, string>> {
  return kind === "standalone" ? { HOSTNAME: "0.0.0.0" } : {};
}

/** Any answer below 500 counts as alive; readiness is probed from outside. */
export function probeOf(ready: string | null): Probe {
  const path = ready ?? "/";
  const script = `fetch("http://127.0.0.1:"+process.env.PORT+"${path}",{redirect:"manual"}).then((r)=>process.exit(r.status<500?0:1),()=>process.exit(1))`;
  return { command: ["node", "-e", script] };
}
