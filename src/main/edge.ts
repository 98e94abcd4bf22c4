import { parseArgs } from "node:util";
import { secureDoor } from "../adapters/edge/embedded/doors.ts";
import { edgeAnswers, runEdge } from "../adapters/edge/embedded/run.ts";
import { addressExitCode, exitCodes } from "../adapters/edge/embedded/start.ts";
import { asFault, Fault } from "../base/faults.ts";
import { addressErrorOf } from "../host/refused-address.ts";
import { settle } from "./node-flags.ts";

/**
 * The edge process: `edge --directory DIR --host HOST --port PORT [--secure-host HOST --secure-port PORT] [--trust-proxy
 * NETWORKS] [--proxy-protocol]`. It ends by SIGTERM, SIGINT or its admin socket only.
 * Standard output is its log. Exit codes: src/adapters/edge/embedded/start.ts.
 */
async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      directory: { type: "string" },
      host: { type: "string" },
      port: { type: "string" },
      "secure-host": { type: "string" },
      "secure-port": { type: "string" },
      "trust-proxy": { type: "string" },
      "proxy-protocol": { type: "boolean" },
    },
  });
  const { host } = values;
  const directory = values.directory === undefined ? undefined : place(values.directory);
  const port = Number(values.port);
  if (directory === undefined || host === undefined || !Number.isInteger(port)) {
    throw new Fault("usage.invalid", "The edge needs --directory, --host and --port.");
  }
  const trust = values["trust-proxy"]?.split(",") ?? [];
  const proxies = { trust, proxyProtocol: values["proxy-protocol"] ?? false };
  const secureHost = values["secure-host"];
  const secure = secureHost === undefined ? null : { host: secureHost, port: Number(values["secure-port"]) };
  const edge = await runEdge({ directory, listen: { host, port }, secure, proxies, log });
  process.on("SIGTERM", () => edge.stop());
  process.on("SIGINT", () => edge.stop());
  settle();
  await edge.ended;
  process.exit(0);
}

/** The edge's user needs no way to its directory: it is begun there. */
function place(directory: string): string {
  return process.cwd() === directory ? "." : directory;
}

function log(line: string): void {
  process.stdout.write(`${new Date().toISOString()} ${line}\n`);
}

async function exitCodeOf(fault: Fault): Promise<number> {
  const isSecure = fault.diagnostics.some(({ path }) => path === secureDoor);
  const error = addressErrorOf(fault.cause);
  if (error !== null) return addressExitCode(error, isSecure);
  if (fault.code !== "listen.in-use") return exitCodes.refused;
  if (isSecure) return exitCodes.secureInUse;
  const directory = process.argv[process.argv.indexOf("--directory") + 1] ?? "";
  return (await edgeAnswersSoon(place(directory))) ? exitCodes.otherRuns : exitCodes.inUse;
}

/** An edge that won the port a moment ago opens its admin socket within milliseconds; a second covers a busy machine. */
async function edgeAnswersSoon(directory: string): Promise<boolean> {
  for (let tries = 0; tries < 20; tries += 1) {
    if (await edgeAnswers(directory)) return true;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  return false;
}

// Every expected failure has its handler. What is left over ends one request at most, and ending the process would end them all.
process.on("uncaughtException", (thrown) => log(`unexpected: ${thrown.stack ?? thrown.message}`));
process.on("SIGHUP", () => undefined);

main().catch(async (thrown: unknown) => {
  const fault = asFault(thrown);
  log(`${fault.code}: ${fault.detail} ${fault.hint}`);
  process.exit(await exitCodeOf(fault));
});
