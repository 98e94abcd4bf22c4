/** Rows of one character, sequences, and words that people write instead of a value. */
const madeUp =
  /(.)\1{5}|012345|123456|987654|abcdef|fedcba|deadbeef|example|placeholder|insecure|changeme|change[-_]me|replace[-_]?me|your[-_]?(?:key|token|secret|api|own)/i;
/** Shorter words occur in random text by chance, so they count only between separators. */
const madeUpWord =
  /(?:^|[-_.])(?:test(?:ing)?|fake|dummy|demo|sample|mock|my|your|todo|foo|bar|redacted|dev\w*)(?:[-_.]|$)/i;

/** Words and short numbers between separators: a name, a path, an address. */
const words = /^[-_.:/@?=&]*(?:(?:[A-Za-z]+\d{0,2}|\d{1,4})(?:[-_.:/@?=&]+|$))+$/;

/**
 * Whether a text looks generated: no example, and 0.72 or more of the entropy that its length allows (Shannon, per
 * character). Of a thousand generated keys, hexadecimal ones too, fewer than one has less; words and rows have.
 */
export function isRandom(text: string): boolean {
  if (
    text.length < 16 ||
    /\s/.test(text) ||
    isMadeUp(text) ||
    words.test(text) ||
    !/\d/.test(text) ||
    !/[A-Za-z]/.test(text)
  )
    return false;
  const counts = new Map<string, number>();
  for (const letter of text) counts.set(letter, (counts.get(letter) ?? 0) + 1);
  const entropy = [...counts.values()].reduce((sum, n) => sum - (n / text.length) * Math.log2(n / text.length), 0);
  return entropy >= 0.72 * Math.log2(Math.min(text.length, /^[\da-f-]+$/i.test(text) ? 16 : 64));
}

/** Whether a text is written as an example or as a placeholder. */
export function isMadeUp(text: string): boolean {
  return madeUp.test(text) || madeUpWord.test(text);
}
