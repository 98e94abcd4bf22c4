import { expect } from "vitest";
import { ask, type EdgeCase, oneRoute, sayingApp } from "./edge-rig.ts";

export const insideCases: readonly EdgeCase[] = [
  [
    "a route for insiders answers them, and to anybody else there is no such host",
    async ({ edge, url }) => {
      await using app = await sayingApp("inside");
      const inside = { callers: ["127.0.7.0/24", "127.0.9.1"], doors: [] };
      await edge.apply(oneRoute("inner/x", { hosts: ["brain.internal"], upstreams: [app.upstream("in-1")], inside }));
      const from = (address: string, host: string) => ask(url, { host, from: address });
      expect((await from("127.0.7.3", "brain.internal")).text).toBe("inside");
      expect((await from("127.0.9.1", "brain.internal")).text).toBe("inside");
      const [refused, unknown] = [
        await from("127.0.8.3", "brain.internal"),
        await from("127.0.8.3", "nobody.internal"),
      ];
      expect([refused.status, refused.text, Object.keys(refused.headers)]).toEqual([
        404,
        unknown.text,
        Object.keys(unknown.headers),
      ]);
      await edge.apply(oneRoute("inner/x", { hosts: ["brain.internal"], upstreams: [app.upstream("in-1")] }));
      expect((await from("127.0.8.3", "brain.internal")).text).toBe("inside");
    },
  ],
  [
    "insiders find it at their doors too, and at a host that is an address; what is open to all is served there as well",
    async ({ edge, url }) => {
      await using app = await sayingApp("inside");
      const inside = { callers: ["127.0.7.0/24"], doors: ["127.201.2.3"] };
      const upstreams = [app.upstream("door-1")];
      await edge.apply(oneRoute("door/x", { hosts: ["127.202.4.5", "door.internal"], upstreams, inside }));
      await edge.apply(oneRoute("door/y", { hosts: ["door.test"], upstreams: [app.upstream("door-2")] }));
      const at = (address: string) => url.replace("127.0.0.1", address);
      const from = "127.0.7.3";
      expect((await ask(at("127.201.2.3"), { host: "door.internal", from })).text).toBe("inside");
      expect((await ask(at("127.202.4.5"), { host: "127.202.4.5:8080", from })).text).toBe("inside");
      expect((await ask(at("127.201.2.3"), { host: "door.internal", from: "127.0.0.1" })).status).toBe(404);
      expect((await ask(at("127.201.2.3"), { host: "door.test" })).text).toBe("inside");
    },
  ],
];
