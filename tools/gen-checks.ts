import { rules } from "../src/check/rules.ts";
import type { Rule } from "../src/check/subject.ts";
import { keepUpToDate } from "./generated.ts";

function section({ id, title, why, fix, severity }: Rule): string {
  const [production, elsewhere] = [severity("production"), severity("staging")];
  const words = production === elsewhere ? production : `${production} in production, ${elsewhere} elsewhere`;
  return [`### ${id}`, `**${title}.** ${words[0]?.toUpperCase()}${words.slice(1)}.`, why, `What to do: ${fix}.`].join(
    "\n\n",
  );
}

const page = `# The readiness check

Made by \`tools/gen-checks.ts\` from \`src/check/rules\`; do not edit.

\`fairlead check\` judges manifest and source by these rules, offline; \`--json\` and \`--sarif\` are for scripts and code hosts. Every deployment begins with
them: \`fairlead deploy\` looks through the source before it uploads it, and the controller looks at the manifest, the Dockerfile and all values, also those that
were set. An **error** refuses the deployment before anything is touched; a **warning** is shown by \`check\` and \`plan\`; a **note** by \`check\` alone. No value is ever shown.

Who asks the HTTP API for a deployment without the command line has to look through the source by \`fairlead check\` before.

An error that is meant is let pass with \`fairlead deploy --allow RULE --because "…"\`: rules, reason and who it was are kept with the release (\`fairlead releases show\`).

## Checks of your own

What no rule can see is written as checks of a service ([manifest.md](manifest.md)): \`before\` are commands in the new release, \`after\` are commands or
questions to it once it has all traffic. Each is over in bounded time and is begun once in a deployment, whatever becomes of the controller meanwhile.

\`\`\`yaml
services:
  web:
    checks:
      before: { tests: npm test, schema: { run: node migrate.js --check, within: 1m } }
      after: { front-page: { http: / }, login: node smoke.js }
\`\`\`

One \`before\` that fails fails the deployment, before the release command and before anything new starts; its output is shown. One \`after\` that fails takes the
release back; of a first release nothing is left to serve. \`fairlead deployments show ID\` lists what all of them found, and beside them what Fairlead looks
at by itself:

| check | fails the deployment | warns |
|---|---|---|
| \`health\` | \`http.ready\` gets no good answer after the switch | |
| \`logs\` | | new instances wrote lines of level error |
| \`errors\` | more requests failed than \`deploy.watch.errors\` allows | the same, of too few requests to judge |
| \`response-time\` | answers took longer than \`deploy.watch.p95\` | the same, of too few requests to judge |

## The rules

${rules.map(section).join("\n\n")}
`;

keepUpToDate("tools/gen-checks.ts", { "docs/checks.md": page });
