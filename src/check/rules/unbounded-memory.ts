import type { Rule } from "../subject.ts";

/** R140–R199 ask for limits; a leak in one service must not bring down the machine. */
export const unboundedMemory: Rule = {
  id: "unbounded-memory",
  title: "Every service has a memory limit",
  why: "A leak in one service uses up the memory of all others, and the kernel decides which process to kill.",
  fix: "add memory: 512MB, or what the service needs at most",
  severity: () => "note",
  look: ({ spec }) =>
    spec.services
      .filter(({ memoryBytes }) => memoryBytes === null)
      .map(({ name }) => ({ at: { path: `services.${name}` }, message: "has no memory limit" })),
};
