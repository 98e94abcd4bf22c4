/** What is shorter is an ordinary word far too often to be hidden wherever it stands. */
export const shortestSecret = 6;
/** Line lengths of MIME (RFC 2045) and of PEM (RFC 7468), in which programs break base64. */
const wrappings = [76, 64] as const;
/** Bytes that stay as they are in percent encoding: letters and digits always, and these by the custom of each encoder. */
const unescaped = {
  strict: "-._~",
  component: "-._~!'()*",
  form: "-._*",
  path: "-._~/",
  uri: "-._~!'()*;/?:@&=+$,#",
} as const;

/**
 * Every spelling in which a value is looked for: itself, the lines of one with several, base64 and base64url at all three
 * alignments, percent-encoded, and as in JSON. None is shorter than `shortestSecret`; there is none of a shorter value.
 * Not looked for: hexadecimal, compression, and base64 of a larger text that is broken into lines.
 */
export function formsOf(value: string): readonly string[] {
  const forms = new Set<string>();
  const trimmed = value.trim();
  for (const whole of new Set([value, trimmed, passwordIn(trimmed) ?? trimmed])) {
    if (whole.length < shortestSecret) continue;
    for (const form of [...plain(whole), ...base64(whole), ...percent(whole), ...json(whole)]) forms.add(form);
  }
  return [...forms].filter((form) => form.length >= shortestSecret);
}

/** The password in the value's URL, as clients take it apart; one that equals the user's name is no secret. */
function passwordIn(value: string): string | null {
  const url = /^[a-z][a-z\d+.-]*:\/\//i.test(value) ? URL.parse(value) : null;
  if (!url || url.password === url.username) return null;
  return percentDecoded(url.password);
}

function percentDecoded(text: string): string {
  const bytes: number[] = [];
  for (const [piece, hex] of text.matchAll(/%([\da-f]{2})|[^%]+|%/gi)) {
    bytes.push(...(hex === undefined ? Buffer.from(piece) : [Number.parseInt(hex, 16)]));
  }
  return Buffer.from(bytes).toString();
}

/** The value in one line; else its lines, without their indentation, so that one line in a log is found alone. */
function plain(value: string): readonly string[] {
  if (!/[\r\n]/.test(value)) return [value];
  const lines = value.split(/[\r\n]+/).flatMap((line) => {
    const bare = line.trim();
    const isFrame = /^-----(?:BEGIN|END) [A-Z\d ]+-----$/.test(bare);
    return isFrame ? [] : [bare.length >= shortestSecret ? bare : line];
  });
  const long = lines.filter((line) => line.length >= shortestSecret);
  return long.length > 0 ? long : [value];
}

function base64(value: string): readonly string[] {
  const bytes = Buffer.from(value);
  const padded = bytes.toString("base64");
  const texts = [padded, padded.replace(/=+$/, "")];
  for (const before of [0, 1, 2]) texts.push(insideBase64(bytes, before));
  for (const width of wrappings) {
    if (padded.length > width) texts.push(...(padded.match(new RegExp(`.{1,${width}}`, "g")) ?? []));
  }
  return texts.flatMap((text) => {
    const inUrl = text.replaceAll("+", "%2B").replaceAll("/", "%2F").replaceAll("=", "%3D");
    return [text, text.replaceAll("+", "-").replaceAll("/", "_"), inUrl, inUrl.replaceAll(/%../g, lower)];
  });
}

/** The characters of base64 (six bits each) that depend on the value alone, with `before` bytes before it. */
function insideBase64(bytes: Buffer, before: number): string {
  const encoded = Buffer.concat([Buffer.alloc(before), bytes]).toString("base64");
  return encoded.slice(Math.ceil((before * 8) / 6), Math.floor(((before + bytes.length) * 8) / 6));
}

function percent(value: string): readonly string[] {
  return Object.values(unescaped).flatMap((kept) => {
    const upper = [...Buffer.from(value)].map((byte) => percentByte(byte, kept)).join("");
    const small = upper.replaceAll(/%../g, lower);
    return [upper, small, upper.replaceAll("%20", "+"), small.replaceAll("%20", "+")];
  });
}

function percentByte(byte: number, kept: string): string {
  const character = String.fromCharCode(byte);
  if (byte < 0x80 && (/[A-Za-z\d]/.test(character) || kept.includes(character))) return character;
  return `%${byte.toString(16).toUpperCase().padStart(2, "0")}`;
}

/** As JSON.stringify writes it, in ASCII as Python does, and with `\/` as PHP does. */
function json(value: string): readonly string[] {
  const text = JSON.stringify(value).slice(1, -1);
  const ascii = text.replaceAll(/[^\0-~]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`);
  const capital = ascii.replaceAll(/\\u[\da-f]{4}/g, (unit) => `\\u${unit.slice(2).toUpperCase()}`);
  return [text, ascii, capital].flatMap((one) => [one, one.replaceAll("/", "\\/")]);
}

function lower(text: string): string {
  return text.toLowerCase();
}
