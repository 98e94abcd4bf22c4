import { expect, test } from "vitest";
import { lackOf } from "./needs.ts";

const yarn = {
  program: "yarn",
  version: { range: ">=2", printedBy: ["yarn", "--version"] },
  why: "yarn.lock",
  install: "npm install --global yarn",
};

test.for([
  [null, "this machine has no yarn, which yarn.lock asks for: npm install --global yarn"],
  ["1.22.22\n", "this machine has yarn 1.22.22, and yarn.lock asks for >=2: npm install --global yarn"],
  ["4.1.0\n", null],
  ["what it says has no number", null],
] as const)("a program that says %s", ([printed, expected]) => {
  expect(lackOf(yarn, printed)).toBe(expected);
});

test("a version is found within what a program prints", () => {
  const of = (range: string) =>
    lackOf({ ...yarn, version: { range, printedBy: [] } }, "go version go1.22.5 linux/amd64");
  expect([of(">=1.21"), of("1.23.x")]).toEqual([null, expect.stringContaining("has yarn 1.22.5")]);
});

test("a program that is there and fails is told with what it was asked, and others that will do are named", () => {
  const python = {
    program: "python3.13",
    or: ["python3.14"],
    version: { range: "*", printedBy: ["python3.13", "-c", "import ensurepip"] },
    why: ".python-version",
    install: "apt-get install python3.13-venv",
  };
  expect(lackOf(python, "")).toBe(
    'python3.13 of this machine fails at "python3.13 -c import ensurepip", and .python-version asks for it: apt-get install python3.13-venv',
  );
  expect(lackOf(python, null)).toContain("has no python3.13 or python3.14, which .python-version asks for");
});
