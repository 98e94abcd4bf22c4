import { expect, test } from "vitest";
import { Tree } from "../tree.ts";
import { choosePython } from "./version.ts";
import { versionWishes } from "./wishes.ts";

function chosen(files: Readonly<Record<string, string>>) {
  const tree = new Tree({ paths: Object.keys(files), read: (path) => files[path] ?? null });
  const { tag, programs, warnings } = choosePython(versionWishes(tree, tree.toml("pyproject.toml")));
  return { tag, programs: programs.join(" "), warnings: warnings.join("; ") };
}
const requires = (range: string) => ({ "pyproject.toml": `[project]\nrequires-python = ${JSON.stringify(range)}` });
const poetry = (range: string) => ({
  "pyproject.toml": `[tool.poetry.dependencies]\npython = ${JSON.stringify(range)}`,
});

test.each([
  [">=3.9", "3.13"],
  [">=3.9, !=3.13.*", "3.14"],
  [">=3.12,!=3.13.*", "3.14"],
  ["~=3.11", "3.13"],
  ["~=3.11.0", "3.11"],
  ["~=3.12,<3.13", "3.12"],
  ["==3.12.*", "3.12"],
  ["==3.12", "3.12.0"],
  ["===3.12.4", "3.12.4"],
  [">=3.12.3,<3.12.8", "3.12.7"],
  [">=3.9,<=3.12", "3.11"],
  [">=3.13,!=3.13.0,!=3.13.1", "3.13"],
  ["<3.13.0rc1,>=3.10", "3.12"],
  [">=3.14.0a1", "3.14"],
  [">3.13,<4", "3.13"],
  [" >= 3.10 , < 3.12, ", "3.11"],
])("requires-python %s is Python %s", (range, tag) => {
  expect(chosen(requires(range)).tag).toBe(tag);
});

test.each([
  ["^3.11", "3.13"],
  ["^3.14.1", "3.14"],
  ["~3.11", "3.11"],
  ["~3", "3.13"],
  [">=3.9,<3.11 || >=3.12,<3.13", "3.12"],
  [">=3.9 <3.12", "3.11"],
  [">= 3.10, < 3.13", "3.12"],
  ["3.11.*", "3.11"],
  ["3.11", "3.11.0"],
  ["*", "3.13"],
])("Poetry's %s is Python %s", (range, tag) => {
  expect(chosen(poetry(range)).tag).toBe(tag);
});

test.each([
  [{ ".python-version": "3.12\n" }, "3.12", "python3.12"],
  [{ ".python-version": "# ours\n3.12.1\n3.11.4\n" }, "3.12.1", "python3.12"],
  [{ ".python-version": "pypy3.10-7.3.12\n3.11\n" }, "3.11", "python3.11"],
  [{ ".python-version": "system\n" }, "3.13", "python3"],
  [{ ".python-version": "system\n3.12\n" }, "3.12", "python3.12"],
  [{ ".python-version": "cpython-3.12.1-linux-x86_64-gnu" }, "3.12.1", "python3.12"],
  [{ ".python-version": ">=3.12,<3.13" }, "3.12", "python3.12"],
  [{ ".python-version": "3.15.0rc1" }, "3.15.0rc1", "python3.15"],
  [{ ".python-version": "3.14t" }, "3.14", "python3.14"],
  [{ ".tool-versions": "nodejs 22.1.0\npython 3.11.4 3.10.1 # old\n" }, "3.11.4", "python3.11"],
  [{ "mise.toml": '[tools]\npython = "3.12"\n' }, "3.12", "python3.12"],
  [{ "mise.toml": '[tools]\npython = ["3.12", "3.11"]\n' }, "3.12", "python3.12"],
  [{ ".mise.toml": '[tools]\npython = { version = "3.11", virtualenv = ".venv" }\n' }, "3.11", "python3.11"],
  [{ "runtime.txt": "python-3.12.1\n" }, "3.12.1", "python3.12"],
  [{ Pipfile: '[requires]\npython_version = "3.12"\n' }, "3.12", "python3.12"],
  [{ Pipfile: '[requires]\npython_version = "3.12"\npython_full_version = "3.12.4"\n' }, "3.12.4", "python3.12"],
  [{ "setup.cfg": "[options]\npython_requires = >=3.10,<3.13\n" }, "3.12", "python3.12 python3.11"],
  [{ "setup.py": 'setup(python_requires="~=3.12.0")' }, "3.12", "python3.12"],
  [{ ...requires(">=3.11"), ".python-version": "3.12" }, "3.12", "python3.12"],
  [{ ...requires(">=3.12.3,<3.12.8"), ".python-version": "3.12" }, "3.12.7", "python3.12"],
  [requires(">=3.12"), "3.13", "python3.13 python3.14 python3.12 python3.15"],
  [requires(">=3.8"), "3.13", "python3"],
  [{}, "3.13", "python3"],
])("%j is Python %s, by %s on a machine", (files, tag, programs) => {
  expect(chosen(files)).toEqual({ tag, programs, warnings: "" });
});

test.each([
  [
    { ".python-version": "shop-env" },
    "3.13",
    ".python-version names no version of CPython (shop-env), so it is ignored",
  ],
  [
    requires("three"),
    "3.13",
    "requires-python of pyproject.toml asks for an unknown version of Python (three), so it is ignored",
  ],
  [
    requires(">=3.99"),
    "3.13",
    "requires-python of pyproject.toml asks for an unknown version of Python (>=3.99), so it is ignored",
  ],
  [{ ".python-version": "3.9" }, "3.9", "Python 3.9, requested by .python-version, no longer gets security fixes"],
  [
    { ...requires(">=3.13"), ".python-version": "3.12" },
    "3.12",
    "requires-python of pyproject.toml (>=3.13) excludes what .python-version asks for (3.12), so it is ignored",
  ],
])("what cannot be used of %j is reported", (files, tag, warnings) => {
  expect(chosen(files)).toMatchObject({ tag, warnings });
});
