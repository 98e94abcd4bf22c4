import { nearest } from "./diagnostic.ts";

/** Words of other formats and of everyday use, with the keys that they stand for. A section has at most one of them. */
const groups: readonly (readonly string[])[] = [
  ["run", "command", "cmd", "exec", "start", "startCommand", "script", "entrypoint"],
  ["command", "buildCommand", "installCommand", "build", "install"],
  ["context", "dir", "directory", "path", "root", "rootDir", "rootDirectory", "source", "baseDirectory"],
  ["dockerfile", "file", "dockerfilePath", "dockerfileLocation"],
  ["target", "stage", "buildTarget", "dockerfileTarget"],
  ["args", "buildArgs", "arguments"],
  ["base", "baseImage", "builder", "builders"],
  ["path", "url", "uri", "endpoint", "httpGet", "publish", "publishDirectory", "staticPublishPath", "output", "dir"],
  ["within", "timeout", "deadline", "timeLimit", "grace", "gracePeriod", "stopGracePeriod", "killTimeout"],
  ["within", "terminationGracePeriodSeconds", "startPeriod", "initialDelaySeconds", "startupTimeout", "maxWait"],
  ["timeout", "within", "timeoutSeconds", "idleTimeout", "responseTimeout", "readTimeout"],
  ["every", "interval", "period", "periodSeconds", "schedule"],
  ["times", "successThreshold", "successes", "count"],
  ["failures", "retries", "failureThreshold", "attempts", "unhealthyThreshold"],
  ["status", "statusCode", "code", "expectedStatus", "httpCode"],
  ["json", "body", "response", "contains"],
  ["for", "duration", "time", "period", "length", "bakeTime", "observe", "window"],
  ["errors", "errorRate", "failureRate", "maxErrors"],
  ["p95", "latency", "responseTime", "slow"],
  ["keep", "retainContainers", "revisionHistoryLimit", "history", "releases", "keepReleases"],
  ["canary", "weights", "steps", "strategy"],
  ["body", "maxBody", "maxBodySize", "maxRequestBody", "maxRequestBodySize", "clientMaxBodySize", "size", "upload"],
  ["rate", "requests", "rps", "rateLimit", "requestsPerMinute"],
  ["burst", "maxBurst"],
  ["origins", "allowOrigin", "allowOrigins", "allowedOrigins", "accessControlAllowOrigin"],
  ["methods", "allowMethods", "allowedMethods"],
  ["headers", "allowHeaders", "allowedHeaders"],
  ["expose", "exposeHeaders", "exposedHeaders"],
  ["credentials", "allowCredentials"],
  ["memory", "mem", "memLimit", "memoryLimit", "memoryMb", "ram"],
  ["cpus", "cpu", "cpuLimit", "cpuCount", "cores", "vcpus"],
  ["replicas", "instances", "scale", "count", "numReplicas", "minInstances", "minReplicas", "minMachinesRunning"],
  ["single", "singleton", "exclusive"],
  ["hosts", "host", "hostname", "domain", "domains", "customDomains", "serverName"],
  ["ready", "readiness", "readinessProbe", "healthcheck", "healthCheckPath", "health", "probe", "startupProbe"],
  ["alive", "live", "liveness", "livenessProbe"],
  ["https", "tls", "ssl", "forceHttps", "redirectHttps", "forceSsl", "redirect"],
  ["internal", "private", "internalOnly"],
  ["pages", "errorPages"],
  ["canonical", "primary", "primaryHost", "www"],
  ["port", "containerPort", "targetPort", "internalPort", "appPort", "listen"],
  ["readOnly", "readOnlyRootFilesystem", "readonlyRootfs"],
  ["stop", "shutdown", "terminate"],
  ["signal", "stopSignal", "killSignal"],
  ["drain", "drainTimeout", "drainingTimeout", "preStop"],
  ["needs", "dependsOn", "links", "after", "requires"],
  ["release", "releaseCommand", "migrate", "migration", "preDeploy", "preDeployCommand", "predeploy", "initContainers"],
  ["before", "pre", "preDeploy"],
  ["after", "post", "postDeploy"],
  ["settle", "minReadySeconds", "startupGrace"],
  ["fallback", "spa", "index", "notFound"],
  ["env", "envs", "environment", "envVars", "variables", "vars"],
  ["environments", "stages", "envs"],
  ["services", "processes", "workers", "containers"],
  ["app", "name", "appName", "project", "projectName"],
  ["username", "user", "login"],
  ["password", "token", "passwordFrom"],
  ["ttl", "expires", "expiry", "lifetime"],
  ["from", "base", "inherit", "extends"],
  ["max", "limit", "maximum"],
  ["who", "users", "people", "allowedUsers", "reviewers"],
  ["branches", "branch", "allowedBranches"],
  ["confirm", "confirmation", "approval"],
  ["default", "fallback", "defaultValue"],
  ["value", "val", "text"],
  ["pattern", "regex", "regexp", "match", "format"],
  ["oneOf", "enum", "choices", "options", "values", "allowed"],
  ["minLength", "min"],
  ["maxLength", "max"],
  ["generate", "generateValue", "random", "generator"],
  ["secret", "sensitive", "private", "hidden", "sync"],
  ["required", "mandatory", "needed"],
];

/** `stop_grace_period` and `stop-grace-period` are `stopGracePeriod`. */
function plain(word: string): string {
  return word.replaceAll(/[-_]/g, "").toLowerCase();
}

/** The known key that a word of another format, or of another spelling, stands for; null if none. */
export function synonymIn(word: string, known: readonly string[]): string | null {
  const asked = plain(word);
  const spelt = known.find((key) => plain(key) === asked);
  if (spelt !== undefined) return spelt;
  const group = groups.filter((words) => words.some((one) => plain(one) === asked)).flat();
  return group.find((key) => known.includes(key)) ?? null;
}

/** The known key that was probably meant: a synonym, else at most one typo for every three letters; null if none. */
export function meantKey(word: string, known: readonly string[]): string | null {
  return synonymIn(word, known) ?? nearest(word, known);
}
