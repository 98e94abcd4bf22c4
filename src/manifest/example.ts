/** The example at the top of the reference page; a test reads it for each of its environments. */
export const example = `version: 1
app: kairo
build: { context: ., command: npm ci --omit=dev }
env:
  LOG_LEVEL: { default: INFO, oneOf: [DEBUG, INFO, WARNING, ERROR] }
  SECRET_KEY: { secret: true, generate: hex32 }
  APP_DEBUG: { default: "False", forbid: { production: ["True"] } }
groups:
  llm: { OPENAI_API_KEY: { secret: true, required: [staging, production], pattern: "^sk-" } }
services:
  web:
    run: node dist/web.js               # split as a shell would, but without a shell; or a list of arguments
    http:
      port: 8000                        # passed to the process as PORT
      hosts: [kairo.example.com]
      ready: { path: /health/, status: 200, json: { status: healthy }, within: 30s, every: 1s, times: 2 }
      alive: { path: /health/, every: 10s, timeout: 5s, failures: 3 }
      timeout: 300s
      limits: { body: 10MB, rate: 100/1m, burst: 200 }
      headers: secure
    replicas: 2
    release: node dist/migrate.js up
    stop: { signal: SIGTERM, within: 30s, drain: 30s }
    memory: 512MB
    groups: [llm]
  worker:
    run: node dist/worker.js
    needs: [web]
    settle: 10s
    groups: [llm]
    env: { API: "\${web.url}/internal" }
  clock: { run: node dist/clock.js, single: true }
deploy:
  watch: { for: 60s, errors: 1%, p95: 2s }
  canary: [10%, 50%]
  keep: 10
environments:
  production: { services: { web: { replicas: 4 } } }
  staging: { env: { LOG_LEVEL: DEBUG } }
`;
