/** Prefixes of keys of well-known services, from their own documentation; and private keys in PEM (RFC 7468). */
const known: readonly (readonly [string, RegExp])[] = [
  ["an Anthropic key", /\bsk-ant-[\w-]{20,}/],
  ["an OpenAI key", /\bsk-(?!ant-)(?:proj-)?[A-Za-z0-9_-]{32,}/],
  ["an AWS access key", /\b(?:AKIA|ASIA)[A-Z0-9]{16}\b/],
  ["a GitHub token", /\b(?:gh[pousr]_[A-Za-z0-9]{36,}|github_pat_\w{60,})/],
  ["a GitLab token", /\bglpat-[\w-]{20,}/],
  ["a Slack token", /\bxox[abeoprs]-[A-Za-z0-9-]{20,}/],
  ["a Google API key", /\bAIza[\w-]{35}\b/],
  ["a Fairlead token", /\bflt_[a-z][a-z0-9-]{0,39}_[\w-]{43}/],
  ["a Stripe key", /\b[rs]k_live_[A-Za-z0-9]{20,}/],
  ["an Apify token", /\bapify_api_[A-Za-z0-9]{20,}/],
  ["a Telegram bot token", /\b\d{8,10}:[A-Za-z0-9_-]{35}\b/],
  ["a SendGrid key", /\bSG\.[\w-]{20,}\.[\w-]{40,}/],
  ["a private key", /-----BEGIN (?:[A-Z]+ )?PRIVATE KEY-----/],
];

/** A description of the secret in a text; null if none is recognised. */
export function secretIn(text: string): string | null {
  return known.find(([, pattern]) => pattern.test(text))?.[0] ?? databasePasswordIn(text);
}

/** An address with user and password, unless the password is a reference, a placeholder or the name of the user. */
function databasePasswordIn(text: string): string | null {
  for (const [, user, password] of text.matchAll(/\b[a-z][a-z+]{2,20}:\/\/([^\s:/@"'`]+):([^\s:/@"'`]+)@[\w.-]/g)) {
    if (user === password || password === undefined) continue;
    if (/[${}<>%*]|^(?:pass(?:word)?|secret|postgres|root|admin|test|user|pw|pwd|xxx+|\.\.\.)$/i.test(password))
      continue;
    return "an address with a password";
  }
  return null;
}
