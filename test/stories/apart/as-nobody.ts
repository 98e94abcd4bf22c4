// The command line as a user who is not root: what a controller is that somebody starts for themselves.
process.setgroups?.([]);
process.setgid?.(65_534);
process.setuid?.(65_534);
await import("../../../src/main/cli.ts");
