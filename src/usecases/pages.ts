import { type Diagnostic, Fault, isErrno } from "../base/faults.ts";
import type { AppSpec } from "../model/app.ts";
import type { Release } from "../model/release.ts";
import type { Builder } from "../ports/builder.ts";

/** By service and status: the HTML of the edge's own answers. */
export type Pages = Readonly<Record<string, Readonly<Record<string, string>>>>;

/** Size limit of a page: every route table contains them. */
const pageBytes = 64 * 1024;
/** Limit of all pages of a release; the edge accepts tables of 8 MB. */
const allBytes = 1024 * 1024;

/** Reads the pages that a manifest names from its source, and reports each invalid one. */
export async function readPages(
  builder: Builder,
  { spec, source }: { readonly spec: AppSpec; readonly source: string },
): Promise<{ pages: Pages; diagnostics: readonly Diagnostic[] }> {
  const pages: Record<string, Record<string, string>> = {};
  const diagnostics: Diagnostic[] = [];
  let total = 0;
  for (const { name, http } of spec.services) {
    for (const [status, path] of Object.entries(http?.pageFiles ?? {})) {
      const read = await readPage(builder, source, path);
      total += read.ok ? Buffer.byteLength(read.html) : 0;
      const tooMuch = read.ok && total > allBytes ? "makes all pages together larger than 1 MB" : null;
      const message = read.ok ? tooMuch : read.message;
      if (message !== null) diagnostics.push({ path: `services.${name}.http.pages.${status}`, message });
      else if (read.ok) pages[name] = { ...pages[name], [status]: read.html };
    }
  }
  return { pages, diagnostics };
}

/** The pages of a release: a change of only its configuration keeps them. */
export function pagesOf({ services }: Release): Pages {
  return Object.fromEntries(services.map(({ name, http }) => [name, http?.pages ?? {}]));
}

type PageRead = { readonly ok: true; readonly html: string } | { readonly ok: false; readonly message: string };

async function readPage(builder: Builder, source: string, path: string): Promise<PageRead> {
  const bytes = await bytesOf(builder, source, path);
  if (bytes === null) {
    return { ok: false, message: "is not a file of the source – is the path right, and not among the ignored files?" };
  }
  if (bytes === "too large" || bytes.length > pageBytes) return { ok: false, message: "is larger than 64 KB" };
  try {
    return { ok: true, html: new TextDecoder("utf-8", { fatal: true }).decode(bytes) };
  } catch (thrown) {
    if (!isErrno(thrown, "ERR_ENCODING_INVALID_ENCODED_DATA")) throw thrown;
    return { ok: false, message: "is not UTF-8 text" };
  }
}

async function bytesOf(builder: Builder, source: string, path: string): Promise<Uint8Array | "too large" | null> {
  try {
    return await builder.readSource(source, path);
  } catch (thrown) {
    if (thrown instanceof Fault && thrown.code === "request.too-large") return "too large";
    throw thrown;
  }
}
