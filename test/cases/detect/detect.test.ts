import { test } from "vitest";
import { detect } from "../../../src/detect/detect.ts";
import { isRecipe, type MachineNeed, type ServiceIdea, type SourceView } from "../../../src/detect/recipe.ts";
import { goldenCases, judgeGolden } from "../golden.ts";

// A case is a small source – `== path`, then the file's text – a line `----`, and what detection makes of it: summary,
// warnings, services and the Dockerfile, or what it searched for without success. `build.base.node: image` before the
// first file chooses a base image. UPDATE=1 rewrites what is expected; read the difference before you keep it.

const directory = import.meta.dirname;
const cases = goldenCases(directory);

function sourceOf(text: string): { base: Record<string, string>; source: SourceView } {
  const [head = "", ...files] = text.split(/^== /m);
  const texts = new Map(
    files.map((file) => [file.slice(0, file.indexOf("\n")), file.slice(file.indexOf("\n") + 1)] as const),
  );
  const base = Object.fromEntries([...head.matchAll(/^build\.base\.(\w+): (.+)$/gm)].map(([, key, image]) => [key, image]));
  return { base, source: { paths: [...texts.keys()], read: (path) => texts.get(path) ?? null } };
}

function serviceLine({ name, run, files, port, ready, release, single }: ServiceIdea): string {
  const parts = [
    files ? `files ${files.path}${files.fallback === null ? "" : ` or ${files.fallback}`}` : run === null ? "what the image runs" : JSON.stringify(run),
    port === null ? null : `http ${port}${ready === null ? "" : ` ready ${ready}`}`,
    release && `release ${JSON.stringify(release)}`,
    single ? "single" : null,
  ];
  return `service ${name}: ${parts.filter(Boolean).join(", ")}`;
}

function needLine({ program, or, version, why, install }: MachineNeed): string {
  return `needs ${[program, ...(or ?? [])].join(" or ")}${version ? ` ${version.range} by ${version.printedBy.join(" ")}` : ""} for ${why}: ${install}`;
}

function answer(text: string): string {
  const { base, source } = sourceOf(text);
  const found = detect(source, { base });
  if (!isRecipe(found)) return `${found.lookedFor.map((one) => `looked for ${one}`).join("\n")}\n`;
  const { summary, language, warnings, services, variables, build, needs, dockerfile } = found;
  const lines = [
    `${language}: ${summary}`,
    ...warnings.map((one) => `warning: ${one}`),
    ...services.map(serviceLine),
    ...variables.map(({ name, secret, generate, value }) =>
      `variable ${name}${secret ? " secret" : ""}${generate ? ` ${generate}` : ""}${value === undefined ? "" : `=${value}`}`,
    ),
    ...(build === null ? [] : [`as plain processes: ${JSON.stringify(build)}`]),
    ...needs.map(needLine),
  ];
  return `${lines.join("\n")}\n\n${dockerfile}`;
}

test.for(cases)("$file", (golden) => judgeGolden(directory, golden, answer(golden.text)));
