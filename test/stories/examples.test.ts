import { expect, test } from "vitest";
import { runChild } from "../../src/host/child.ts";
import { City } from "./city.ts";

async function deployTwice(example: string, host: string): Promise<readonly string[]> {
  await using city = await City.found(example);
  await city.editManifest((text) => `${text}deploy: { watch: { for: 300ms } }\n`);
  await city.startController();
  const said: string[] = [];
  for (const release of ["v1", "v2"]) {
    const { code, stderr, deployment } = await city.deploy();
    expect([code, deployment.status, deployment.release], stderr).toEqual([0, "live", release]);
    const { status, body } = await city.get("/", host);
    said.push(`${status} ${body}`);
  }
  const again = await city.fairlead("deploy");
  expect([again.code, again.stdout]).toEqual([0, expect.stringContaining("Nothing changed: v2 serves.")]);
  expect((await city.status()).release).toBe("v2");
  const down = await city.fairlead("down", "-y");
  expect(down.code, down.stderr).toBe(0);
  return said;
}

test("the example in Node goes live as it is, and once more", async () => {
  expect(await deployTwice("hello-node", "web.hello.localhost")).toEqual([
    "200 Hello from v1\n",
    "200 Hello from v2\n",
  ]);
});

test("the example in Python goes live as it is, and once more", async ({ skip }) => {
  const env = { PATH: process.env.PATH ?? "" };
  const found = await runChild(["sh", "-c", "command -v python3"], { env, limit: 4_096 });
  if (found.code !== 0) skip("no python3 on this machine");
  expect(await deployTwice("hello-python", "web.hello-python.localhost")).toEqual([
    "200 Hello from Python, v1\n",
    "200 Hello from Python, v2\n",
  ]);
});
