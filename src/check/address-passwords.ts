import { isMadeUp, isRandom } from "./randomness.ts";
import type { SecretVerdict } from "./secret-formats.ts";

const address = /\b[a-z][a-z+]{2,20}:\/\/([^\s:/@"'`]{0,256}):([^\s:/@"'`]{1,256})@(\[[\da-f:]+\]|[\w.-]+)/g;

/** Not a password: a reference, a format, or a word for one. */
const standIn =
  /[${}<>*#]|%(?![\da-f]{2})|^(?:\W+|x+|pass(?:word|wd)?|secret|postgres|root|admin|test|user|pw|pwd|change[-_]?me|(?:your|my)[-_]?\w*|dummy|foo(?:bar)?)$/i;
/** Words in passwords that nobody generates. */
const word =
  /pass|secret|admin|root|test|user|demo|local|example|sample|dummy|fake|change|letmein|welcome|qwert|postgres|mysql|mongo|redis|guest|tiger|hunter/;
const leet: Readonly<Record<string, string>> = { 0: "o", 1: "l", 3: "e", 4: "a", 5: "s", $: "s", "@": "a" };

/** Names and addresses that lead to this machine, its containers or nowhere (RFC 2606, RFC 1918, RFC 8375). */
const nearHost =
  /^[^.]+$|^(?:127|10|192\.168|172\.(?:1[6-9]|2\d|3[01]))\.[\d.]+$|^0\.0\.0\.0$|^\[|(?:^|\.)(?:localhost|test|invalid|example|example\.(?:com|org|net)|lan|docker\.internal|home\.arpa)$|(?<!\.cluster)\.local$/i;

/** Every address with user and password in a text, with its index and what the password is. */
export function addressPasswordsIn(text: string): readonly { readonly at: number; readonly verdict: SecretVerdict }[] {
  return [...text.matchAll(address)].map(({ index, 1: user = "", 2: password = "", 3: host = "" }) => ({
    at: index,
    verdict: user === password || standIn.test(password) ? null : judge(password, host.toLowerCase()),
  }));
}

/** Sentry's older DSN: its users send it to every browser, with the part that looks like a password. */
const dsnHost = /(?:^|[.-])sentry[.-]/;

/** A throw-away password of a database beside the app protects nothing. */
function judge(password: string, host: string): SecretVerdict {
  if (dsnHost.test(host)) return null;
  const isFar = !nearHost.test(host);
  if (isGenerated(password)) return isFar ? "live" : "perhaps";
  return isFar ? "perhaps" : null;
}

function isGenerated(password: string): boolean {
  const plain = password.toLowerCase().replaceAll(/[01345$@]/g, (letter) => leet[letter] ?? letter);
  if (password.length < 8 || word.test(plain) || isMadeUp(password)) return false;
  return isRandom(password) || (/\d/.test(password) && /[a-z]/.test(password) && /[A-Z]/.test(password));
}
