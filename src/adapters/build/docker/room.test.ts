import { expect, test } from "vitest";
import { freeRoomOf } from "./room.ts";

const places: Readonly<Record<string, number>> = { "/data/docker": 9, "/var/lib/containerd": 4 };
const free = async (directory: string) => places[directory] ?? null;
const containerd = [["driver-type", "io.containerd.snapshotter.v1"]];

test("room is looked for where images are: in the engine's directory, and in containerd's when it keeps them", async () => {
  const DockerRootDir = "/data/docker";
  expect(await freeRoomOf({ DockerRootDir, DriverStatus: [["Backing Filesystem", "extfs"]] }, free)).toBe(9);
  expect(await freeRoomOf({ DockerRootDir, DriverStatus: containerd }, free)).toBe(4);
});

test("an engine whose directory is not on this machine has room that nobody knows", async () => {
  expect(await freeRoomOf({ DockerRootDir: "/elsewhere", DriverStatus: containerd }, free)).toBeNull();
});
