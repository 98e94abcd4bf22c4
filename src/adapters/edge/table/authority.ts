/** One label of a name in lower case. Underscores are in real names, though in no host name of RFC 952. */
export const label = "[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?";

const name = `${label}(\\.${label})*\\.?`;

const h16 = "[0-9a-f]{1,4}";
const octet = "(25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])";
const ls32 = `(${h16}:${h16}|${octet}(\\.${octet}){3})`;

/** IPv6address of RFC 3986 3.2.2. */
const ipv6 = [
  `(${h16}:){6}${ls32}`,
  `::(${h16}:){5}${ls32}`,
  `(${h16})?::(${h16}:){4}${ls32}`,
  `((${h16}:){0,1}${h16})?::(${h16}:){3}${ls32}`,
  `((${h16}:){0,2}${h16})?::(${h16}:){2}${ls32}`,
  `((${h16}:){0,3}${h16})?::${h16}:${ls32}`,
  `((${h16}:){0,4}${h16})?::${ls32}`,
  `((${h16}:){0,5}${h16})?::${h16}`,
  `((${h16}:){0,6}${h16})?::`,
].join("|");

/** 0 … 65535, or nothing at all (RFC 3986 3.2.3). */
const port = "([0-9]{1,4}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5])?";

/**
 * What a request may name as its host (RFC 9110 7.2, RFC 9112 3.2): a name as DNS has it, an IPv4 address or an IPv6 address in
 * brackets, and a port. No user, no percent sign, nothing of which two servers could make two hosts. Without regard to
 * case, and in words that JavaScript and PCRE read alike.
 */
export const authorityPattern = `(${name}|\\[(${ipv6})\\])(:${port})?`;

/** A host of 253 characters, a final dot, and a port. */
export const authorityChars = 260;
