import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { type ContextFile, npmFiles } from "./npm.ts";

/** An image made from a Dockerfile; `inputs` is what beside its text decides what comes out, e.g. versions. */
export interface Recipe {
  readonly name: string;
  /** The instructions after FROM; always the base image. */
  readonly instructions: readonly string[];
  /** Set to the place of the machine's certificates, when there are any: what programs in the image read. */
  readonly certificateVariables: readonly string[];
  readonly command: readonly string[];
  readonly inputs: readonly string[];
  readonly files: () => Promise<readonly ContextFile[]>;
  /** Made only when somebody asks for all images. */
  readonly onRequest: boolean;
}

export const baseImage = "fairlead-test/debian:trixie";
const basePath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/** What Debian's own installer omits for containers: pages to read, and waiting for the disk. */
const dpkgOptions = ["man", "doc", "locale"].map((name) => `path-exclude=/usr/share/${name}/*`);
export const baseArguments: readonly string[] = [
  "--variant=minbase",
  "--include=ca-certificates",
  ...[...dpkgOptions, "force-unsafe-io"].map((option) => `--dpkgopt=${option}`),
  "trixie",
  "-",
];
export const baseChanges: readonly string[] = [`ENV PATH=${basePath}`];

const npmVersion = "11.21.2";
const architecture = process.arch === "arm64" ? "arm64" : "x64";

function pinnedNode(): { version: string; binary: string } {
  const file = createRequire(import.meta.url).resolve(`node-linux-${architecture}/package.json`);
  const { version } = JSON.parse(readFileSync(file, "utf8")) as { version: string };
  return { version, binary: join(dirname(file), "bin/node") };
}

function install(...packages: readonly string[]): string {
  return `RUN apt-get update && apt-get install -y --no-install-recommends ${packages.join(" ")} && rm -rf /var/lib/apt/lists/*`;
}

function fromPackages(name: string, about: Pick<Recipe, "instructions" | "command"> & Partial<Recipe>): Recipe {
  return { name, certificateVariables: [], inputs: [], files: async () => [], onRequest: false, ...about };
}

function node(): Recipe {
  const { version, binary } = pinnedNode();
  const links = ["npm", "npx"].map((tool) => `ln -s ../lib/node_modules/npm/bin/${tool}-cli.js /usr/local/bin/${tool}`);
  return {
    name: "fairlead-test/node:24",
    instructions: [
      "COPY node /usr/local/bin/node",
      "COPY npm /usr/local/lib/node_modules/npm",
      `RUN ${links.join(" && ")} && chmod +x /usr/local/lib/node_modules/npm/bin/*.js`,
    ],
    certificateVariables: ["NODE_EXTRA_CA_CERTS", "SSL_CERT_FILE"],
    command: ["node"],
    inputs: [version, npmVersion],
    files: async () => [{ name: "node", content: readFileSync(binary), mode: 0o755 }, ...(await npmFiles(npmVersion))],
    onRequest: false,
  };
}

const python = fromPackages("fairlead-test/python:3.13", {
  instructions: [
    `${install("python3", "python3-pip", "python3-venv")} && ln -s python3 /usr/bin/python && rm /usr/lib/python3*/EXTERNALLY-MANAGED`,
  ],
  certificateVariables: ["PIP_CERT", "REQUESTS_CA_BUNDLE", "SSL_CERT_FILE"],
  command: ["python3"],
});

/** The few things of the official image's entrypoint that make it one database with one owner. */
const postgresStart = `#!/bin/sh
set -eu
if [ ! -s "$PGDATA/PG_VERSION" ]; then
  user=\${POSTGRES_USER:-postgres}
  umask 077
  printf %s "\${POSTGRES_PASSWORD:?}" >/tmp/password
  initdb --username="$user" --pwfile=/tmp/password --auth-local=trust --auth-host=scram-sha-256
  rm /tmp/password
  echo "host all all all scram-sha-256" >>"$PGDATA/pg_hba.conf"
  if [ "\${POSTGRES_DB:-$user}" != postgres ]; then echo "CREATE DATABASE \\"\${POSTGRES_DB:-$user}\\"" | postgres --single -j postgres; fi
fi
exec "$@"
`;

const postgres = fromPackages("fairlead-test/postgres:17", {
  instructions: [
    `${install("postgresql-17", "postgresql-17-pgvector")} && install -d -o postgres -m 700 /var/lib/postgresql/data`,
    "COPY start /usr/local/bin/docker-entrypoint.sh",
    "ENV PATH=/usr/lib/postgresql/17/bin:$PATH PGDATA=/var/lib/postgresql/data",
    "VOLUME /var/lib/postgresql/data",
    "USER postgres",
    "STOPSIGNAL SIGINT",
    'ENTRYPOINT ["docker-entrypoint.sh"]',
  ],
  command: ["postgres", "-h", "*", "-k", "/tmp"],
  inputs: [postgresStart],
  files: async () => [{ name: "start", content: Buffer.from(postgresStart), mode: 0o755 }],
  onRequest: true,
});

const redis = fromPackages("fairlead-test/redis:8", {
  instructions: [install("redis-server"), "WORKDIR /data", "RUN chown redis /data", "USER redis"],
  command: ["redis-server", "--bind", "*", "--protected-mode", "no", "--dir", "/data"],
  onRequest: true,
});

const haproxy = fromPackages("fairlead-test/haproxy:lts", {
  instructions: [install("haproxy")],
  command: ["haproxy", "-v"],
});

const caddy = fromPackages("fairlead-test/caddy:2", {
  instructions: [install("caddy")],
  command: ["caddy", "version"],
});

const buildx = fromPackages("fairlead-test/buildx-bin:0", {
  instructions: [install("docker-cli", "docker-buildx")],
  command: ["docker", "buildx", "version"],
});

/**
 * The images of tests, named after the official ones that they stand for. They are made from Debian's packages also where
 * a registry answers: tests are then the same on every machine, and no limit on pulls or moved tag decides how they end.
 */
export function recipes(): readonly Recipe[] {
  return [node(), python, haproxy, caddy, buildx, postgres, redis];
}
