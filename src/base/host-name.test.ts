import { expect, test } from "vitest";
import { asciiHost, withReadableHost } from "./host-name.ts";

test.each([
  ["bücher.example", "xn--bcher-kva.example", "bücher.example"],
  ["Bücher.Example", "xn--bcher-kva.example", "bücher.example"],
  ["shop.münchen。de", "shop.xn--mnchen-3ya.de", "shop.münchen.de"],
  ["*.bücher.example", "*.xn--bcher-kva.example", "bücher.example"],
  ["пример.рф", "xn--e1afmkfd.xn--p1ai", "пример.рф"],
  ["日本語.jp", "xn--wgv71a119e.jp", "日本語.jp"],
  ["☕.example", "xn--53h.example", "☕.example"],
])("%s is %s", (name, ascii, readable) => {
  expect(asciiHost(name)).toBe(ascii);
  expect(withReadableHost(`https://${ascii}:8443/a`)).toBe(`https://${ascii}:8443/a (${readable})`);
});

test.each(["a／b.example", "ü:80", "ü%2e", "ü ", "ü_x.example", "ü@b"])("%s stands for no name", (name) => {
  expect(asciiHost(name)).toBeNull();
});

test.each(["shop.example.com", "Shop.example.com", "a..b", "*.example.com", "https://x", ""])("%s stays", (name) => {
  expect([asciiHost(name), withReadableHost(name)]).toEqual([name, name]);
});
