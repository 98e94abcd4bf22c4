import { isTestFile, type Rule, type RuleFinding, type SourceFile } from "../subject.ts";

/** Lines that are skipped: comments, and those with this marker, which must include the reason. */
const comment = /^\s*(?:#|\/\/|\*)/;
const excuse = /fairlead:allow llm-retry because \S/;

const client =
  /\b(?:openai|anthropic|langchain\w*|litellm|llama_?index|mistralai|cohere|groq|genai|generativeai)\b|@ai-sdk\//i;
/** The clients retry twice by default (openai and @anthropic-ai/sdk: `max_retries` is 2), unless it is turned off. */
const turnedOff = /\b(?:max_retries|num_retries)\s*=\s*0\b(?!\.)|\bmaxRetries\s*:\s*0\b(?!\.)/;
/** At a Celery task the same words refer to the task. */
const task = /task\(/;

const host =
  /\b(?:api\.(?:openai|anthropic|mistral|cohere|groq|together|deepseek|perplexity)\.(?:com|ai|xyz)|\w+\.openai\.azure\.com|generativelanguage\.googleapis\.com|openrouter\.ai\/api)\b/;
const plainCall = /\b(?:requests|httpx|aiohttp|urllib\.request|axios|undici)\b|\bfetch\(/;

/** Anything that retries, a library or the app's own code; `retry_after` is part of a refusal. */
const triesAgain = /retr(?:y|ie[sd])(?!_?-?after)|tenacity|backoff|stamina|cockatiel/i;

/** Kairo's fourth code change (R139, R244). */
export const llmRetry: Rule = {
  id: "llm-retry",
  title: "Calls to an LLM are retried",
  why: "Providers sometimes refuse calls or answer late. Without a retry, each of these is an error that users see.",
  fix: "keep the client's own retries on, or use tenacity, backoff or p-retry: a few attempts with growing pauses, only after timeouts, 429 and 5xx; if something else retries, write `fairlead:allow llm-retry because …` on its line",
  severity: (environment) => (environment === "production" ? "warning" : "note"),
  look: ({ files }) =>
    files.filter(({ path }) => /\.(?:[cm]?[jt]sx?|py)$/.test(path) && !isTestFile(path)).flatMap(found),
};

function found({ path, text }: SourceFile): readonly RuleFinding[] {
  const isCode = (line: string) => line.length < 2_000 && !comment.test(line) && !excuse.test(line);
  const lines = text.split("\n").map((line) => (isCode(line) ? line : ""));
  const offs = client.test(text) ? placesOf(lines, (line) => turnedOff.test(line) && !task.test(line)) : [];
  const hosts = plainCall.test(text) ? placesOf(lines, (line) => host.test(line)) : [];
  if (offs.length + hosts.length === 0 || lines.some((line) => triesAgain.test(line.replace(turnedOff, "")))) return [];
  const at = (line: number) => ({ file: path, line });
  return [
    ...offs.map((line) => ({ at: at(line), message: "turns off the retries of an LLM client" })),
    ...hosts.map((line) => ({ at: at(line), message: "calls an LLM over plain HTTP without retries" })),
  ];
}

function placesOf(lines: readonly string[], isIt: (line: string) => boolean): readonly number[] {
  return lines.flatMap((line, place) => (isIt(line) ? [place + 1] : []));
}
