import type { VariableIdea } from "../recipe.ts";
import type { Tree } from "../tree.ts";

/** What the platform sets, or what has a meaning without a value. */
const given =
  /^(?:PORT|HOME|PATH|TMPDIR|TZ|LANG|RAILS_ENV|RACK_ENV|APP_ENV|RAILS_MAX_THREADS|RAILS_MIN_THREADS|WEB_CONCURRENCY|SECRET_KEY_BASE|DATABASE_URL|REDIS_URL)$/;
const secret = /KEY|SECRET|TOKEN|PASSWORD|PASS$|_URL$|DSN|CREDENTIAL/;
const most = 50;

/** Files that run at the start of a production server. */
const starting =
  /^(?:config\/(?:application|boot|environment|puma|storage|environments\/production|initializers\/[\w-]+)\.rb|config\.ru|[\w-]+\.rb)$/;

/** Variables without which the app does not start: `ENV.fetch("X")` without a default, where it certainly runs. */
export function requiredEnv(tree: Tree): readonly VariableIdea[] {
  const files = [...tree.paths].filter((path) => starting.test(path)).sort();
  const names = files.slice(0, 300).flatMap((file) => fetched(tree.text(file) ?? ""));
  return [...new Set(names)]
    .filter((name) => !given.test(name))
    .slice(0, most)
    .map((name) => ({ name, secret: secret.test(name), generate: null }));
}

/** The reads of a file that no branch and no method contains, as its indentation shows. */
function fetched(text: string): readonly string[] {
  const names: string[] = [];
  let within = Number.POSITIVE_INFINITY;
  for (const line of text.split("\n")) {
    const code = line.replace(/(?:^|\s)#.*$/, "");
    const depth = code.search(/\S/);
    if (depth === -1) continue;
    if (depth <= within) within = Number.POSITIVE_INFINITY;
    const branches = /^\s*(?:if|unless|case|when|else|elsif|def|while|begin|rescue)\b/.test(code);
    if (branches && depth < within) within = depth;
    const isCertain =
      within === Number.POSITIVE_INFINITY && !/\s(?:if|unless|rescue)\s|\|\||->|\blambda\b|\bproc\b/.test(code);
    if (isCertain)
      for (const [, name = ""] of code.matchAll(
        /\bENV\.fetch\(\s*["']([A-Z][A-Z0-9_]{1,60})["']\s*\)(?!\s*(?:\{|do\b))/g,
      ))
        names.push(name);
  }
  return names;
}

/** Whether the app reads credentials that only the master key opens. */
export function needsMasterKey(tree: Tree): boolean {
  if (tree.first(["config/credentials.yml.enc", "config/credentials/production.yml.enc"]) === null) return false;
  const files = [...tree.paths].filter((path) => /^(?:config|app|lib)\/.*\.(?:rb|yml|erb)$/.test(path)).sort();
  return files
    .slice(0, 1_000)
    .some((file) =>
      /^[^#\n]*(?:\.credentials\b(?!\.secret_key_base)|\brequire_master_key\s*=\s*true)/m.test(tree.text(file) ?? ""),
    );
}
