import { oneLine } from "../base/printable.ts";

/** The most files that are listed of an instance. */
const writtenLimit = 100;

/** Directories whose content an app can do without: packages, caches, builds, logs. */
export const passingDirectories = [
  "node_modules",
  ".venv",
  "venv",
  "__pycache__",
  ".cache",
  "cache",
  "tmp",
  "temp",
  "log",
  "logs",
  ".next",
  ".nuxt",
  ".output",
  ".turbo",
  ".vite",
  ".svelte-kit",
  ".pytest_cache",
  ".git",
  "staticfiles",
] as const;

/** Logs, compiled files, marks of running processes, companions of a database file, and Celery's list of what ran when. */
const passingFile = /\.(?:log|py[co]|pid|sock|lock|tmp|swp)$|(?:-wal|-shm|-journal)$|^celerybeat-schedule|^nohup\.out$/;

/** Of files by their paths, those that may hold data: sorted, and not more than a reader can use. */
export function lastingFiles(paths: readonly string[]): readonly string[] {
  const passing = new Set<string>(passingDirectories);
  const lasting = paths.filter((path) => {
    const parts = path.split("/");
    return !parts.slice(0, -1).some((part) => passing.has(part)) && !passingFile.test(parts.at(-1) ?? "");
  });
  return lasting.toSorted().slice(0, writtenLimit);
}

/** So many files are named of those that an instance wrote. */
const named = 3;
const longestName = 60;

/** What an instance wrote, for people; null: nothing. */
export function writtenWords(files: readonly string[]): string | null {
  if (files.length === 0) return null;
  const rest = files.length - named;
  const more = rest > 0 ? [`${rest} more`] : [];
  const names = [...files.slice(0, named).map((file) => oneLine(file, longestName)), ...more].join(", ");
  return `wrote beside its code, to be removed with the instance: ${names}`;
}
