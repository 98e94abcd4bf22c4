import { withoutComments } from "../code.ts";
import type { VariableIdea } from "../recipe.ts";
import type { Tree } from "../tree.ts";

/** What the platform sets, or what has a meaning without a value. */
const given = /^(?:NODE_ENV|PORT|HOST|HOSTNAME|CI|HOME|PATH|TZ|npm_.*|VERCEL.*|RELEASE|FAIRLEAD_.*)$/;
const name = "([A-Z][A-Z0-9_]{1,60})";
const env = "process\\.env(?:\\.|\\[[\"'])";

/** Reads that stop an app which has no value: an assertion, and a check that throws or ends. */
const demands = [
  new RegExp(`\\b${env}${name}(?:["']\\])?!(?!=)`, "g"),
  new RegExp(
    `\\bif\\s*\\(\\s*!\\s*${env}${name}(?:["']\\])?\\s*\\)\\s*(?:\\{\\s*)?(?:console\\.\\w+\\([^\\n]*\\n\\s*)?(?:throw\\b|process\\.exit)`,
    "g",
  ),
];

/** Schemas of the whole environment: zod, envsafe, envalid, t3-env. */
const schemas = /\b(?:z\s*\.\s*(?:strict|loose)?[oO]bject|envsafe|cleanEnv|createEnv)\s*\(/g;

/** How many source files are searched, and how much of a schema. */
const fileLimit = 500;
const longest = 20_000;
const most = 50;

/** Variables without which the app does not start, as far as its code says so. Prisma's schema is read as well. */
export function requiredVariables(tree: Tree): readonly VariableIdea[] {
  const names = new Set<string>();
  const files = tree
    .sources(/\.[cm]?[jt]sx?$/)
    .filter((file) => !/\.(?:test|spec|config|d)\.|(?:^|\/)(?:scripts|e2e)\//.test(file));
  for (const file of files.slice(0, fileLimit)) {
    const text = tree.text(file) ?? "";
    if (!text.includes("process.env") && !text.includes("createEnv")) continue;
    const code = withoutComments(text);
    for (const pattern of demands) for (const [, found = ""] of code.matchAll(pattern)) names.add(found);
    for (const found of demandedBySchemas(code)) names.add(found);
  }
  for (const file of ["prisma/schema.prisma", "schema.prisma"]) {
    const text = (tree.text(file) ?? "").replace(/\/\/.*/g, "");
    for (const [, found = ""] of text.matchAll(/\b(?:url|directUrl)\s*=\s*env\("([A-Z][A-Z0-9_]{1,60})"\)/g))
      names.add(found);
  }
  const asked = [...names].filter((one) => !given.test(one)).map(variableIdea);
  return [...asked, ...frameworkKeys(tree)].slice(0, most);
}

/** Keys without which a framework does not start, and which only need to be secret: Strapi's and those of AdonisJS. */
function frameworkKeys(tree: Tree): readonly VariableIdea[] {
  const keys = new Set<string>();
  for (const file of tree.sources(/^(?:config\/[\w-]+|start\/env)\.[jt]s$/)) {
    const code = withoutComments(tree.text(file) ?? "");
    for (const [, found = ""] of code.matchAll(/\benv(?:\.\w+)?\(\s*["']([A-Z][A-Z0-9_]{1,60})["']\s*\)/g))
      keys.add(found);
    for (const [, found = ""] of code.matchAll(/\b([A-Z][A-Z0-9_]{1,60})\s*:\s*Env\.schema\.(?:string|secret)\(\)/g))
      keys.add(found);
  }
  return [...keys]
    .filter((one) => /(?:_KEYS?|_SECRET|_SALT)$/.test(one) && !/ACCESS|AWS|API|CLIENT/.test(one))
    .map((name) => ({ name, secret: true, generate: "hex32" }));
}

function demandedBySchemas(code: string): readonly string[] {
  return [...code.matchAll(schemas)].flatMap(({ index, 0: call }) => {
    const body = enclosed(code, index + call.length - 1);
    const isZod = /^z\b/.test(call);
    if (isZod && !/\.(?:safeParse|parse|parseAsync)\s*\(\s*process\.env\b/.test(code)) return [];
    const keys = [...body.matchAll(/(?:^|[{,\n])\s*["']?([A-Z][A-Z0-9_]{1,60})["']?\s*:\s*/g)];
    return keys.flatMap((found, i) => {
      const rule = body.slice(found.index + found[0].length, keys[i + 1]?.index ?? body.length);
      const isRule = /^(?:z|str|num|bool|url|email|json|port|host)\b/.test(rule);
      const isFree =
        /\.(?:optional|default|nullish|catch|prefault)\s*\(|\bdefault\s*:|\bdevDefault\s*:|allowEmpty|^port\b/.test(
          rule,
        );
      return isRule && !isFree && found[1] ? [found[1]] : [];
    });
  });
}

/** The text from an opening bracket to the one that closes it. */
function enclosed(code: string, from: number): string {
  let depth = 0;
  for (let i = from; i < Math.min(code.length, from + longest); i += 1) {
    if ("([{".includes(code[i] ?? "")) depth += 1;
    if (")]}".includes(code[i] ?? "")) depth -= 1;
    if (depth === 0) return code.slice(from, i);
  }
  return "";
}

/** Values that contain a key, a password or an address with one are secret. */
function variableIdea(one: string): VariableIdea {
  return { name: one, secret: /KEY|SECRET|PASSWORD|TOKEN|URL|DSN|URI/.test(one), generate: null };
}
