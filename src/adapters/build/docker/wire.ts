/** One field of a protobuf message: a number (varint), or the bytes of a text or of a message inside. */
export interface WireField {
  readonly number: number;
  readonly value: number | Buffer;
}

/**
 * Parses a protobuf message (protobuf.dev, "Encoding") as far as BuildKit's progress needs it. Stops at the first
 * unknown element; what was read before is valid.
 */
export function* fieldsOf(bytes: Buffer): Generator<WireField> {
  const at = { index: 0 };
  while (at.index < bytes.length) {
    const tag = varint(bytes, at);
    if (tag === null) return;
    const value = readValue(bytes, at, tag % 8);
    if (value === null) return;
    yield { number: Math.floor(tag / 8), value };
  }
}

function readValue(bytes: Buffer, at: { index: number }, wireType: number): number | Buffer | null {
  if (wireType === 0) return varint(bytes, at);
  const fixed = { 1: 8, 5: 4 }[wireType];
  const length = wireType === 2 ? varint(bytes, at) : (fixed ?? null);
  if (length === null || at.index + length > bytes.length) return null;
  at.index += length;
  return bytes.subarray(at.index - length, at.index);
}

/** Exact up to 2^53, enough for lengths and seconds. */
function varint(bytes: Buffer, at: { index: number }): number | null {
  let value = 0;
  for (let shift = 0; shift < 70; shift += 7) {
    const byte = bytes[at.index];
    if (byte === undefined) return null;
    at.index += 1;
    value += (byte & 0x7f) * 2 ** shift;
    if (byte < 0x80) return value;
  }
  return null;
}
