import { type IncomingMessage, request } from "node:http";
import { connect } from "node:net";
import { formatDuration } from "../../../base/duration.ts";
import { isErrno, isMistake } from "../../../base/faults.ts";
import type { JsonCondition } from "../../../model/release.ts";
import type { ProbeAnswer, ProbeRequest, Prober } from "../../../ports/prober.ts";
import { Patience } from "./patience.ts";
import { statusOf } from "./status.ts";

type HttpProbe = Extract<ProbeRequest, { kind: "http" }>;
type Asked = Pick<ProbeAnswer, "good" | "words"> & { readonly refused?: boolean };

/** The most of a body that is read to judge it; a health answer is far smaller. */
const bodyLimit = 64 * 1024;
/** A question during which this process was away for longer than this was not asked as it should be. */
const lateBeyondMs = 200;
/** The most of a value or path that is quoted in the answer's words. */
const quoteLimit = 40;

/**
 * Probes over the network, each time on a new connection, as a new client would. An HTTP answer is judged by its
 * status, and by its JSON body if there are conditions; all of it must arrive within the timeout.
 */
export function networkProber(): Prober {
  return { probe };
}

/** One running probe; its connection is closed at its end or timeout. */
interface Question {
  isLate: boolean;
  /** With an error, so that the waiting caller gets it. An AbortSignal would double the cost of a probe. */
  cut: (error?: Error) => void;
}

class TooLate extends Error {}

async function probe(asked: ProbeRequest): Promise<ProbeAnswer> {
  const subject = asked.kind === "http" ? `GET ${quote(asked.path)}` : "TCP";
  const question: Question = { isLate: false, cut: () => undefined };
  const patience = new Patience(asked.timeoutMs, () => {
    question.isLate = true;
    question.cut(new TooLate());
  });
  try {
    const { good, words } = asked.kind === "http" ? await get(asked, question) : await dial(asked, question);
    return { good, words: `${subject} → ${words}`, refused: false };
  } catch (thrown) {
    const words = question.isLate ? `no answer within ${formatDuration(asked.timeoutMs)}` : reasonOf(thrown, asked);
    const refused = isErrno(thrown, "ECONNREFUSED");
    // A timeout does not count time in which this process did not run; a connection closed meanwhile may be its own
    // doing.
    const isOurs = !refused && !question.isLate && patience.lateMs() > lateBeyondMs;
    return { good: false, words: `${subject} → ${words}`, refused, ...(isOurs && { late: true }) };
  } finally {
    patience.end();
    question.cut();
  }
}

function reasonOf(thrown: unknown, { address }: ProbeRequest): string {
  if (isErrno(thrown, "ECONNREFUSED")) return `nothing listens on ${address.host}:${address.port}`;
  if (isErrno(thrown, "ECONNRESET", "EPIPE")) return "the connection was closed without an answer";
  if (isErrno(thrown, "ERR_UNESCAPED_CHARACTERS", "ERR_INVALID_CHAR")) return "it cannot be probed in this way";
  if (isMistake(thrown)) throw thrown;
  const code = thrown instanceof Error && "code" in thrown ? String(thrown.code) : "it could not be read";
  return code.startsWith("HPE_") ? "the answer is not HTTP" : `no answer (${code})`;
}

function dial({ address }: ProbeRequest, question: Question): Promise<Asked> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: address.host, port: address.port });
    question.cut = (error) => socket.destroy(error);
    socket.on("error", reject);
    socket.once("connect", () => {
      resolve({ good: true, words: `${address.host}:${address.port} accepts connections` });
    });
  });
}

async function get(asked: HttpProbe, question: Question): Promise<Asked> {
  if (asked.json.length > 0) return getJson(asked, question);
  if (asked.status === "below 500") return getAny(asked, question);
  const status = await statusOf(asked, (how) => {
    question.cut = how;
  });
  return { good: isWanted(status, asked), words: String(status) };
}

function isWanted(status: number, { status: wanted }: HttpProbe): boolean {
  if (wanted === "below 500") return status < 500;
  return wanted === null ? status >= 200 && status < 400 : status === wanted;
}

/**
 * By which frameworks refuse a host, whatever is asked of them: Django without and with DEBUG, Rails, Vite; Starlette and
 * webpack's server, Werkzeug, Symfony, ASP.NET.
 */
const hostRefusals = [
  { status: 400, text: /<h1>Bad Request \(400\)<\/h1>|DisallowedHost/, setting: "Django's ALLOWED_HOSTS" },
  { status: 403, text: /Blocked hosts?: /, setting: "Rails' config.hosts" },
  { status: 403, text: /^Blocked request\. This host/, setting: "Vite's server.allowedHosts" },
  {
    status: null,
    text: /^Invalid host header|Host [^<]{1,300} is not trusted|Untrusted Host|Bad Request - Invalid Hostname/i,
    setting: "its list of allowed hosts",
  },
];

const refusingStatuses = new Set([400, 403, 421]);

/** Any answer of the app itself. */
async function getAny(asked: HttpProbe, question: Question): Promise<Asked> {
  const answer = await answerTo(asked, question);
  const status = answer.statusCode ?? 0;
  const plain = { good: isWanted(status, asked), words: `${status}` };
  if (!refusingStatuses.has(status)) return plain;
  const body = (await bodyOf(answer)) ?? "";
  const refusal = hostRefusals.find((one) => (one.status ?? status) === status && one.text.test(body));
  if (!refusal) return plain;
  return { good: false, words: `${status}: the app refuses the host ${asked.host} – add it to ${refusal.setting}` };
}

async function getJson(asked: HttpProbe, question: Question): Promise<Asked> {
  const answer = await answerTo(asked, question);
  const status = answer.statusCode ?? 0;
  if (!isWanted(status, asked)) return { good: false, words: String(status) };
  const body = await bodyOf(answer);
  const diagnostic = body === null ? `the body is larger than ${bodyLimit / 1024} KB` : diagnosticOf(body, asked.json);
  return { good: diagnostic === null, words: diagnostic === null ? String(status) : `${status}, ${diagnostic}` };
}

/** An app that sends browsers to HTTPS is told that this is HTTPS, as the edge would say it. */
function answerTo({ address, path, host }: HttpProbe, question: Question): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const headers = {
      Host: host,
      Accept: "application/json, */*",
      "User-Agent": "fairlead-probe",
      "X-Forwarded-Proto": "https",
      Connection: "close",
    };
    const { host: name, port } = address;
    // A connection without an agent, because an agent for each question costs more than the question.
    const asking = request({ path, headers, createConnection: () => connect({ host: name, port }) }, resolve);
    question.cut = (error) => asking.destroy(error);
    // Stays for good: the request is cut at the end, whatever was read of it.
    asking.on("error", reject);
    asking.end();
  });
}

/** The body, or null when it is larger than the limit. */
async function bodyOf(answer: IncomingMessage): Promise<string | null> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of answer as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > bodyLimit) return null;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString("utf8");
}

/** The first condition that does not hold, in words; null when all do. Values are equal only if their types are. */
function diagnosticOf(body: string, conditions: readonly JsonCondition[]): string | null {
  let json: unknown;
  try {
    json = JSON.parse(body);
  } catch (thrown) {
    if (thrown instanceof SyntaxError) return "the body is not JSON";
    throw thrown;
  }
  for (const { path, equals } of conditions) {
    const value = path.reduce(memberOf, json);
    if (value === equals) continue;
    const found = value === undefined ? "missing" : quote(JSON.stringify(value));
    return `${quote(path.join("."))} is ${found}, wanted ${quote(JSON.stringify(equals))}`;
  }
  return null;
}

function memberOf(value: unknown, name: string): unknown {
  if (typeof value !== "object" || value === null || !Object.hasOwn(value, name)) return undefined;
  return (value as Record<string, unknown>)[name];
}

function quote(text: string): string {
  return text.length > quoteLimit ? `${text.slice(0, quoteLimit - 1)}…` : text;
}
