import { Readable } from "node:stream";
import { formatSize } from "../base/size.ts";
import type { World } from "./world.ts";

/** A source of this size is mentioned where progress is printed by lines. */
const largeBytes = 20 * 1024 * 1024;
/** An upload that takes longer is shown, redrawn so often. */
const shownAfterMs = 500;
const redrawMs = 100;

/**
 * The same bytes, with what is sent of `total` on stderr: redrawn in place on a terminal, else one line at the beginning
 * of a large upload.
 */
export function shownUpload(
  { context, host }: Pick<World, "context" | "host">,
  tar: Readable,
  total: number,
): Readable {
  if (context.progress === "lines" && total >= largeBytes) host.stderr.write(`uploading ${formatSize(total)}\n`);
  return context.progress === "live" ? Readable.from(redrawn(host, tar, total), { objectMode: false }) : tar;
}

async function* redrawn({ now, stderr }: World["host"], tar: Readable, total: number): AsyncGenerator<Buffer> {
  let sent = 0;
  let dueAt = now() + shownAfterMs;
  let isDrawn = false;
  try {
    for await (const chunk of tar) {
      yield chunk;
      sent = Math.min(total, sent + chunk.length);
      if (now() < dueAt) continue;
      dueAt = now() + redrawMs;
      isDrawn = true;
      stderr.write(`\r\x1b[2Kuploading ${formatSize(sent)} of ${formatSize(total)}`);
    }
  } finally {
    if (isDrawn) stderr.write("\r\x1b[2K");
  }
}
