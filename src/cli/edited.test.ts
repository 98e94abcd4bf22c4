import { expect, test } from "vitest";
import { changesIn, editableText } from "./edited.ts";

const about = { title: "shop in production", file: "production.env" };
const hidden = { ...about, names: ["A", "B"], shown: {} };
const shown = { ...about, names: ["A", "B"], shown: { A: "one", B: 'two "lines"\nand $HOME' } };

test("a text that nobody touched changes nothing, with values and without", () => {
  for (const editable of [hidden, shown]) expect(changesIn(editableText(editable), editable)).toEqual({});
  expect(editableText(hidden)).not.toContain("one");
  expect(editableText(shown)).toContain("A=one\n");
});

test.each([
  ["a value is written over its placeholder", hidden, 'A=new\nB="[unchanged]"\n', { A: "new" }],
  ["a shown value is changed", shown, 'A=other\nB="[unchanged]"\n', { A: "other" }],
  ["a line is taken out", hidden, "A=[unchanged]\n", { B: null }],
  ["a name is new", hidden, "A=[unchanged]\nB=[unchanged]\nC=three # new\n", { C: "three" }],
  ["a value becomes empty", shown, "A=\nB=[unchanged]\n", { A: "" }],
  ["comments and order do not count", hidden, "# note\nB=[unchanged]\n\nA=[unchanged]\n", {}],
])("%s", (_words, editable, text, changes) => {
  expect(changesIn(text, editable)).toEqual(changes);
});

test("every line that is wrong is named, and no value", () => {
  const diagnosticsOf = (text: string) => {
    try {
      changesIn(text, hidden);
    } catch (thrown) {
      return JSON.stringify(thrown, ["code", "detail", "diagnostics", "path", "message", "line"]);
    }
    return "none";
  };
  const unreadable = diagnosticsOf("A=[unchanged]\ncanary torn apart\nB='canary\n");
  expect(unreadable).toMatch(/usage\.invalid.*"line":2.*"line":3/);
  expect(unreadable).not.toContain("canary");
  expect(diagnosticsOf("A=[unchanged]\nB=[unchanged]\nNEW=[unchanged]\n")).toMatch(/NEW.*is not set yet/);
});
