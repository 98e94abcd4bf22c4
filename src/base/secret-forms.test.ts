import { inspect } from "node:util";
import { describe, expect, test } from "vitest";
import { runChild } from "../host/child.ts";
import { createRedactor, type Redactor } from "./redact.ts";
import { Secret } from "./secret.ts";

const of = (value: string): Redactor => createRedactor([{ name: "K", value: new Secret(value) }]);

/** With every sign that somebody escapes; what is left of one is found by its letters. */
const secrets = [
  `Zq7'Yx"Wv\\Uu$Tt\`Ss<Rr>Pp&Nn=Mm/Ll+Kk#{Jj}%Hh!Gg`,
  "Zq7 straße № Wv😀Uu~Tt;Ss:Rr?Pp@Nn,Mm",
  "Zq7abcdefYxWvUu19TtSsRrPpNnMmLlKkJjHhGgFfDd",
  `Zq7'Yx\x1b[1mWv\tUu\u00a0Tt\u0085Ss\x7fRr'Pp`,
];
const unread = /Zq7|Yx|Wv|Uu|Tt|Ss|Rr|Pp|Nn/;

const node: Readonly<Record<string, (secret: string) => string>> = {
  "util.inspect": (secret) => inspect({ key: secret, both: `it's "${secret}"`, in: `"${secret}` }),
  "an error's stack": (secret) => inspect(new RangeError(secret), { breakLength: 40 }),
  "a Buffer": (secret) => inspect(Buffer.from(secret)).replace(/ \.\.\. .*/, ""),
  "a Buffer's JSON": (secret) => JSON.stringify(Buffer.from(secret)),
  "JSON in JSON": (secret) => JSON.stringify({ body: JSON.stringify({ secret }) }),
  "JSON in JSON in JSON": (secret) => JSON.stringify({ log: JSON.stringify({ body: JSON.stringify([secret]) }) }),
  "inspect of JSON": (secret) => inspect({ body: JSON.stringify({ secret }) }),
  "JSON of inspect": (secret) => JSON.stringify({ message: inspect({ secret }) }),
  hexadecimal: (secret) => Buffer.from(secret).toString("hex"),
  "hexadecimal in capitals, with colons": (secret) =>
    Buffer.from(secret)
      .toString("hex")
      .toUpperCase()
      .replaceAll(/..(?=.)/g, "$&:"),
  "UTF-16": (secret) => Buffer.from(secret, "utf16le").toString("latin1"),
  "base64 of UTF-16": (secret) => Buffer.from(`x${secret}`, "utf16le").toString("base64"),
  "base64 in base64": (secret) => btoa(Buffer.from(`user:${secret}`).toString("base64")),
  "base64 of JSON": (secret) => Buffer.from(JSON.stringify({ a: 1, secret })).toString("base64"),
  "percent encoding, twice": (secret) => encodeURIComponent(encodeURIComponent(secret)),
  "percent encoding of all, in lower case": (secret) => Buffer.from(secret).toString("hex").replaceAll(/../g, "%$&"),
  "\\u of all": (secret) => secret.replaceAll(/[\s\S]/g, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}`),
  "\\X of all": (secret) => Buffer.from(secret).toString("hex").toUpperCase().replaceAll(/../g, "\\x$&"),
  "React's HTML": (secret) =>
    secret.replaceAll(/[&<>"']/g, (c) => ({ "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" })[c] ?? "&#x27;"),
  "JSON in HTML": (secret) =>
    JSON.stringify(secret).replaceAll(/[&<>"']/g, (c) =>
      `&#${c.charCodeAt(0)};`.replace("&#38;", "&amp;").replace("&#60;", "&lt;").replace("&#62;", "&gt;"),
    ),
  "Go's JSON": (secret) => JSON.stringify(secret).replaceAll(/[<>&]/g, (c) => `\\u00${c.charCodeAt(0).toString(16)}`),
  "YAML in single quotes, SQL": (secret) => `'${secret.replaceAll("'", "''")}'`,
  "a dollar for Compose": (secret) => secret.replaceAll("$", "$$$$"),
  "bytes of Go": (secret) => `[${[...Buffer.from(secret)].join(" ")}]`,
};

/** Writes what Python makes of each of its arguments: a list of [way, text] for each, as JSON. */
const python = `
import base64, binascii, html, json, pprint, quopri, shlex, sys, urllib.parse
def ways(s):
    b = s.encode()
    yield "repr", repr(s)
    yield "repr in a dict", repr({"a": s, "b": "it's"})
    yield "repr in a larger string", repr('say "' + s)
    yield "repr of repr", repr([repr(s)])
    yield "ascii", ascii(s)
    yield "repr of bytes", repr(b)
    yield "json", json.dumps({"s": s})
    yield "json without ascii", json.dumps({"s": s}, ensure_ascii=False)
    yield "json in json", json.dumps({"s": json.dumps({"s": s})})
    yield "repr of json", repr(json.dumps(s))
    yield "json of repr", json.dumps("error: " + repr({"key": s}))
    yield "html", html.escape(s)
    yield "html in json", json.dumps(html.escape(s), ensure_ascii=False)
    yield "xml character references", html.escape(s, quote=False).encode("ascii", "xmlcharrefreplace").decode()
    yield "quote", urllib.parse.quote(s)
    yield "quote_plus", urllib.parse.quote_plus(s)
    yield "quote twice", urllib.parse.quote(urllib.parse.quote(s, safe=""), safe="")
    yield "shlex", shlex.quote(s)
    yield "quoted-printable", quopri.encodestring(("x" * 60 + " " + s).encode()).decode()
    for before in range(0, 100, 7):
        longer = b"p" * before + b + b"s" * 70
        yield "encodebytes after %d" % before, base64.encodebytes(longer).decode()
        urls = base64.urlsafe_b64encode(longer).decode()
        yield "64 columns after %d" % before, "\\n".join(urls[i:i + 64] for i in range(0, len(urls), 64))
        yield "60 columns of hex after %d" % before, "\\n".join(longer.hex()[i:i + 60] for i in range(0, 2 * len(longer), 60))
        yield "wrapped in json after %d" % before, json.dumps({"data": base64.encodebytes(longer).decode()})
    yield "hexlify", binascii.hexlify(b, " ").decode()
    yield "list", str(list(b))
print(json.dumps([list(ways(s)) for s in sys.argv[1:]]))
`;

/** The same of bash; values are its arguments, and each text ends with NUL. */
const bash = `
set +o histexpand
for s in "$@"; do
  printf '%s\\0' "$(printf '%q' "$s")" "$(LC_ALL=C printf '%q' "$s")" "$(declare -p s)" "$(x=("$s"); declare -p x)"
  printf '%s\\0' "$({ set -x; : "$s"; } 2>&1)" "\${s@Q}" "\${s@A}" "$(LC_ALL=C; echo "\${s@Q}")"
  printf '\\1'
done
`;

async function texts(command: [string, ...string[]]): Promise<string> {
  const { code, stdout, stderr } = await runChild([...command, ...secrets], {
    env: { ...process.env, LC_ALL: "C.UTF-8" },
  });
  expect(stderr + String(code)).toBe("0");
  return stdout;
}

describe("a secret is found", () => {
  for (const [way, write] of Object.entries(node)) {
    test(`as ${way} writes it`, () => {
      for (const secret of secrets) {
        const output = of(secret)
          .bytes(Buffer.from(write(secret), way === "UTF-16" ? "latin1" : "utf8"))
          .toString();
        expect.soft(output).toContain("[secret K]");
        expect.soft(output).not.toMatch(unread);
      }
    });
  }

  test("as Python writes it", async () => {
    const written = JSON.parse(await texts(["python3", "-c", python])) as [string, string][][];
    for (const [place, ways] of written.entries()) {
      const secret = secrets[place] ?? "";
      const redactor = of(secret);
      for (const [way, text] of ways) {
        const output = redactor.text(text);
        expect.soft(output, way).toContain("[secret K]");
        expect.soft(output, way).not.toMatch(unread);
        expect.soft(leftOf(output), `${way}: ${output}`).not.toContain(secret.slice(0, 6));
      }
    }
  });

  test("as bash writes it", async () => {
    const written = (await texts(["bash", "-c", bash, "bash"])).split("\x01");
    for (const [place, secret] of secrets.entries()) {
      for (const text of written[place]?.split("\0").slice(0, -1) ?? []) {
        const output = of(secret).text(text);
        expect.soft(output, text).toContain("[secret K]");
        expect.soft(output, text).not.toMatch(unread);
      }
    }
  });

  test("also when it is long: nothing between two of its pieces stays, in whatever form", () => {
    const secret = Array.from({ length: 400 }, (_, i) => `"part ${i}" <é/${i * 7919}>`).join(";");
    const ways: readonly ((text: string) => string)[] = [
      (text) => text,
      (text) => JSON.stringify(JSON.stringify(text)),
      (text) => inspect(text),
      encodeURIComponent,
      (text) => Buffer.from(text).toString("base64"),
      (text) => Buffer.from(text).toString("hex"),
    ];
    for (const write of ways) {
      const marks = of(secret).text(`<${write(secret)}>`);
      expect(marks).toMatch(/^<.{0,6}\[secret K\].{0,6}>$/);
    }
    expect(of(secret).longest).toBeLessThan(8 * 1024);
  });
});

test("words at the ends of lines are no pieces of a secret that begins or ends like them", () => {
  const text = "connected as postgres\nproduction-eu is up\nproduction-eu";
  expect(of("postgres-at-production-eu").text(text)).toBe(text);
});

test("looking costs no more for what is made to look like a secret everywhere", () => {
  const redactor = of("aaaaaaaa".repeat(8));
  const cost = (text: string) => {
    const began = process.cpuUsage();
    for (let i = 0; i < 4; i += 1) redactor.text(text);
    return process.cpuUsage(began).user;
  };
  for (const unit of ["a".repeat(63) + "b", "YWFh".repeat(16) + "b\n", "YWFhYWFh\n", "\\n   ", "6161616161616161\\n"]) {
    cost(unit.repeat(500));
    const [once, fourfold] = [cost(unit.repeat(1_000)), cost(unit.repeat(4_000))];
    expect.soft(fourfold, unit).toBeLessThan(10 * once + 20_000);
  }
});

/** What a reader gets out of base64 or hexadecimal that is left. */
function leftOf(output: string): string {
  const bare = output.replaceAll(/\[secret K\]|\s|\\n/g, "");
  return [0, 1, 2, 3]
    .flatMap((cut) => [Buffer.from(bare.slice(cut), "base64"), Buffer.from(bare.slice(cut), "hex")])
    .join(" ");
}
