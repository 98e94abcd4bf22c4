import type { GoProgram } from "./mains.ts";

/** How a program learns its port, and what follows from it for its command. */
export interface Listens {
  /** The word that has it serve; empty: none. */
  readonly sub: string;
  /** Variables in front of the command, and arguments behind it, with `$PORT`. */
  readonly before: string;
  readonly after: string;
  /** A port that the code listens on whatever PORT says. */
  readonly fixed: number | null;
}

const plain: Listens = { sub: "", before: "", after: "", fixed: null };

/** Variables whose port or address is another server's. */
const others =
  /(?:^|_)(?:DB|DATABASE|POSTGRES\w*|PG|SQL|MYSQL|REDIS|MONGO\w*|SMTP|MAIL\w*|KAFKA|RABBIT\w*|AMQP|NATS|METRICS|PROM\w*|GRPC|DEBUG|PPROF|ELASTIC\w*|LDAP|FTP|SSH|REMOTE|PEER|CLIENT|PROXY|CACHE|MEMCACHED?|VAULT|CONSUL|ETCD)_/;

/** By PORT, by a flag of the package flag, by a variable of another name, or by nothing. */
export function listensBy({ code }: GoProgram): Listens {
  const texts = [...code.values()];
  const all = texts.join("\n");
  const sub = /spf13\/cobra"|urfave\/cli/.test(all) ? subcommandOf(all) : "";
  return { ...ownWay(texts, all), sub };
}

/** `Use: "serve"` of cobra, `Name: "serve"` of urfave/cli: a program that only prints its help without one. */
function subcommandOf(all: string): string {
  return /\b(?:Use|Name):\s*"(serve|server|start|run|web|api|http)\b/.exec(all)?.[1] ?? "";
}

function ownWay(texts: readonly string[], all: string): Listens {
  if (/["'`:]PORT["'`,]|\.Run\(\s*\)|\bAutomaticEnv\(/.test(all)) return plain;
  const flag = texts.map(flagOf).find((one) => one !== null);
  if (flag != null) return { ...plain, after: flag };
  const variable = variableOf(all);
  if (variable !== null) return { ...plain, before: variable };
  return { ...plain, fixed: fixedPort(all) };
}

/** `flag.String("addr", ":4000", …)`; the package flag takes one dash, that of cobra two. */
function flagOf(text: string): string | null {
  const posix =
    /\b[fF]lags\(\)\.(?:String|Int|Uint\d*)(?:Var)?P?\(\s*(?:&[\w.]+,\s*)?"((?:http|listen|bind|server)?[-_.]?(?:addr|address|port|listen|bind))",\s*(?:"\w?",\s*)?(?:"([\w.]*:\d{2,5}|\d{2,5})"|\d{2,5})/i.exec(
      text,
    );
  if (posix !== null) return `--${posix[1]} ${posix[2]?.includes(":") ? ":" : ""}$PORT`;
  if (!/"flag"/.test(text)) return null;
  const [, name, address, number] =
    /\bflag\.(?:String|Int|Uint)(?:Var)?\(\s*(?:&[\w.]+,\s*)?"((?:http|listen|bind|server)?[-_.]?(?:addr|address|port|listen|bind|http|p))",\s*(?:"([\w.]*:\d{2,5}|\d{2,5})"|(\d{2,5}))/.exec(
      text,
    ) ?? [];
  if (name === undefined) return null;
  return `-${name} ${number === undefined && address?.includes(":") ? ":" : ""}$PORT`;
}

/** `os.Getenv("HTTP_PORT")`, a helper with a default, or a tag `env:"SERVER_ADDR"`. */
function variableOf(all: string): string | null {
  const read =
    /(?:\b\w*[eE]nv\w*\(\s*"|`[^`\n]*\b(?:env|envconfig):")((?:[A-Z]+_)*(?:PORT|ADDR|ADDRESS))(?:"\s*,\s*"(:?)|["',])/g;
  for (const [, name = "", colon] of all.matchAll(read)) {
    if (others.test(name)) continue;
    return `${name}=${/PORT$/.test(name) && colon !== ":" ? "" : ":"}$PORT`;
  }
  return null;
}

const address = '"[\\w.]*:(\\d{2,5})"';
const direct = new RegExp(
  `\\bListenAndServe(?:TLS)?\\(\\s*${address}|\\.(?:Run|Start|Listen)\\(\\s*${address}|\\bhttp\\.Server\\s*\\{[^}]{0,500}\\bAddr:\\s*${address}|\\bnet\\.Listen\\(\\s*"tcp4?"\\s*,\\s*${address}`,
);
const named =
  /\b((?:\w*[a-z])?(?:Port|Addr|Address)|port|addr|address|PORT|ADDR)\s*(?:u?int|string)?\s*:?=\s*"?(?:[\w.]*:)?(\d{2,5})\b"?/g;
/** Of other servers, as `others`. */
const foreign =
  /^(?:db|database|pg|postgres|sql|mysql|redis|mongo|smtp|mail|kafka|nats|metrics|grpc|debug|remote|peer)/i;

function fixedPort(all: string): number | null {
  const written = direct
    .exec(all)
    ?.slice(1)
    .find((one) => one !== undefined);
  const set = [...all.matchAll(named)].find(([, name = ""]) => !foreign.test(name))?.[2];
  const port = Number(written ?? set ?? 0);
  return port > 0 && port < 65_536 ? port : null;
}
