import { expect, test } from "vitest";
import { decodeText } from "./text.ts";

test.each([
  ["UTF-8", Buffer.from("A=é\r\n"), "A=é\r\n"],
  ["UTF-8 with a mark", Buffer.from("\ufeffA=é"), "A=é"],
  ["UTF-16 of PowerShell", Buffer.from("\ufeffA=é\r\n", "utf16le"), "A=é\r\n"],
  ["UTF-16, the other order", Buffer.from("\ufeffA=é", "utf16le").swap16(), "A=é"],
  ["nothing", Buffer.alloc(0), ""],
  ["a picture", Buffer.from("\x89PNG\0\0"), null],
  ["UTF-16 without a mark", Buffer.from("A=1", "utf16le"), null],
])("%s", (_, bytes, text) => {
  expect(decodeText(bytes)).toBe(text);
});
