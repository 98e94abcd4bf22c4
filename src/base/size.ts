const unitBytes = { B: 1, KB: 1024, MB: 1024 ** 2, GB: 1024 ** 3 } as const;

/** Bytes of a size like `512MB` or `1.5GB` (powers of 1024, as container engines count); null when the text is not one. */
export function parseSize(text: string): number | null {
  const found = /^(\d{1,9}(?:\.\d{1,3})?)(B|KB|MB|GB)$/.exec(text);
  if (!found) return null;
  return Math.round(Number(found[1]) * unitBytes[found[2] as keyof typeof unitBytes]);
}

/** A size for people: `12 KB`, `3.4 MB`. */
export function formatSize(bytes: number): string {
  if (bytes < 1024) return `${bytes} B`;
  if (bytes < 1024 ** 2) return `${Math.round(bytes / 1024)} KB`;
  if (bytes < 1024 ** 3) return `${(bytes / 1024 ** 2).toFixed(1)} MB`;
  return `${(bytes / 1024 ** 3).toFixed(1)} GB`;
}
