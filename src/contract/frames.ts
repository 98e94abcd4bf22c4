/**
 * What client and controller agree on beside the messages of an attached task (attached.ts), without their schemas. A
 * binary message has bytes of one stream, and a first byte that says of which. Its receiver reports the bytes that it has
 * passed on; nobody has more than `windowBytes` of a stream on their way, so that a stream whose reader is slow holds up
 * nothing else.
 */
export const streamNumbers = { stdin: 0, stdout: 1, stderr: 2 } as const;
export type TaskStream = keyof typeof streamNumbers;

/** Most bytes of a stream in one message, and most of them that are not reported yet. */
export const frameBytes = 64 * 1024;
export const windowBytes = 1024 * 1024;

/** The messages that carry bytes of a stream, in order. */
export function* framesOf(stream: TaskStream, bytes: Uint8Array): Generator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += frameBytes) {
    const part = bytes.subarray(at, at + frameBytes);
    const message = new Uint8Array(part.length + 1);
    message[0] = streamNumbers[stream];
    message.set(part, 1);
    yield message;
  }
}

/** The stream and the bytes of a message; null: it is none. */
export function frameIn(message: Uint8Array): { readonly stream: TaskStream; readonly bytes: Uint8Array } | null {
  const names = Object.keys(streamNumbers) as TaskStream[];
  const stream = names.find((name) => streamNumbers[name] === message[0]);
  if (stream === undefined || message.length > frameBytes + 1) return null;
  return { stream, bytes: message.subarray(1) };
}
