import { Fault } from "../base/faults.ts";
import type { Client } from "../client/client.ts";
import type { DeploymentView } from "../contract/deployments.ts";

/** Most lines of a build that are shown if one follows it late. */
const earlierLines = 1_000;
/** How both kinds of builders name the task of a build: a service may be called `build` as well. */
const buildTask = /^build-[0-9a-f]{16}-/;

/** A deployment's build, followed beside its phases. */
export interface BuildOutput {
  /** Ends the following; resolves when nothing more is shown. */
  stop(): Promise<void>;
}

/**
 * Shows the output of a deployment's build as it comes, from its start. What prevents that is shown in its place: the
 * deployment continues without it.
 */
export function followBuild(
  api: Client,
  deployment: DeploymentView,
  show: (lines: readonly string[]) => void,
): BuildOutput {
  const left = new AbortController();
  const { app, environment, release } = deployment;
  const request = { params: { app, environment }, query: { service: "build", release, tail: earlierLines } };
  const follow = async () => {
    for await (const { data } of api.stream("logStream", request, { signal: left.signal })) {
      const own = data.lines.filter(({ instance }) => buildTask.test(instance)).map(({ message }) => message);
      if (own.length > 0) show(own);
    }
  };
  const followed = follow().catch((thrown: unknown) => {
    // Ctrl-C ends every request of the command; the deployment's own says what becomes of it.
    const isAborted = thrown instanceof DOMException && thrown.name === "AbortError";
    if (left.signal.aborted || isAborted) return;
    if (!(thrown instanceof Fault)) throw thrown;
    show([`the build's output cannot be shown: ${thrown.detail}`]);
  });
  return {
    stop() {
      left.abort();
      return followed;
    },
  };
}
