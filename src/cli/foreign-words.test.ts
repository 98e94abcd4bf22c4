import { expect, test } from "vitest";
import { runLine } from "./test-run.ts";

test.each([
  ["config:set A=1", "env set NAME=VALUE"],
  ["config", "env list"],
  ["secrets set A=1", "env set NAME --stdin"],
  ["ssh", "run -- CMD"],
  ["ssh console", "run -- CMD"],
  ["ps:scale web=2", "scale web=3"],
  ["releases:rollback v2", "rollback"],
  ["maintenance:on", "maintenance on"],
  ["launch", "init"],
  ["variables --set A=1", "env list"],
  ["exec web sh", "run -- CMD"],
  ["stop", "down"],
  ["env get", "env list"],
  ["env rm A", "env unset"],
  ["domains delete shop.example.com", "domains remove"],
  ["tokens new ci", "tokens create"],
])("`fairlead %s` names the command that does it here", async (line, form) => {
  const { code, stdout, stderr } = await runLine(line.split(" "));
  expect([code, stdout]).toEqual([2, ""]);
  expect(stderr).toContain(`hint: Fairlead's command is \`fairlead ${form}\`.`);
});
