type Forms = Readonly<Record<string, string>>;

/** Sentences for keys of other formats, for `later` of a section. */
function refusals(forms: Forms): Forms {
  return Object.fromEntries(Object.entries(forms).map(([key, form]) => [key, `is not a key here – ${form}`]));
}

const variables = "write env: { NAME: value }";
const hosts = "write http: { hosts: [shop.example.com] }";
const run = "write run: node server.js";
const port = "write http: { port: 8000 }";
const probe = "write http: { ready: /health }";
const replicas = "write replicas: 2";
const release = "write release: node migrate.js";
const noVolumes = "volumes are not supported in this version: keep data in a database, and set its address under env:";
const noJobs = "jobs are not supported in this version";
const noData = "data services are not supported in this version: set their addresses under env:";
const kubernetes = "this is a Kubernetes manifest; `fairlead init` writes a fairlead.yml";
const always = "an instance that ends is always restarted: remove it";
const below = (what: string) => `write it below services: web: (${what.replace(/^write /, "")})`;

/** Keys of a service in Compose, Heroku, Fly, Railway and Render. */
export const foreignServiceKeys = refusals({
  cmd: run,
  command: run,
  cron: noJobs,
  cronSchedule: noJobs,
  depends_on: "write needs: [db] with names of services",
  dependsOn: "write needs: [db] with names of services",
  deploy: "write replicas: 2 and memory: 512MB here; the section deploy: stands at the top of the file",
  domains: hosts,
  entrypoint: run,
  env_file: `${variables}, and set secrets with \`fairlead env import FILE\``,
  envVars: variables,
  environment: variables,
  expose: port,
  healthcheck: probe,
  healthCheckPath: probe,
  healthcheckPath: probe,
  hosts,
  image: "write build: { image: name@sha256:… } at the top of the file",
  build: "it stands at the top of the file, for all services",
  buildCommand: "write build: { command: npm ci } at the top of the file, for all services",
  instances: replicas,
  internal_port: port,
  mem_limit: "write memory: 512MB",
  mounts: noVolumes,
  labels: "instances get the labels of Fairlead: remove it",
  links: "write needs: [db] with names of services",
  logging: "logs are kept by Fairlead: remove it",
  networks: "each environment has a network of its own: remove it",
  numInstances: replicas,
  port,
  ports: port,
  preDeployCommand: release,
  quantity: replicas,
  ready: probe,
  release_command: release,
  restart: always,
  restartPolicyType: always,
  scale: replicas,
  schedule: noJobs,
  secrets: "write env: { NAME: { secret: true } }, and set the value with `fairlead env set NAME --stdin`",
  start: run,
  startCommand: run,
  stop_grace_period: "write stop: { within: 30s }",
  stop_signal: "write stop: { signal: SIGTERM }",
  variables,
  user: "apps never run as root; an image may name its user in its Dockerfile: remove it",
  volumes: noVolumes,
  working_dir: 'commands run in the directory of the source: write sh -c "cd DIR && exec CMD"',
  workdir: 'commands run in the directory of the source: write sh -c "cd DIR && exec CMD"',
});

/** Keys of Fly's `http_service` and of probes elsewhere, below `http:`. */
export const foreignHttpKeys = refusals({
  domain: "write hosts: [shop.example.com]",
  domains: "write hosts: [shop.example.com]",
  force_https: "HTTP is redirected as soon as a host has a certificate: remove it",
  health: "write ready: /health",
  healthcheck: "write ready: /health",
  healthCheckPath: "write ready: /health",
  host: "write hosts: [shop.example.com]",
  internal_port: "write port: 8000",
  path: "write ready: /health",
  ports: "write port: 8000",
});

/** Keys at the top of Kubernetes manifests, Kamal's `deploy.yml`, `compose.yml`, `fly.toml`, `railway.json`, `render.yaml`, `app.json` and a Procfile. */
export const foreignTopKeys = refusals({
  accessories: noData,
  addons: noData,
  alerts: "alerts are not supported in this version: remove it",
  apiVersion: kubernetes,
  buildCommand: "write build: { command: npm ci }",
  buildpacks: "Fairlead detects how to build a source, or uses its Dockerfile: remove it",
  command: below(run),
  cron: noJobs,
  database: noData,
  databases: noData,
  domains: below(hosts),
  env_file: `${variables}, and set secrets with \`fairlead env import FILE\``,
  envVarGroups: "write groups: { NAME: { VARIABLE: value } }",
  envVars: variables,
  environment: variables,
  formation: "write services: { web: { replicas: 2 } }",
  healthcheck: below(probe),
  http: below("write http: {}"),
  http_service: below("write http: { port: 8000 }"),
  image: "write build: { image: name@sha256:… }",
  kind: kubernetes,
  metadata: kubernetes,
  mounts: noVolumes,
  name: "write app: shop",
  networks: "each environment has a network of its own: remove it",
  port: below(port),
  ports: below(port),
  primary_region: "Fairlead runs on its own machines: remove it",
  processes: "write services: { web: { run: node server.js } }",
  ready: below(probe),
  release: below(release),
  release_command: below(release),
  replicas: below(replicas),
  run: below(run),
  proxy: below("write http: { hosts: [shop.example.com] }"),
  region: "Fairlead runs on its own machines: remove it",
  scripts: "write run: of a service, or build: { command: npm ci }",
  secrets: "write env: { NAME: { secret: true } }, and set the value with `fairlead env set NAME --stdin`",
  servers: "Fairlead deploys to the machine of its controller: name that with --url or --state",
  spec: kubernetes,
  ssh: "Fairlead does not use SSH: start a controller on the machine, and name it with --url",
  start: below(run),
  startCommand: below(run),
  variables,
  volumes: noVolumes,
  web: "write services: { web: { run: node server.js, http: {} } }",
  worker: "write services: { worker: { run: node worker.js } }",
});
