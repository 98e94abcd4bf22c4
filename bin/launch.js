"use strict";
// Plain JavaScript without dependencies: this is all of Fairlead that must run under an old Node (18 and later).
const { existsSync } = require("node:fs");
const path = require("node:path");

// The first 24.x in which type stripping and node:sqlite work without a flag and without a warning.
const oldest = [24, 15];

/** Whether a version like `v24.21.0` is new enough. */
function isNewEnough(version) {
  const [major, minor] = version.replace(/^v/, "").split(".").map(Number);
  return major > oldest[0] || (major === oldest[0] && minor >= oldest[1]);
}

/** The Node of the pinned platform package, looked for as Node itself resolves packages: own node_modules, then upward. */
function pinnedNode(from) {
  const inside = path.join("node_modules", `node-${process.platform}-${process.arch}`, "bin", "node");
  for (let directory = from; ; directory = path.dirname(directory)) {
    const candidate = path.join(directory, inside);
    if (existsSync(candidate)) return candidate;
    if (directory === path.dirname(directory)) return null;
  }
}

/** The first new enough `node` on PATH. Asks each for its version, so it is only called when there is no pinned one. */
function nodeOnPath() {
  const { spawnSync } = require("node:child_process");
  for (const directory of (process.env.PATH || "").split(path.delimiter)) {
    const candidate = path.join(directory, "node");
    if (!path.isAbsolute(directory) || !existsSync(candidate)) continue;
    const answer = spawnSync(candidate, ["--version"], { encoding: "utf8", timeout: 5000 });
    if (answer.status === 0 && isNewEnough(answer.stdout.trim())) return candidate;
  }
  return null;
}

/**
 * Whether this process group is the terminal's foreground group: then Ctrl-C has reached the child already, and passing
 * it on would make it two. Fields 5, 7 and 8 of proc(5) stat: pgrp, tty_nr, tpgid. Elsewhere a terminal on stdin decides.
 */
function terminalSignalsTheGroup() {
  try {
    const stat = require("node:fs").readFileSync("/proc/self/stat", "utf8");
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return fields[4] !== "0" && fields[2] === fields[5];
  } catch {
    return require("node:tty").isatty(0);
  }
}

/** Ends this process as the child ended: same exit code, or the same signal. */
function endLike(code, signal) {
  if (signal === null) return process.exit(code);
  process.removeAllListeners(signal);
  process.kill(process.pid, signal);
  // Reached only by a signal that does not end Node; 128 + n is what shells report for it.
  process.exitCode = 128 + require("node:os").constants.signals[signal];
}

function give(message) {
  process.stderr.write(`fairlead: ${message}\n`);
  process.exit(1);
}

/** Runs the script as a child; signals sent to this process go to the child, each once. */
function runWith(node, script, otherwise) {
  const { spawn } = require("node:child_process");
  const child = spawn(node, [script, ...process.argv.slice(2)], { stdio: "inherit" });
  const forward = (signal) => child.kill(signal);
  const forwardUnlessTerminal = (signal) => terminalSignalsTheGroup() || child.kill(signal);
  process.on("SIGTERM", forward).on("SIGINT", forwardUnlessTerminal).on("SIGHUP", forwardUnlessTerminal);
  child.once("exit", endLike);
  child.once("error", (error) => {
    process.off("SIGTERM", forward).off("SIGINT", forwardUnlessTerminal).off("SIGHUP", forwardUnlessTerminal);
    otherwise(error);
  });
}

/**
 * Runs a script with a Node that is new enough: this process itself, else the pinned platform package, else one on PATH.
 * `from` is a directory inside the package. Ends this process with the script's exit code or signal.
 */
exports.launch = function launch(script, from) {
  if (isNewEnough(process.version)) {
    process.argv[1] = script;
    require("node:module").runMain();
    return;
  }
  const withPath = (error) => {
    const node = nodeOnPath();
    const why = error
      ? `could not be started (${error.code})`
      : "is not installed (was it left out with --omit=optional?)";
    if (node === null) {
      const needed = `Node ${oldest.join(".")} or newer is needed and this is ${process.version}`;
      return give(`${needed}; the package node-${process.platform}-${process.arch} ${why} and PATH has no newer node.`);
    }
    runWith(node, script, (failure) => give(`${node} could not be started (${failure.code}).`));
  };
  const pinned = pinnedNode(from);
  if (pinned === null) withPath(null);
  else runWith(pinned, script, withPath);
};
