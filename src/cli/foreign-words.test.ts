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
  ["fly launch", "init"],
  ["heroku logs", "logs"],
  ["docker compose up -d", "up"],
  ["kubectl rollout restart web", "restart"],
  ["domain add shop.example.com", "domains add"],
  ["git push", "deploy"],
])("`fairlead %s` names the command that does it here", async (line, form) => {
  const { code, stdout, stderr } = await runLine(line.split(" "));
  expect([code, stdout]).toEqual([2, ""]);
  expect(stderr).toContain(`hint: Fairlead's command is \`fairlead ${form}\`.`);
});

test.each([
  ["pg:psql", "Data services are not supported in this version"],
  ["addons:create heroku-postgresql", "Data services are not supported in this version"],
  ["kubectl cron", "Jobs are not supported in this version"],
  ["deploy --image nginx", "Write `build: { image: name@sha256:… }` in fairlead.yml."],
  ["deploy --remote-only", "Fairlead deploys to the machine of its controller."],
])("`fairlead %s` says why there is nothing like it, or what does the same", async (line, hint) => {
  const { code, stdout, stderr } = await runLine(line.split(" "));
  expect([code, stdout]).toEqual([2, ""]);
  expect(stderr).toContain(`hint: ${hint}`);
});
