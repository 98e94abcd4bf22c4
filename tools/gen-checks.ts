import { rules } from "../src/check/rules.ts";
import type { Rule } from "../src/check/subject.ts";
import { keepUpToDate } from "./generated.ts";

function section({ id, title, why, fix, severity }: Rule): string {
  const [production, elsewhere] = [severity("production"), severity("staging")];
  const words = production === elsewhere ? production : `${production} in production, ${elsewhere} elsewhere`;
  return [`## ${id}`, `**${title}.** ${words[0]?.toUpperCase()}${words.slice(1)}.`, why, `What to do: ${fix}.`].join(
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

${rules.map(section).join("\n\n")}
`;

keepUpToDate("tools/gen-checks.ts", { "docs/checks.md": page });
