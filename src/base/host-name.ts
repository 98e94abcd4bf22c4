import { domainToASCII, domainToUnicode } from "node:url";

/**
 * A host name as DNS, certificates and browsers have it: `xn--bcher-kva.example` for `bücher.example` (UTS 46, as
 * browsers convert it). `*.` in front stays. What is only ASCII stays as it is; null: it stands for no name.
 */
export function asciiHost(text: string): string | null {
  if (/^[\x20-\x7e]*$/.test(text)) return text;
  if (text.startsWith("*.")) return prefixed("*.", asciiHost(text.slice(2)));
  // Nothing that a URL could take for more than a name.
  const ascii = /^(?:[A-Za-z0-9.-]|[^\x20-\x7e])+$/.test(text) ? domainToASCII(text) : "";
  return ascii === "" ? null : ascii;
}

function prefixed(prefix: string, host: string | null): string | null {
  return host === null ? null : prefix + host;
}

/** Both forms of an international name, `xn--bcher-kva.example (bücher.example)`, in a name or a URL; others unchanged. */
export function withReadableHost(text: string): string {
  const [host] = /\w[\w.-]*\bxn--[\w.-]+|xn--[\w.-]+/.exec(text) ?? [];
  const readable = host === undefined ? "" : domainToUnicode(host);
  return readable === "" || readable === host ? text : `${text} (${readable})`;
}
