import { command, several } from "../../command.ts";
import { choice, count, text, toggle } from "../../flags.ts";
import { cutShort, type LineOptions, logLine, moment, readAllLogs } from "../../logs.ts";

export default command({
  about:
    "Prints the last lines and ends; -f goes on until Ctrl-C, through deployments and lost connections. With --since and\nwithout -n everything since then is printed. --json prints one object a line.",
  args: { services: several("Services; default: all") },
  flags: {
    follow: toggle("-f, --follow", "Go on with new lines"),
    tail: count("-n, --tail <count>", "So many last lines (default 100)", { min: 1, max: 10_000 }),
    since: text("--since <time>", "From then on: 1h, or 2026-01-31T12:00:00Z"),
    until: text("--until <time>", "Up to then"),
    grep: text("--grep <regex>", "Lines that match; no backtracking (RE2)"),
    level: choice("--level <level>", "This level and above", ["trace", "debug", "info", "warn", "error", "fatal"]),
    release: text("--release <release>", "Of one release, like v3"),
    timestamps: toggle("-t, --timestamps", "With the time in front"),
    noPrefix: toggle("--no-prefix", "Without the instance in front"),
  },
  examples: [
    ["fairlead logs -f", "follow everything"],
    ["fairlead logs web --since 1h --level error", "errors of the last hour"],
    ["fairlead logs --release v3 --grep timeout --json", "what a bad release said, for scripts"],
  ],
  async run({ args, flags, world }) {
    const now = world.host.now();
    const query = {
      ...(args.services.length > 0 && { service: args.services }),
      ...(flags.since !== undefined && { since: moment("--since", flags.since, now) }),
      ...(flags.until !== undefined && { until: moment("--until", flags.until, now) }),
      ...(flags.grep !== undefined && { grep: flags.grep }),
      ...(flags.level !== undefined && { level: flags.level }),
      ...(flags.release !== undefined && { release: flags.release }),
      ...(flags.tail !== undefined && { tail: flags.tail }),
    };
    const { json, colour } = world.context;
    const key = world.key();
    const how: LineOptions = {
      key,
      json,
      timestamps: flags.timestamps,
      prefix: !flags.noPrefix,
      colour: colour.stdout,
    };
    const api = world.api();
    const batches = flags.follow ? api.logStream(key, query) : readAllLogs(api, key, query);
    let isEmpty = true;
    for await (const { lines, reached } of batches) {
      if (reached !== undefined) world.say(cutShort(reached));
      if (lines.length === 0) continue;
      isEmpty = false;
      await world.print(lines.map((line) => logLine(line, how)).join("\n"));
    }
    if (isEmpty && !flags.follow) world.say("There is no such line.");
  },
});
