/** `writer FIRST COUNT` writes lines as apps do: JSON of a common logger, an access log and plain text, no two the same. */
function lineOf(n: number): string {
  const time = new Date(1_760_000_000_000 + n * 7).toISOString();
  const mixed = (n * 2_654_435_761) % 4_294_967_296;
  const ms = ((mixed % 50_000) / 100).toFixed(2);
  const id = mixed.toString(16).padStart(8, "0");
  if (n % 4 === 0)
    return `{"level":30,"time":${1_760_000_000_000 + n * 7},"n":${n},"id":"${id}","msg":"request completed","ms":${ms}}\n`;
  if (n % 4 === 1)
    return `10.0.${mixed % 256}.${n % 256} - - [${time}] "GET /items/${id} HTTP/1.1" 200 ${mixed % 9_000} n=${n}\n`;
  if (n % 4 === 2) return `${time} INFO app.worker: job ${id} done in ${ms} ms n=${n}\n`;
  return `${time} WARNING app.cache: miss for user:${mixed % 100_000}:profile n=${n}\n`;
}

const [first = 0, count = 0] = process.argv.slice(2).map(Number);
const atOnce = 1_000;
for (let n = first; n < first + count; n += atOnce) {
  const lines = Array.from({ length: Math.min(atOnce, first + count - n) }, (_, i) => lineOf(n + i));
  if (!process.stdout.write(lines.join(""))) await new Promise((resolve) => process.stdout.once("drain", resolve));
}
