import { crc32 } from "node:zlib";
import { isMadeUp, isRandom } from "./randomness.ts";

/** What a match is: `live` is surely a secret that works, `perhaps` may be one, null is none. */
export type SecretVerdict = "live" | "perhaps" | null;

/** Keys and tokens of one kind, by the form that their provider documents. */
interface Format {
  readonly what: string;
  /** Global. Its first group is the random part. */
  readonly pattern: RegExp;
  /** Default: a random text is live, anything else is none. */
  readonly judge?: (match: RegExpExecArray, around: SecretContext) => SecretVerdict;
}

/** What stands around a match. */
export interface SecretContext {
  readonly path: string;
  readonly text: string;
  /** The line of the match, or the end of it when the line is long. */
  readonly line: string;
}

const alphabet = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/** GitHub's and npm's tokens: 30 characters, then their CRC-32 in base 62 with 6 digits (github.blog, 2021-04-05). */
function hasChecksum(token: string): boolean {
  let rest = crc32(token.slice(0, 30));
  let digits = "";
  for (; digits.length < 6; rest = Math.floor(rest / 62)) digits = alphabet[rest % 62] + digits;
  return digits === token.slice(30);
}

function judgeChecksum([, body = ""]: RegExpExecArray): SecretVerdict {
  if (body.length === 36 && hasChecksum(body)) return "live";
  return isRandom(body) ? "perhaps" : null;
}

/** Names of what a bundler puts into pages, by the prefixes that each documents. */
export const bundled = /\b(?:(?:NEXT|NUXT|EXPO|GATSBY)_PUBLIC_|NUXT_PUBLIC_|GATSBY_|PUBLIC_|VITE_|REACT_APP_|VUE_APP_)/;
/** Google: "API keys for Firebase services are not secret"; keys of maps are sent by every browser. */
const browserKey =
  /google-services|GoogleService-Info|authDomain|messagingSenderId|firebase|maps\.googleapis\.com|google[-_]?maps?(?![a-z])/i;
const modelKey = /gemini|genai|generative|palm|vertex/i;

function judgeGoogleKey({ 1: body = "", index }: RegExpExecArray, { path, text, line }: SecretContext): SecretVerdict {
  if (isMadeUp(body)) return null;
  if (modelKey.test(line) && !bundled.test(line)) return isRandom(body) ? "live" : "perhaps";
  return bundled.test(line) || browserKey.test(`${path}\n${text.slice(Math.max(0, index - 2_000), index + 2_000)}`)
    ? null
    : "perhaps";
}

const awsSecret = /(?<![\w/+=])[\w/+]{40}(?![\w/+=])/g;

/** The id alone opens nothing; with its secret within a few lines it does. */
function judgeAwsKey(match: RegExpExecArray, { text }: SecretContext): SecretVerdict {
  if (isMadeUp(match[0])) return null;
  const near = text.slice(Math.max(0, match.index - 400), match.index + 400);
  const secrets = [...near.matchAll(awsSecret)].filter(([secret]) => /[g-z/+]/i.test(secret) && isRandom(secret));
  return secrets.length > 0 ? "live" : "perhaps";
}

/** Supabase's keys before 2025 are JSON web tokens: `anon` is for browsers, `service_role` passes every rule. */
function judgeWebToken([, payload = ""]: RegExpExecArray): SecretVerdict {
  const text = Buffer.from(payload, "base64url").toString("latin1");
  return /"role"\s*:\s*"service_role"/.test(text) && /"iss"\s*:\s*"supabase"/.test(text) ? "live" : null;
}

/** A bot's token begins with its number, in base 64. */
function judgeDiscord([, body = "", id = ""]: RegExpExecArray): SecretVerdict {
  return /^\d{17,20}$/.test(Buffer.from(id, "base64").toString("latin1")) && isRandom(body) ? "live" : null;
}

/** OpenAI's keys contain "OpenAI" in base 64. Other providers use the same prefix before a random text. */
function judgeOpenAi([, body = ""]: RegExpExecArray): SecretVerdict {
  return isRandom(body) && (/[A-Z]/.test(body) || /^[\da-f]+$/.test(body)) ? "live" : null;
}

/** Letters alone are random if about half of them are capitals; names have fewer. */
function judgeLetters([, body = ""]: RegExpExecArray): SecretVerdict {
  const capitals = body.replaceAll(/[^A-Z]/g, "").length / body.length;
  return capitals > 0.25 && capitals < 0.75 && !isMadeUp(body) ? "live" : null;
}

/** Keys that are public by design have no entry: Stripe's `pk_`, Mapbox's `pk.`, Supabase's `sb_publishable_`. */
export const secretFormats: readonly Format[] = [
  { what: "an Anthropic key", pattern: /\bsk-ant-([\w-]{20,})/g },
  { what: "an OpenAI key", pattern: /\bsk-(?!ant-)((?:proj-|svcacct-|admin-)?[\w-]{32,})/g, judge: judgeOpenAi },
  { what: "an AWS access key", pattern: /\b(?:AKIA|ASIA)([A-Z2-7]{16})\b/g, judge: judgeAwsKey },
  { what: "a GitHub token", pattern: /\bgh[pousr]_([A-Za-z0-9]{36,255})(?!\w)/g, judge: judgeChecksum },
  { what: "a GitHub token", pattern: /\bgithub_pat_([A-Za-z0-9]{22}_[A-Za-z0-9]{59})(?!\w)/g },
  { what: "an npm token", pattern: /\bnpm_([A-Za-z0-9]{36})(?!\w)/g, judge: judgeChecksum },
  { what: "a GitLab token", pattern: /\bgl(?:pat|ptt|dt|rt|soat|ft|cbt)-([\w-]{20,})/g },
  { what: "a Slack token", pattern: /\bxox[abeoprs]-(?:\d+-){0,4}([A-Za-z0-9]{20,})/g },
  { what: "a Slack token", pattern: /\bxapp-\d-[A-Z0-9]+-\d+-([a-f0-9]{64})/g },
  { what: "a Slack webhook", pattern: /\bhooks\.slack\.com\/services\/T\w{6,12}\/B\w{6,12}\/(\w{24})(?!\w)/g },
  { what: "a Google API key", pattern: /\bAIza([\w-]{35})(?![\w-])/g, judge: judgeGoogleKey },
  { what: "a Google OAuth secret", pattern: /\bGOCSPX-([\w-]{28})(?![\w-])/g },
  { what: "a Fairlead token", pattern: /\bflt_[a-z][a-z0-9-]{0,39}_([\w-]{43})/g },
  { what: "a Stripe key", pattern: /\b[rs]k_live_([A-Za-z0-9]{20,})/g },
  { what: "an Apify token", pattern: /\bapify_api_([A-Za-z0-9]{20,})/g },
  { what: "a Telegram bot token", pattern: /(?<!\w)\d{8,10}:AA([\w-]{33})(?![\w-])/g },
  { what: "a SendGrid key", pattern: /\bSG\.([\w-]{20,24}\.[\w-]{40,50})/g },
  { what: "a Hugging Face token", pattern: /\bhf_([A-Za-z]{34})(?!\w)/g, judge: judgeLetters },
  { what: "a Groq key", pattern: /\bgsk_([A-Za-z0-9]{52})(?!\w)/g },
  { what: "a DigitalOcean token", pattern: /\bdo[opr]_v1_([a-f0-9]{64})(?!\w)/g },
  { what: "a PyPI token", pattern: /\bpypi-AgEIcHlwaS5vcmc([\w-]{50,})/g },
  { what: "a Shopify token", pattern: /\bshp(?:at|ca|pa|ss)_([a-fA-F0-9]{32})(?!\w)/g },
  { what: "a Supabase secret key", pattern: /\bsb(?:_secret|p)_([\w-]{20,})/g },
  {
    what: "a Supabase service key",
    pattern: /\beyJ[\w-]{10,200}\.(eyJ[\w-]{20,1000})\.[\w-]{20,}/g,
    judge: judgeWebToken,
  },
  { what: "a Mapbox secret token", pattern: /\bsk\.eyJ([\w-]{20,200}\.[\w-]{20,})/g },
  {
    what: "a Discord bot token",
    pattern: /\b(([MNO][A-Za-z0-9]{22,27})\.[\w-]{6}\.[\w-]{27,38})(?![\w-])/g,
    judge: judgeDiscord,
  },
];

/** Names of keys that providers mean for pages. */
const publicName =
  /(?:^|_)(?:PUBLIC|PUBLISHABLE|ANON|SITE|SEARCH|BROWSER|CLIENT|WRITE)(?:_(?:API_)?(?:KEY|TOKEN))?$|(?:^|_)PUBLIC_|^(?:FIREBASE|GOOGLE_MAPS|MAPS|SENTRY|POSTHOG|MIXPANEL|AMPLITUDE)_(?:API_)?(?:KEY|TOKEN)$/i;

/** Supabase's older key for browsers. */
function isAnonymous(value: string): boolean {
  const payload = /^eyJ[\w-]{10,200}\.(eyJ[\w-]{20,1000})\./.exec(value)?.[1] ?? "";
  return /"role"\s*:\s*"anon"/.test(Buffer.from(payload, "base64url").toString("latin1"));
}

/** Whether a variable of this name, or with this value, is sent to every browser anyway. */
export function isPublicByDesign(name: string, value: string): boolean {
  return (
    bundled.test(name) ||
    isAnonymous(value) ||
    publicName.test(name) ||
    /^(?:pk_(?:live|test)_|pk\.eyJ|sb_publishable_|phc_|pub[\da-f]{32}$|arn:aws)/.test(value)
  );
}
