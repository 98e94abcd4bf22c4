import type { AttachingRuntime } from "../../../ports/runtime.ts";
import type { BuildTasks } from "./builds.ts";

/**
 * A runtime that shows builds as tasks beside its own, so that everything done with a task – its log, its last lines on
 * failure, its end when nothing waits for it – is done with a build. Builders whose builds are already tasks of the
 * runtime do not need this.
 */
export function withBuilds(runtime: AttachingRuntime, builds: BuildTasks): AttachingRuntime {
  const whose = async (name: string) => ((await builds.has(name)) ? builds : runtime);
  return {
    capsMemory: runtime.capsMemory,
    volumes: runtime.volumes,
    innerHost: (key, service) => runtime.innerHost(key, service),
    async observe(key) {
      const [world, tasks] = await Promise.all([runtime.observe(key), builds.tasks(key)]);
      return tasks.length === 0 ? world : { ...world, tasks: [...world.tasks, ...tasks] };
    },
    async keys() {
      const all = (await Promise.all([runtime.keys(), builds.keys()])).flat();
      return [...new Map(all.map((key) => [`${key.app}/${key.environment}`, key])).values()];
    },
    start: (spec) => runtime.start(spec),
    startTask: (spec) => runtime.startTask(spec),
    startAttached: (spec, terminal) => runtime.startAttached(spec, terminal),
    signal: async (name, signal) => (await whose(name)).signal(name, signal),
    remove: async (name) => (await whose(name)).remove(name),
    strangerAt: (name) => runtime.strangerAt(name),
    listening: (name) => runtime.listening(name),
    written: (name) => runtime.written(name),
    usage: (name) => runtime.usage(name),
    readOutput: async (name, range) => (await whose(name)).readOutput(name, range),
    releaseOutput: async (name, stream, offset) => {
      if (!(await builds.has(name))) await runtime.releaseOutput(name, stream, offset);
    },
    changes(listener) {
      const stops = [runtime.changes(listener), builds.changes(listener)];
      return () => {
        for (const stop of stops) stop();
      };
    },
    close: () => runtime.close(),
  };
}
