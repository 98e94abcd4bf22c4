import { expect, test } from "vitest";
import { findProgram, type Machine, provide } from "./programs.ts";

/** A machine that has some programs, and gets one more with every package that its source has. */
function machine(about: Partial<Machine> & { has?: string[]; source?: Record<string, string> }) {
  const has = new Set(about.has);
  const ran: string[] = [];
  const made: Machine = {
    isDebian: true,
    isRoot: true,
    find: (program) => (has.has(program) ? `/usr/bin/${program}` : null),
    run: async (command) => {
      ran.push(command.join(" "));
      const brings = about.source?.[command.at(-1) ?? ""];
      if (brings !== undefined) has.add(brings);
      return brings !== undefined;
    },
    ...about,
  };
  return { made, ran };
}

test("what is there is not installed again", async () => {
  const { made, ran } = machine({ has: ["mmdebstrap"] });
  expect(await provide("images", made)).toBeNull();
  expect(ran).toEqual([]);
});

test("root on Debian gets what is missing, the lists of packages fetched once", async () => {
  const { made, ran } = machine({ has: ["iptables"], source: { "docker.io": "dockerd", mmdebstrap: "mmdebstrap" } });
  expect(await provide("engine", made)).toBeNull();
  expect(await provide("images", made)).toBeNull();
  expect(ran).toEqual([
    "apt-get update -q",
    "apt-get install -yq --no-install-recommends docker.io",
    "apt-get install -yq --no-install-recommends mmdebstrap",
  ]);
});

test("a package that cannot be had is named, and keeps none of the others away", async () => {
  const { made } = machine({
    has: [
      "python3",
      "nft",
      "iptables",
      "systemd-analyze",
      "docker-registry",
      "strace",
      "git",
      "pip3",
      "caddy",
      "apache2",
      "bundle",
      "puma",
    ],
    source: { pebble: "pebble" },
  });
  expect(await provide("tests", made)).toBe("haproxy is missing and could not be installed");
});

test("others than root are told the command, other systems what is missing", async () => {
  const user = machine({ isRoot: false });
  expect(await provide("engine", user.made)).toBe(
    "dockerd, iptables is missing; install it as root: apt-get install docker.io iptables",
  );
  const other = machine({ isDebian: false });
  expect(await provide("images", other.made)).toBe(
    "mmdebstrap is missing, and is installed automatically only on Debian",
  );
  expect([...user.ran, ...other.ran]).toEqual([]);
});

test("a program is found where it may be run", () => {
  expect(findProgram("sh", ["/nowhere", "/bin"])).toBe("/bin/sh");
  expect(findProgram("passwd", ["/etc"])).toBeNull();
  expect(findProgram("sh", ["/bin/sh"])).toBeNull();
});
