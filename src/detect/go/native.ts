import type { MachineNeed } from "../recipe.ts";

/** Modules that are C, with Debian's packages to build and to run them; the compiler is in the image of Go. */
const known: readonly (readonly [module: string, build: string | null, run: string | null])[] = [
  ["github.com/mattn/go-sqlite3", null, null],
  ["github.com/mutecomm/go-sqlcipher", "libssl-dev", "libssl3"],
  ["github.com/confluentinc/confluent-kafka-go", null, null],
  ["github.com/h2non/bimg", "libvips-dev", "libvips42"],
  ["github.com/davidbyttow/govips", "libvips-dev", "libvips42"],
  ["gopkg.in/gographics/imagick", "libmagickwand-dev", "libmagickwand-6.q16-6"],
  ["github.com/marcboeker/go-duckdb", null, "libstdc++6"],
];

export interface Native {
  readonly build: readonly string[];
  readonly run: readonly string[];
  readonly need: MachineNeed;
}

/** What a program with C in it needs; null: it has none. `required` is the text of all go.mod files. */
export function nativeOf(texts: readonly string[], required: string): Native | null {
  const used = known.filter(([module]) => required.includes(module));
  const own = texts.some((text) => /^\s*(?:import\s+)?"C"\s*$/m.test(text));
  if (used.length === 0 && !own) return null;
  const build = used.flatMap(([, one]) => one ?? []);
  return {
    build,
    run: used.flatMap(([, , one]) => one ?? []),
    need: {
      program: "gcc",
      or: ["clang"],
      why: used[0]?.[0] ?? 'import "C"',
      install: `apt-get install ${["gcc", "libc6-dev", ...build].join(" ")}`,
    },
  };
}
