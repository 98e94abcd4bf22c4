import { rules } from "./rules.ts";
import type { Finding } from "./run.ts";

/** Findings as SARIF 2.1.0 (OASIS), which code hosts show beside the lines. */
export function sarif(findings: readonly Finding[], version: string): object {
  return {
    $schema: "https://json.schemastore.org/sarif-2.1.0.json",
    version: "2.1.0",
    runs: [
      {
        tool: {
          driver: {
            name: "fairlead check",
            version,
            rules: rules.map(({ id, title, why, fix }) => ({
              id,
              shortDescription: { text: `${title}.` },
              fullDescription: { text: why },
              help: { text: fix },
            })),
          },
        },
        results: findings.map(({ rule, severity, file, line, column, path, message, fix }) => ({
          ruleId: rule,
          level: severity,
          message: { text: `${path} ${message} – ${fix}` },
          locations: [
            {
              physicalLocation: {
                artifactLocation: { uri: file },
                region: { startLine: line ?? 1, ...(column === null ? {} : { startColumn: column }) },
              },
            },
          ],
        })),
      },
    ],
  };
}
