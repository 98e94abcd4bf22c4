import { dockerfilePath } from "../dockerfile.ts";
import { type StartCommand, startCommands } from "../started.ts";
import type { Rule, RuleFinding, Subject } from "../subject.ts";

const loopback = String.raw`(?:127\.0\.0\.1|localhost|\[::1\]|::1)`;
/** An option that names the address, or its form in the command of a server. */
const named = new RegExp(
  String.raw`(?:^|\s)(?:-b|--bind|--host|--hostname|-H|--listen|--address|--server\.address|-S)[ =]?(?:tcp:\/\/)?${loopback}(?=[:\s]|$)|\brunserver ${loopback}:`,
);
/** Servers that listen on 127.0.0.1 unless an option, or a variable of theirs, names another address. */
const byDefault: readonly (readonly [RegExp, RegExp])[] = [
  [/(?:^|[\s/])uvicorn\s/, /\s--(?:host|uds|fd)\b|UVICORN_HOST/],
  [/(?:^|[\s/])hypercorn\s/, /\s(?:-b|--bind)\b/],
  [/(?:^|[\s/])daphne\s/, /\s(?:-b|--bind|-u|-e)\b/],
  [/(?:^|[\s/])flask\b.*\srun\b/, /\s(?:-h|--host)\b|FLASK_RUN_HOST/],
  [/\bmanage\.py runserver\b/, /\brunserver \S*:/],
  [/(?:^|[\s/])vite preview\b/, /\s--host\b/],
];

/** A program of a container that only the container itself can reach. */
export const loopbackOnly: Rule = {
  id: "loopback-only",
  title: "Services in containers listen on every address",
  why: "The edge reaches a container by its own address. What listens on 127.0.0.1 only is never ready there; as a plain process it is.",
  fix: "let it listen on 0.0.0.0: --host 0.0.0.0, or --bind 0.0.0.0:$PORT",
  severity: () => "warning",
  look: (subject) => startCommands(subject).flatMap((command) => found(subject, command)),
};

function found(subject: Subject, { words, at, ports }: StartCommand): readonly RuleFinding[] {
  const line = words.join(" ").slice(0, 4_000);
  const variables = subject.values.map(({ name }) => name).join(" ");
  const isDefault = byDefault.some(([server, other]) => server.test(line) && !other.test(`${line} ${variables}`));
  if (ports.length === 0 || !(named.test(line) || isDefault)) return [];
  const { build } = subject.spec;
  const isForContainers = build.image !== null || subject.files.some(({ path }) => path === dockerfilePath(build));
  const message = "listens on 127.0.0.1 only, which nothing outside its container reaches";
  return [{ at, message, ...(isForContainers ? {} : { severity: "note" as const }) }];
}
