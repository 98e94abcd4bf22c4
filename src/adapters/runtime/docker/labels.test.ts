import { expect, test } from "vitest";
import { type About, aboutIn, identified, labelsOf } from "./labels.ts";

const key = { app: "kairo", environment: "production" };
const place = { key, service: "web", release: 3, deployment: "dep_1", ordinal: 0, attempt: 0 };
const instance = { kind: "instance", name: "web-1", identity: place, artifact: "sha256:a", address: null };
const task = { kind: "task", name: "task-1", spec: { key, purpose: "run" } };

test("what was written down beside a container is read, before kinds too, and nothing is made of a later kind", () => {
  const read = (written: object) => aboutIn(written as About);
  expect(read(instance)).toEqual({ ...instance, privatePorts: [], identity: { ...place, kind: "service" } });
  const data = {
    ...instance,
    privatePorts: [{ port: 5432, at: { host: "10.222.0.7", port: 5432 } }],
    identity: { kind: "data", key, service: "db", attempt: 0 },
  };
  expect([read(data), read(task)]).toEqual([data, task]);
  expect(read({ ...instance, identity: { ...place, kind: "queue" } })).toBeNull();
  expect(read({ ...task, spec: { key, purpose: "backup" } })).toBeNull();
  expect(read({ ...instance, kind: "queue" })).toBeNull();
});

test("a container is known by its labels, before kinds too", () => {
  const service = aboutIn(instance as unknown as About) as About;
  const labels = labelsOf(service, "0123");
  expect(labels["fairlead.kind"]).toBe("service");
  const ported = { ...service, privatePorts: [{ port: 5432, at: { host: "10.222.0.7", port: 5432 } }] };
  expect(identified("web-1", labelsOf(ported, "0123"))).toEqual({ is: "known", about: ported });
  for (const kind of ["service", "instance"]) {
    expect(identified("web-1", { ...labels, "fairlead.kind": kind })).toEqual({ is: "known", about: service });
  }
  const queue = identified("web-1", { ...labels, "fairlead.kind": "queue", "fairlead.address": "10.222.0.7:80" });
  expect(queue).toEqual({ is: "unknown", one: { name: "web-1", key, kind: "queue", host: "10.222.0.7" } });
  expect(identified("web-1", { ...labels, "fairlead.release": "x" })).toMatchObject({ is: "illegible" });
  expect(identified("edge", {})).toBeNull();
});
