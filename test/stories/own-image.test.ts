import {
  chmodSync,
  chownSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { request } from "node:http";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { text } from "node:stream/consumers";
import { type Pack, pack } from "tar-stream";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { version } from "../../src/main/version.ts";
import { noEngine, testEngine, testImages } from "../../src/testing/engine.ts";
import { ownPort } from "../../src/testing/ports.ts";
import { Containers } from "./containers.ts";

const root = dirname(dirname(import.meta.dirname));
const socket = testEngine();
const built = new Containers(socket ?? "");

/** What `docker build .` sends: .dockerignore is applied by whoever sends. It refuses all and names what comes along. */
function checkout(): Pack {
  const tar = pack();
  const lines = readFileSync(join(root, ".dockerignore"), "utf8").split("\n");
  const [first, ...rules] = lines.filter((line) => line !== "" && !line.startsWith("#"));
  expect(first).toBe("*");
  for (const rule of rules) if (rule.startsWith("!")) add(tar, rule.slice(1));
  add(tar, "Dockerfile");
  tar.finalize();
  return tar;
}

function add(tar: Pack, path: string): void {
  const file = join(root, path);
  if (statSync(file).isDirectory()) for (const name of readdirSync(file)) add(tar, join(path, name));
  else tar.entry({ name: path, mode: statSync(file).mode & 0o777 }, readFileSync(file));
}

/** A machine with Fairlead and systemd. It is not what serves people, so it may be a container. */
function machine(): Pack {
  const tar = pack();
  const dockerfile = `FROM ${testImages.node}
RUN apt-get update && apt-get install -y --no-install-recommends procps systemd systemd-sysv && rm -rf /var/lib/apt/lists/*
COPY --from=${built.image("own")} /opt/fairlead /opt/fairlead
COPY examples/hello-node /srv/hello
RUN ln -s /opt/fairlead/bin/fairlead /usr/local/bin/fairlead
`;
  tar.entry({ name: "Dockerfile" }, dockerfile);
  add(tar, "examples/hello-node");
  tar.finalize();
  return tar;
}

beforeAll(async () => {
  if (socket !== null) await built.build("own", checkout(), { NODE_IMAGE: testImages.node });
}, 240_000);

afterAll(async () => {
  if (socket !== null) await built[Symbol.asyncDispose]();
});

describe("Fairlead's own image", () => {
  test("is the command line, without sources, packages and root", async ({ skip }) => {
    if (socket === null) skip(noEngine);
    const image = { Image: built.image("own"), HostConfig: { NetworkMode: "none" } };
    expect(await built.run({ ...image, Cmd: ["--version"] })).toEqual({ code: 0, said: `${version}\n` });
    const help = await built.run({ ...image, Cmd: ["--help"] });
    expect([help.code, help.said]).toEqual([0, expect.stringContaining("fairlead deploy")]);
    const look = "id -u; ls -A /opt/fairlead | sort | tr '\\n' ' '; test -w /opt/fairlead || echo closed";
    const inside = await built.run({ ...image, Entrypoint: ["sh", "-c", look] });
    expect(inside.said).toBe("1000\nCHANGELOG.md LICENSE bin dist package.json schema closed\n");
  });

  test("runs a controller that answers, and ends in peace when it is stopped", async ({ skip }) => {
    if (socket === null) skip(noEngine);
    const { engine } = built;
    const id = await built.start({ Image: built.image("own"), HostConfig: { NetworkMode: "none" } });
    await expect.poll(() => built.exec(id, ["fairlead", "api", "GET", "/healthz"])).toEqual({ code: 0, said: "ok\n" });
    await engine.json("POST", `/containers/${id}/stop`, { query: { t: 20 } });
    const { State } = await engine.json<{ State: { ExitCode: number } }>("GET", `/containers/${id}/json`);
    expect(State.ExitCode).toBe(0);
  });
});

describe("a controller in a container", () => {
  /** Where the app and the state are, by the same path inside and outside, owned by the image's user. */
  function home(): string {
    const at = mkdtempSync(join(tmpdir(), "fairlead-own-"));
    const app = join(at, "app");
    cpSync(join(root, "examples/hello-node"), app, { recursive: true });
    writeFileSync(join(app, "Dockerfile"), `FROM ${testImages.node}\nWORKDIR /app\nCOPY server.mjs .\n`);
    mkdirSync(join(at, "state"));
    chmodSync(at, 0o755);
    chownSync(join(at, "state"), 1000, 1000);
    return at;
  }

  test("without root and capabilities runs apps in containers beside it, which outlive it", async ({ skip }) => {
    if (socket === null) return skip(noEngine);
    if (process.getuid?.() !== 0) return skip("only root can give the state directory to the image's user");
    const at = home();
    const state = join(at, "state");
    const port = await ownPort();
    const flags = ["--state", state, "--engine", socket, "--edge", `127.0.0.1:${port}`, "--runtime", "docker"];
    const id = await built.start({
      Image: built.image("own"),
      Cmd: ["controller", ...flags, "--proxy", "embedded"],
      HostConfig: {
        NetworkMode: "host",
        CapDrop: ["ALL"],
        SecurityOpt: ["no-new-privileges:true"],
        GroupAdd: [String(statSync(socket).gid)],
        Binds: [`${socket}:${socket}`, `${state}:${state}`, `${at}/app:/srv/app:ro`],
      },
      Env: ["CI=true", "NO_COLOR=1", `FAIRLEAD_STATE=${state}`],
    });
    const fairlead = (...args: string[]) => built.exec(id, ["fairlead", ...args]);
    try {
      await expect.poll(() => fairlead("api", "GET", "/healthz")).toMatchObject({ code: 0 });
      const deployed = await fairlead("deploy", "/srv/app");
      expect(deployed, deployed.said).toMatchObject({ code: 0, said: expect.stringContaining("Live: v1") });
      const instances = await ofInstallation(state);
      expect(instances).toHaveLength(1);
      expect(await hello(port)).toBe("Hello from v1\n");
      await built.engine.json("POST", `/containers/${id}/restart`, { query: { t: 20 }, withinMs: 60_000 });
      await expect.poll(() => hello(port)).toBe("Hello from v1\n");
      expect(await ofInstallation(state)).toEqual(instances);
      expect((await fairlead("doctor")).said).toMatch(/ok +engine +Docker /);
      const down = await fairlead("down", "-y", "--app", "hello");
      expect(down, down.said).toMatchObject({ code: 0 });
      expect(await ofInstallation(state)).toEqual([]);
    } finally {
      await built.engine.json("DELETE", `/containers/${id}`, { query: { force: true } });
      await clear(state);
      rmSync(at, { recursive: true });
    }
  });

  /** The ids of the containers that the controller of this state directory runs. */
  async function ofInstallation(state: string): Promise<readonly string[]> {
    const query = { filters: labelOf(state) };
    const found = await built.engine.json<{ Id: string }[]>("GET", "/containers/json", { query });
    return found.map(({ Id }) => Id);
  }

  function labelOf(state: string) {
    return { label: [`fairlead.installation=${readFileSync(join(state, "installation"), "utf8").trim()}`] };
  }

  async function clear(state: string): Promise<void> {
    if (!existsSync(join(state, "installation"))) return;
    const query = { all: true, filters: labelOf(state) };
    for (const [list, one] of [
      ["/containers/json", "/containers"],
      ["/networks", "/networks"],
      ["/images/json", "/images"],
    ] as const) {
      for (const { Id } of await built.engine.json<{ Id: string }[]>("GET", list, { query }))
        await built.engine.json("DELETE", `${one}/${Id}`, { query: { force: true } });
    }
  }

  /** What the app says through the edge; an empty text while nobody listens. */
  async function hello(port: number): Promise<string> {
    const call = request({ host: "127.0.0.1", port, headers: { host: "web.hello.localhost" } }).end();
    return new Promise((done) => {
      call.once("response", (answer) => done(text(answer))).once("error", () => done(""));
    });
  }
});

describe("a controller as a service of a machine", () => {
  /** Boots systemd, with what it wants of a container: a control group of its own that it may divide. */
  async function boot(): Promise<string> {
    await built.build("machine", machine());
    // systemd refuses the older control groups unless it is told that this is meant; elsewhere the word means nothing.
    const init = "mount -o remount,rw /sys/fs/cgroup; exec /lib/systemd/systemd SYSTEMD_CGROUP_ENABLE_LEGACY_FORCE=1";
    return built.start({
      Image: built.image("machine"),
      Entrypoint: ["sh", "-c", init],
      Env: ["CI=true", "NO_COLOR=1"],
      HostConfig: {
        CapAdd: ["SYS_ADMIN"],
        SecurityOpt: ["seccomp=unconfined", "apparmor=unconfined"],
        CgroupnsMode: "private",
        Tmpfs: { "/run": "", "/run/lock": "", "/tmp": "" },
      },
    });
  }

  test("is installed once, is back when it dies, and leaves apps alone when it goes", async ({ skip }) => {
    if (socket === null) skip(noEngine);
    const id = await boot();
    const sh = (line: string) => built.exec(id, ["sh", "-c", line]);
    await expect.poll(() => sh("systemctl is-system-running")).toMatchObject({ said: "running\n" });

    const first = await sh("fairlead controller install");
    expect(first, first.said).toMatchObject({ code: 0, said: expect.stringContaining("The controller answers.") });
    const again = await sh("fairlead controller install");
    expect(again, again.said).toMatchObject({ code: 0, said: expect.stringContaining("is already up to date.") });

    const deployed = await sh("cd /srv/hello && fairlead deploy");
    expect(deployed, deployed.said).toMatchObject({ code: 0, said: expect.stringContaining("Live: v1") });
    // What runs as users of environments: supervisor and app.
    const ofApps = `find /proc -maxdepth 1 -uid +70001 -name "[0-9]*" | sort`;
    const app = await sh(ofApps);
    expect(app.said.trim().split("\n")).toHaveLength(2);
    const controller = "systemctl show --property MainPID --value fairlead";
    const before = await sh(controller);
    const get = `node -e 'require("http").get({host: "127.0.0.1", headers: {host: "web.hello.localhost"}}, (answer) => answer.pipe(process.stdout))'`;

    await sh(`kill -9 $(${controller})`);
    await expect
      .poll(() => sh("systemctl is-active fairlead && fairlead api GET /healthz"))
      .toEqual({ code: 0, said: "active\nok\n" });
    expect((await sh(controller)).said).not.toBe(before.said);

    const changed = await sh("fairlead controller install --listen 127.0.0.1:7070");
    expect(changed, changed.said).toMatchObject({ code: 0, said: expect.stringContaining("Wrote /etc/systemd/") });
    expect((await sh("fairlead doctor")).code).toBe(0);

    const removed = await sh("fairlead controller uninstall");
    expect(removed, removed.said).toMatchObject({ code: 0, said: expect.stringContaining("Removed /etc/systemd/") });
    expect((await sh("systemctl is-active fairlead")).said).toBe("inactive\n");
    // The app was never started again, and still serves.
    expect(await sh(ofApps)).toEqual({ code: 0, said: app.said });
    expect((await sh(get)).said).toBe("Hello from v1\n");
  });
});
