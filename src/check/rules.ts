import { allowedHosts } from "./rules/allowed-hosts.ts";
import { corsOrigins } from "./rules/cors-origins.ts";
import { debugOn } from "./rules/debug-on.ts";
import { developmentEnvironment } from "./rules/development-environment.ts";
import { developmentServer } from "./rules/development-server.ts";
import { rootUser, unpinnedImage } from "./rules/dockerfile.ts";
import { localAddress } from "./rules/local-address.ts";
import { placeholderValue } from "./rules/placeholder-value.ts";
import { plainPasswords } from "./rules/plain-passwords.ts";
import { secretInManifest } from "./rules/secret-in-manifest.ts";
import { secretInSource } from "./rules/secret-in-source.ts";
import { httpsOff, noProbe, oneWayRelease, unboundedMemory } from "./rules/service-shape.ts";
import { weakSecret } from "./rules/weak-secret.ts";
import type { Rule } from "./subject.ts";

/** Every rule, in the order of docs/checks.md. */
export const rules: readonly Rule[] = [
  debugOn,
  developmentEnvironment,
  placeholderValue,
  weakSecret,
  secretInManifest,
  secretInSource,
  allowedHosts,
  corsOrigins,
  httpsOff,
  localAddress,
  developmentServer,
  plainPasswords,
  unpinnedImage,
  rootUser,
  noProbe,
  unboundedMemory,
  oneWayRelease,
];
