import { describe, expect, test, vi } from "vitest";
import type { DeploymentView } from "../contract/deployments.ts";
import { displayWidth, paintFor } from "./paint.ts";
import { LineProgress, LiveProgress } from "./progress.ts";

const start = Date.parse("2026-01-01T00:00:00.000Z");

function view(phases: readonly string[], more: Partial<DeploymentView> = {}): DeploymentView {
  return {
    id: "dep_1",
    app: "shop",
    environment: "production",
    kind: "deploy",
    status: "running",
    phase: phases.at(-1) as DeploymentView["phase"],
    phases: phases.map((phase, i) => ({
      phase: phase as DeploymentView["phase"],
      at: new Date(start + i * 1_000).toISOString(),
    })),
    release: "v2",
    previous: "v1",
    services: null,
    gates: [],
    checks: [],
    fault: null,
    culprit: null,
    createdAt: new Date(start).toISOString(),
    createdBy: "local",
    endedAt: null,
    durationMs: 2_500,
    ...more,
  };
}

const gates = [{ service: "web", instance: "web-1", gate: "GET /ready → 200, 2 in a row", tookMs: 310 }];

const checks: DeploymentView["checks"] = [
  { when: "before", service: "web", name: "tests", outcome: "passed", tookMs: 2_100, detail: "exit 0" },
  { when: "after", service: "web", name: "page", outcome: "failed", tookMs: 400, detail: "GET /page → 500" },
  { when: "after", service: null, name: "errors", outcome: "passed", tookMs: 500, detail: "no requests" },
  { when: "after", service: null, name: "logs", outcome: "warned", tookMs: 500, detail: "3 lines of level error" },
];

describe("progress in lines", () => {
  test("says what every check found once, and of the whole release only what it warns of", () => {
    const lines: string[] = [];
    const progress = new LineProgress((line) => lines.push(line), { now: () => start, paint: paintFor(false) });
    progress.show(view([], { checks: checks.slice(0, 1) }));
    progress.show(view([], { checks }));
    progress.end();
    expect(lines).toEqual([
      "[   2.5 s] shop v2 web check tests passed: exit 0 (2.1 s)",
      "[   2.5 s] shop v2 web check page failed: GET /page → 500 (0.4 s)",
      "[   2.5 s] shop v2 check logs warned: 3 lines of level error (0.5 s)",
    ]);
  });

  test("says every phase and every gate once", () => {
    const lines: string[] = [];
    const progress = new LineProgress((line) => lines.push(line), { now: () => start, paint: paintFor(false) });
    progress.show(view(["queued"]));
    progress.show(view(["queued", "prepare", "build"]));
    progress.show(view(["queued", "prepare", "build"]));
    progress.show(view(["queued", "prepare", "build", "gate"], { gates, durationMs: 3_400 }));
    progress.show(view(["queued", "prepare", "build", "gate", "ended"], { gates, status: "live" }));
    expect(lines).toEqual([
      "[   0.0 s] shop v2 queued",
      "[   1.0 s] shop v2 prepare",
      "[   2.0 s] shop v2 build",
      "[   3.0 s] shop v2 gate",
      "[   3.4 s] shop v2 web passed: GET /ready → 200, 2 in a row (0.3 s)",
      "[   4.0 s] shop v2 live",
    ]);
  });

  test("tells who comes later everything in the order and with the times that it had", () => {
    const lines: string[] = [];
    const progress = new LineProgress((line) => lines.push(line), { now: () => start, paint: paintFor(false) });
    const phases = ["queued", "release", "start", "gate", "switch", "watch", "drain"];
    progress.show(view(phases, { gates, checks: checks.slice(0, 2), durationMs: 9_000 }));
    progress.end();
    expect(lines).toEqual([
      "[   0.0 s] shop v2 queued",
      "[   1.0 s] shop v2 release",
      "[   2.0 s] shop v2 web check tests passed: exit 0 (2.1 s)",
      "[   2.0 s] shop v2 start",
      "[   3.0 s] shop v2 gate",
      "[   4.0 s] shop v2 web passed: GET /ready → 200, 2 in a row (0.3 s)",
      "[   4.0 s] shop v2 switch",
      "[   5.0 s] shop v2 watch",
      "[   6.0 s] shop v2 web check page failed: GET /page → 500 (0.4 s)",
      "[   6.0 s] shop v2 drain",
    ]);
  });

  test("says what the build prints, without what could harm a terminal", () => {
    const lines: string[] = [];
    const progress = new LineProgress((line) => lines.push(line), { now: () => start, paint: paintFor(false) });
    progress.show(view(["build"]));
    progress.build(["added 30 packages", "\x1b]0;title\x07\x1b[31mred\x1b[0m"]);
    progress.end();
    expect(lines).toEqual([
      "[   0.0 s] shop v2 build",
      "  | added 30 packages",
      expect.stringMatching(/^ {2}\| .*red$/),
    ]);
    expect(lines.join("")).not.toContain("\x1b");
  });

  test("gives a sign of life every 15 s of a long phase, and none after the end", () => {
    vi.useFakeTimers({ now: start });
    try {
      const lines: string[] = [];
      const progress = new LineProgress((line) => lines.push(line), { now: Date.now, paint: paintFor(false) });
      progress.show(view(["build"]));
      vi.advanceTimersByTime(31_000);
      progress.show(view(["build", "ended"], { status: "live" }));
      vi.advanceTimersByTime(60_000);
      expect(lines.slice(1)).toEqual([
        "[  17.5 s] shop v2 still in build",
        "[  32.5 s] shop v2 still in build",
        "[   1.0 s] shop v2 live",
      ]);
    } finally {
      vi.useRealTimers();
    }
  });
});

/** What a terminal shows after these bytes: only the sequences that progress uses. */
function screen(written: string): string[] {
  const lines: (string | undefined)[] = [""];
  let row = 0;
  // biome-ignore lint/suspicious/noControlCharactersInRegex: this is a small terminal
  for (const part of written.match(/\x1b\[\d*[A-Za-z]|[\s\S]/gu) ?? []) {
    if (part.startsWith("\x1b[") && part.endsWith("A")) row -= Number(part.slice(2, -1));
    else if (part === "\x1b[2K") lines[row] = "";
    else if (part === "\x1b[J") lines.length = row + 1;
    else if (part === "\n") row += 1;
    else if (part !== "\r") lines[row] = (lines[row] ?? "") + part;
  }
  return Array.from(lines, (line) => line ?? "");
}

describe("progress on a terminal", () => {
  function shown(columns: number, views: readonly DeploymentView[], printed: readonly string[] = []): string[] {
    let written = "";
    const options = { now: () => start + 4_200, paint: paintFor(false), columns };
    const progress = new LiveProgress((text) => {
      written += text;
    }, options);
    progress.build(printed);
    for (const one of views) progress.show(one);
    progress.end();
    return screen(written);
  }

  test("is drawn again in place: only the last state is left", () => {
    const lines = shown(80, [
      view(["queued"]),
      view(["queued", "build", "gate"], { gates }),
      view(["queued", "build", "gate", "ended"], { gates, status: "live" }),
    ]);
    expect(lines).toEqual([
      "deploy shop v2 in production",
      "  ✓ queued         1.0 s",
      "  ✓ build          2.0 s",
      "  ✓ gate           3.0 s  web: GET /ready → 200, 2 in a row",
      "  ✓ live           2.5 s",
      "",
    ]);
  });

  test("says while it watches what serves, and at the end where the time went", () => {
    const phases = ["queued", "switch", "watch"];
    expect(shown(80, [view(phases)]).at(3)).toMatch(/^ {2}\S watch {10}2\.5 s {2}v2 serves, v1 stands by$/);
    const live = view([...phases, "ended"], { status: "live", durationMs: 5_000 });
    const at = new Date(start + 5_000).toISOString();
    const ended = { ...live, phases: [...live.phases.slice(0, 3), { phase: "ended", at } as const] };
    expect(shown(80, [ended]).at(4)).toBe("  ✓ live           5.0 s  served after 2.0 s, watched for 3.0 s");
  });

  test("shows the last lines of a running build, and none once it is over", () => {
    const printed = Array.from({ length: 20 }, (_, i) => `step ${i}`);
    const built = (phases: readonly string[]) => shown(80, [view(phases)], printed).slice(1);
    expect(built(["build"])).toEqual([
      expect.stringMatching(/ build /),
      ...printed.slice(-8).map((line) => `    | ${line}`),
      "",
    ]);
    expect(built(["build", "start"])).toHaveLength(3);
  });

  test("says beside release and watch what checks found", () => {
    const lines = shown(80, [view(["release", "watch", "ended"], { checks, status: "rolled-back" })]);
    expect(lines[1]).toMatch(/release .*web tests: passed$/);
    expect(lines[2]).toMatch(/watch .*web page: failed, release logs: warned$/);
  });

  test("marks a failure, and never wraps a line", () => {
    const lines = shown(30, [view(["gate", "ended"], { gates, status: "failed" })]);
    expect(lines).toContain("  ✗ failed         2.5 s");
    expect(Math.max(...lines.map(displayWidth))).toBeLessThan(30);
    expect(lines[1]).toMatch(/…$/);
  });
});
