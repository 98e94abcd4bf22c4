import { keyText } from "../../../model/environment.ts";
import { defineCommand, severalArguments } from "../../command.ts";
import { choiceFlag, countFlag, textFlag, toggleFlag } from "../../flags.ts";
import { cutShort, followLines, type LineOptions, logLine, moment, readAllLogs } from "../../logs.ts";

export default defineCommand({
  about:
    "Prints the last lines; -f follows until Ctrl-C, across deployments and lost connections, and waits for a first\ndeployment. --since without -n prints everything since then. --json prints one object per line.",
  args: { services: severalArguments("Services; default: all") },
  flags: {
    follow: toggleFlag("-f, --follow", "Follow new lines"),
    tail: countFlag("-n, --tail <count>", "Number of last lines (default 100)", { min: 1, max: 10_000 }),
    since: textFlag("--since <time>", "Start time: 1h, or 2026-01-31T12:00:00Z"),
    until: textFlag("--until <time>", "End time"),
    grep: textFlag("--grep <regex>", "Only lines that match (RE2 syntax, no backtracking)"),
    level: choiceFlag("--level <level>", "Minimum level", ["trace", "debug", "info", "warn", "error", "fatal"]),
    release: textFlag("--release <release>", "Only of one release, like v3"),
    timestamps: toggleFlag("-t, --timestamps", "Prefix lines with the time"),
    noPrefix: toggleFlag("--no-prefix", "Do not prefix lines with the instance"),
  },
  examples: [
    ["fairlead logs -f", "follow everything"],
    ["fairlead logs web --since 1h --level error", "errors of the last hour"],
    ["fairlead logs --release v3 --grep timeout --json", "log lines of a bad release, for scripts"],
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
    const waiting = () => world.say(`Waiting for the first deployment of ${keyText(key)}.`);
    const batches = flags.follow ? followLines(api, key, { query, waiting }) : readAllLogs(api, key, query);
    let isEmpty = true;
    for await (const { lines, reached } of batches) {
      if (reached !== undefined) world.say(cutShort(reached));
      if (lines.length === 0) continue;
      isEmpty = false;
      await world.print(lines.map((line) => logLine(line, how)).join("\n"));
    }
    if (isEmpty && !flags.follow) world.say("No matching lines.");
  },
});
