import { allowedHosts } from "./rules/allowed-hosts.ts";
import { corsOrigins } from "./rules/cors-origins.ts";
import { debugOn } from "./rules/debug-on.ts";
import { developmentEnvironment } from "./rules/development-environment.ts";
import { developmentServer } from "./rules/development-server.ts";
import { fixedPort } from "./rules/fixed-port.ts";
import { httpsOff } from "./rules/https-off.ts";
import { leftOutFile } from "./rules/left-out-file.ts";
import { llmRetry } from "./rules/llm-retry.ts";
import { localAddress } from "./rules/local-address.ts";
import { loopbackOnly } from "./rules/loopback-only.ts";
import { migrationsNotRun } from "./rules/migrations-not-run.ts";
import { missingDependency } from "./rules/missing-dependency.ts";
import { noProbe } from "./rules/no-probe.ts";
import { oneWayRelease } from "./rules/one-way-release.ts";
import { placeholderValue } from "./rules/placeholder-value.ts";
import { plainPasswords } from "./rules/plain-passwords.ts";
import { rootUser } from "./rules/root-user.ts";
import { scriptStart } from "./rules/script-start.ts";
import { secretInGit } from "./rules/secret-in-git.ts";
import { secretInManifest } from "./rules/secret-in-manifest.ts";
import { secretInSource } from "./rules/secret-in-source.ts";
import { stateBesideCode } from "./rules/state-beside-code.ts";
import { staticImage } from "./rules/static-image.ts";
import { testsNotRun } from "./rules/tests-not-run.ts";
import { unboundedMemory } from "./rules/unbounded-memory.ts";
import { unpinnedImage } from "./rules/unpinned-image.ts";
import { weakSecret } from "./rules/weak-secret.ts";
import { workerCount } from "./rules/worker-count.ts";
import type { Rule } from "./subject.ts";

/** Every rule, in the order of docs/checks.md. */
export const rules: readonly Rule[] = [
  debugOn,
  developmentEnvironment,
  placeholderValue,
  weakSecret,
  secretInManifest,
  secretInSource,
  secretInGit,
  allowedHosts,
  corsOrigins,
  httpsOff,
  localAddress,
  developmentServer,
  fixedPort,
  loopbackOnly,
  workerCount,
  missingDependency,
  leftOutFile,
  scriptStart,
  staticImage,
  llmRetry,
  plainPasswords,
  unpinnedImage,
  rootUser,
  noProbe,
  unboundedMemory,
  stateBesideCode,
  migrationsNotRun,
  oneWayRelease,
  testsNotRun,
];

/** Rules whose warnings a deployment shows before the upload: only the source shows them, and they explain failures. */
export const toldBeforeUpload: readonly Rule[] = [
  secretInGit,
  leftOutFile,
  scriptStart,
  staticImage,
  fixedPort,
  loopbackOnly,
];
