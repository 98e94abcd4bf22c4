import type { Finding } from "./finding.ts";
import { isNode, type Node, type Source, textOf, walk } from "./source.ts";

/** Says what is wrong with one node, or null. */
type Rule = (node: Node, source: Source, parent: Node | undefined) => string | null;

const childFile = "src/host/child.ts";
const treeFile = "src/host/tree.ts";
const textMatchers = new Set(["includes", "match", "matchAll", "startsWith", "endsWith", "indexOf", "search"]);
const fileReaders = new Set(["readFile", "readFileSync", "createReadStream"]);
const randomNames = new Set(["randomUUID", "randomBytes", "randomInt", "getRandomValues", "newId"]);

/** `a.b` or `a["b"]`: the name of the member, else null. */
function memberName(node: unknown): string | null {
  if (!isNode(node) || node.type !== "MemberExpression") return null;
  return node.computed ? textOf(node.property) : nameOf(node.property);
}

function nameOf(node: unknown): string | null {
  return isNode(node) && node.type === "Identifier" ? String(node.name) : null;
}

/** Whether a node is `object.member`, computed or not. */
function isMember(node: unknown, object: string, member: string): boolean {
  return isNode(node) && memberName(node) === member && nameOf(node.object) === object;
}

function unwrapped(node: unknown): unknown {
  const wrapped = ["ChainExpression", "ParenthesizedExpression", "TSNonNullExpression", "TSAsExpression"];
  return isNode(node) && wrapped.includes(node.type) ? unwrapped(node.expression) : node;
}

/** The last name of `error`, `this.error`, `result.error`: what a thing is called where it is used. */
function calledAs(node: unknown): string {
  const inner = unwrapped(node);
  return nameOf(inner) ?? memberName(inner) ?? "";
}

/** Things that are not errors and have a message all the same: what an app logged, what a person said of a release. */
const hasOtherMessage = /(?:line|flags|release)$/i;

/** The text of something thrown: `.message`, or `String(error)`. */
function isErrorText(node: unknown): boolean {
  const inner = unwrapped(node);
  if (!isNode(inner)) return false;
  if (memberName(inner) === "message") return !hasOtherMessage.test(calledAs(inner.object));
  const [argument] = inner.type === "CallExpression" ? (inner.arguments as readonly unknown[]) : [];
  return (
    inner.type === "CallExpression" &&
    nameOf(inner.callee) === "String" &&
    /^(?:e|err|thrown|cause)$|error$|fault$/i.test(calledAs(argument))
  );
}

function matchesErrorText(node: Node): boolean {
  if (node.type === "CallExpression" && isNode(node.callee)) {
    const method = memberName(node.callee) ?? "";
    if (textMatchers.has(method) && isErrorText(node.callee.object)) return true;
    return ["test", "exec"].includes(method) && (node.arguments as readonly unknown[]).some(isErrorText);
  }
  if (node.type === "SwitchStatement") return isErrorText(node.discriminant);
  const compares = node.type === "BinaryExpression" && ["===", "!==", "==", "!="].includes(String(node.operator));
  return compares && (isErrorText(node.left) || isErrorText(node.right));
}

/** A test may play somebody else's code that fails with an error of its own. */
const throwsError: Rule = (node, source) => {
  if (source.isTest || source.path.startsWith("src/base/")) return null;
  if (node.type !== "ThrowStatement" || !isNode(node.argument)) return null;
  const { type, callee } = node.argument;
  const made = type === "NewExpression" || type === "CallExpression";
  return made && /^(?:Type|Range)?Error$/.test(nameOf(callee) ?? "") ? "throw a Fault with a code" : null;
};

/**
 * A handler that does not look at the error it gets, nor throws another, takes a mistake in the code for the failure it
 * means. Tests may take whatever goes wrong for "not yet"; nobody may have an empty handler.
 */
const catchAll: Rule = (node, source) => {
  const isLax = source.isTest || source.path.startsWith("src/testing/");
  const blind = handlersOf(node, source).some((handler) => (isLax ? isEmpty(handler) : !looksAtError(handler)));
  return blind ? "takes every error for the one it means; ask for its code, report it, or let it through" : null;
};

/** The handlers of a `catch` clause, of `.catch(handler)` and of `.then(value, handler)`, named functions of the file included. */
function handlersOf(node: Node, source: Source): readonly Node[] {
  if (node.type === "CatchClause") return [node];
  const method = node.type === "CallExpression" ? memberName(node.callee) : null;
  const [first, second] = (node.arguments ?? []) as readonly unknown[];
  const handler = method === "catch" ? first : method === "then" ? second : null;
  if (!isNode(handler)) return [];
  return isNode(handler.body) ? [handler] : functionsNamed(nameOf(handler), source);
}

function functionsNamed(name: string | null, { program }: Source): readonly Node[] {
  const found: Node[] = [];
  walk(program, (node) => {
    if (name === null || nameOf(node.id) !== name) return;
    for (const made of [node, node.init]) if (isNode(made) && isNode(made.body)) found.push(made);
  });
  return found;
}

function isEmpty({ body }: Node): boolean {
  return isNode(body) && body.type === "BlockStatement" && (body.body as readonly unknown[]).length === 0;
}

function looksAtError(handler: Node): boolean {
  const parameter = handler.type === "CatchClause" ? handler.param : (handler.params as readonly unknown[])[0];
  const name = nameOf(parameter);
  let looks = isNode(parameter) && name === null;
  walk(handler.body as Node, (node) => {
    if (node.type === "ThrowStatement" || (name !== null && nameOf(node) === name)) looks = true;
  });
  return looks;
}

const shellTrue: Rule = (node) => {
  if (node.type !== "Property" || (nameOf(node.key) ?? textOf(node.key)) !== "shell") return null;
  return isNode(node.value) && node.value.value === true ? "pass an argument list, never text for a shell" : null;
};

const processEnv: Rule = (node, source) => {
  const exempt = /^(?:src\/(?:main|testing)|tools)\//.test(source.path) || source.isTest;
  if (exempt) return null;
  const destructured =
    node.type === "VariableDeclarator" &&
    nameOf(node.init) === "process" &&
    isNode(node.id) &&
    ((node.id.properties as readonly Node[] | undefined) ?? []).some((property) => nameOf(property.key) === "env");
  const imported =
    node.type === "ImportSpecifier" && nameOf(node.imported) === "env" && source.imports.some(isProcessModule);
  return isMember(node, "process", "env") || destructured || imported ? "only src/main reads the environment" : null;
};

function isProcessModule({ specifier }: { specifier: string }): boolean {
  return specifier === "process" || specifier === "node:process";
}

/** What takes a whole tree by its path, or gives something in it to another owner. */
const treeCalls = /^(?:l?chown|fchown|cp|lchown)(?:Sync)?$/;
const removals = /^rm(?:dir)?(?:Sync)?$/;
const treePrograms = /^(?:\/usr)?(?:\/bin\/)?(?:cp|mv|rm|chmod|chown|chgrp|find|rsync|tar)$/;

/** Only what runs with the rights of a controller is held to it: the command line works with those of who typed it. */
const trees: Rule = (node, source) => {
  const exempt = source.path === treeFile || source.isTest || /\/world\.ts$/.test(source.path);
  if (exempt || !/^src\/(?:adapters|engine|host|main|usecases)\//.test(source.path)) return null;
  return takesTree(node) ? `only ${treeFile} copies, deletes and gives away trees: with their owners' rights` : null;
};

function takesTree(node: Node): boolean {
  if (node.type === "ArrayExpression") return treePrograms.test(textOf((node.elements as readonly unknown[])[0]) ?? "");
  if (node.type === "ImportSpecifier") return treeCalls.test(nameOf(node.imported) ?? "");
  if (node.type !== "CallExpression") return false;
  const called = nameOf(node.callee) ?? memberName(node.callee) ?? "";
  if (memberName(node.callee) !== null && treeCalls.test(called)) return true;
  return removals.test(called) && (node.arguments as readonly unknown[]).some(isRecursive);
}

/** `{ recursive: true }`, or options that are not written out where they are used. */
function isRecursive(argument: unknown, index: number): boolean {
  if (!isNode(argument) || index === 0) return false;
  if (argument.type !== "ObjectExpression") return argument.type === "Identifier";
  return (argument.properties as readonly Node[]).some(
    (property) => property.type === "SpreadElement" || (nameOf(property.key) ?? textOf(property.key)) === "recursive",
  );
}

const viMock: Rule = (node) => {
  if (node.type !== "CallExpression") return null;
  const mocks = isMember(node.callee, "vi", "mock") || isMember(node.callee, "vi", "doMock");
  return mocks ? "use the real thing or a simulated port" : null;
};

const readsSource: Rule = (node, source) => {
  if (!source.isTest) return null;
  const raw = node.type === "ImportDeclaration" && (textOf(node.source) ?? "").endsWith("?raw");
  const callee = node.type === "CallExpression" ? calledAs(node.callee) : "";
  if (!raw && !(fileReaders.has(callee) && namesSource(node))) return null;
  return "a test looks at what code does, not at its text";
};

function namesSource(call: Node): boolean {
  let found = false;
  walk(call, (node) => {
    const text = node.type === "TemplateElement" ? (node.value as { cooked: string }).cooked : textOf(node);
    if (text !== null && /(?:^|\/)src(?:\/|$)|\.tsx?$/.test(text)) found = true;
  });
  return found;
}

/** What makes a decision depend on more than its snapshot. */
const impurePlan: Rule = (node, source) => {
  if (!source.path.startsWith("src/plan/") || source.isTest) return null;
  const wrong = impurity(node);
  return wrong === null ? null : `${wrong}: a decision depends on its snapshot alone`;
};

function impurity(node: Node): string | null {
  if (node.type === "AwaitExpression" || (node.type === "ForOfStatement" && node.await)) return "await";
  if (node.async === true) return "async";
  if (node.type === "MemberExpression" && nameOf(node.object) === "process") return "process";
  if (nameOf(node) !== null && randomNames.has(String(node.name))) return "randomness";
  if (isMember(node, "Math", "random")) return "Math.random";
  if (isMember(node, "Date", "now") || isMember(node, "performance", "now")) return "the clock";
  if ((node.type === "NewExpression" || node.type === "CallExpression") && nameOf(node.callee) === "Date")
    return "Date";
  return null;
}

/** The callback of `test.each(rows)("…", callback)` takes a row, however long it is. */
function takesRow(parent: Node | undefined): boolean {
  const table = parent?.type === "CallExpression" ? parent.callee : null;
  return isNode(table) && table.type === "CallExpression" && memberName(table.callee) === "each";
}

const tooManyParameters: Rule = (node, source, parent) => {
  if (source.isTest && takesRow(parent)) return null;
  const parameters = Array.isArray(node.params) ? (node.params as readonly unknown[]) : [];
  const positional = parameters.filter((parameter) => nameOf(parameter) !== "this").length;
  return node.type !== "TSTypeParameterInstantiation" && node.type !== "TSTypeParameterDeclaration" && positional > 3
    ? `${positional} positional parameters; take an object after 3`
    : null;
};

const rules: readonly [check: string, rule: Rule][] = Object.entries<Rule>({
  "throw-error": throwsError,
  "catch-all": catchAll,
  "error-text": (node) => (matchesErrorText(node) ? "ask for the code (isErrno, Fault.code), not for the words" : null),
  "shell-true": shellTrue,
  "process-env": processEnv,
  trees,
  "vi-mock": viMock,
  "test-reads-source": readsSource,
  "impure-plan": impurePlan,
  parameters: tooManyParameters,
});

/** What holds in `test/` too; the rest is about the product and its tools. */
const everywhere = new Set(["catch-all", "shell-true", "vi-mock", "test-reads-source", "child-process"]);

/** All rules about single nodes, and the imports that only one place may have. */
export function checkNodes(source: Source): readonly Finding[] {
  const findings: Finding[] = [];
  const report = (check: string, line: number, words: string): void => {
    if (everywhere.has(check) || !source.path.startsWith("test/"))
      findings.push({ check, path: source.path, line, words });
  };
  for (const { specifier, kind, line } of source.imports) {
    if (kind !== "type" && /^(?:node:)?child_process$/.test(specifier) && source.path !== childFile) {
      report("child-process", line, `only ${childFile} starts programs`);
    }
    if (specifier.startsWith("node:") && source.path.startsWith("src/plan/") && !source.isTest) {
      report("impure-plan", line, `${specifier}: a decision depends on its snapshot alone`);
    }
  }
  walk(source.program, (node, parents) => {
    for (const [check, rule] of rules) {
      const words = rule(node, source, parents.at(-1));
      if (words !== null) report(check, source.lineOf(node.start), words);
    }
  });
  return findings;
}
