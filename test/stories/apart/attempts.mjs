// What a process of another environment or app tries on production. Run as `node attempts.mjs TARGET`, with what an attacker
// could know or guess as JSON. It prints a line for each attempt: `name: refused …` or `name: done …`. Nothing outside this
// file decides what is tried: it is played on processes and on containers alike.
import { execFileSync } from "node:child_process";
import * as fs from "node:fs";
import { connect, createServer } from "node:net";
import { networkInterfaces, setPriority, tmpdir } from "node:os";
import { dirname, join } from "node:path";

const target = JSON.parse(process.argv[2] ?? "{}");
const { pid, supervisor, port, place, state, artifact, edge, controller } = target;
const read = (path) => fs.readFileSync(path).length >= 0;
const list = (path) => fs.readdirSync(path).length >= 0;
const append = (path) => fs.appendFileSync(path, "x") === undefined;
const opened = (path, flags) => fs.closeSync(fs.openSync(path, flags)) === undefined;
const told = (whom, signal) => process.kill(whom, signal);
const python = (script) => execFileSync("python3", ["-c", script], { encoding: "utf8", stdio: "pipe" });
const libc = "import ctypes, os; c = ctypes.CDLL(None, use_errno=True)\n";

const dial = (to) =>
  new Promise((resolve, reject) => {
    const socket = connect(to);
    socket.once("connect", () => socket.destroy() && resolve(true));
    socket.once("error", reject);
    setTimeout(() => reject(new Error("no answer")), 2_000).unref();
  });
const bind = (options) =>
  new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", reject);
    server.listen(options, () => server.close(() => resolve(true)));
  });
const ownAddress = () =>
  Object.values(networkInterfaces())
    .flat()
    .find((each) => !each.internal && each.family === "IPv4")?.address;

const attempts = {
  "list the instance's directory": () => list(place),
  "read a file of its home": () => read(`${place}/home/secret`),
  "list its home": () => list(`${place}/home`),
  "write into its home": () => append(`${place}/home/new`),
  "read a temporary file": () => read(`${place}/tmp/secret`),
  "read a temporary file by its root": () => read(`/proc/${pid}/root${place}/tmp/secret`),
  "read a file of its working directory": () => read(`${place}/work/secret`),
  "write into its working directory": () => append(`${place}/work/server.js`),
  "hard link its file": () => fs.linkSync(`${place}/work/secret`, join(tmpdir(), "linked")) === undefined,
  "read its output": () => read(`${place}/out.log`),
  "read its errors": () => read(`${place}/err.log`),
  "forge its output": () => append(`${place}/out.log`),
  "read what it was started with": () => read(`${place}/spec.json`),
  "forge its claim": () => append(`${place}/own/claim`),
  "mark it as stopped": () => append(`${place}/stopped`),
  "list all instances": () => list(`${state}/run`),
  "forge an exit": () => append(`${state}/run/exits/forged`),
  "change whose user is whose": () => append(`${state}/run/.users.json`),
  "read another build's home": () => list(`${state}/run/.homes`),
  "read its environment": () => read(`/proc/${pid}/environ`),
  "read its supervisor's environment": () => read(`/proc/${supervisor}/environ`),
  "read its memory": () => opened(`/proc/${pid}/mem`, "r"),
  "write its memory": () => opened(`/proc/${pid}/mem`, "r+"),
  "see its memory's layout": () => read(`/proc/${pid}/maps`) && fs.readFileSync(`/proc/${pid}/maps`).length > 0,
  "list its open files": () => list(`/proc/${pid}/fd`),
  "follow its working directory": () => list(`/proc/${pid}/cwd/`),
  "see its root": () => list(`/proc/${pid}/root/`),
  "trace it": () =>
    python(`${libc}r = c.ptrace(0x4206, ${pid}, None, None)\nassert r == 0, os.strerror(ctypes.get_errno())`),
  "read its memory by process_vm_readv": () =>
    python(
      `${libc}b = ctypes.create_string_buffer(8)\nclass V(ctypes.Structure): _fields_ = [("p", ctypes.c_void_p), ("n", ctypes.c_size_t)]\n` +
        `l = V(ctypes.addressof(b), 8); r = V(0x400000, 8)\nn = c.process_vm_readv(${pid}, ctypes.byref(l), 1, ctypes.byref(r), 1, 0)\n` +
        "e = ctypes.get_errno()\nassert n >= 0 or e == 14, os.strerror(e)",
    ),
  "take its descriptors": () =>
    python(
      `${libc}p = os.pidfd_open(${pid})\nr = c.syscall(438, p, 1, 0)\nassert r >= 0, os.strerror(ctypes.get_errno())`,
    ),
  "stop it": () => told(pid, "SIGSTOP"),
  "kill it": () => told(pid, "SIGKILL"),
  "kill its supervisor": () => told(supervisor, "SIGKILL"),
  "kill its group": () => told(-supervisor, "SIGKILL"),
  "slow it down": () => setPriority(pid, 19) === undefined,
  "limit its open files": () => execFileSync("prlimit", ["--pid", String(pid), "--nofile=1:1"], { stdio: "pipe" }),
  "dial its port": () => dial({ host: "127.0.0.1", port }),
  "dial its port over IPv6": () => dial({ host: "::1", port }),
  "dial its port by another address": () => dial({ host: ownAddress() ?? "127.0.0.2", port }),
  "listen on its port": () => bind({ host: "127.0.0.1", port }),
  "listen beside it on its port": () => bind({ host: "127.0.0.1", port, reusePort: true }),
  "list the artifacts": () => list(dirname(artifact)),
  "list the store": () => list(dirname(dirname(artifact))),
  "change the artifact": () => append(`${artifact}/server.js`),
  "read the artifact": () => read(`${artifact}/server.js`),
  "read the vault's key": () => read(`${state}/vault.key`),
  "read the vault": () => read(`${state}/vault.json`),
  "read the journal": () => read(`${state}/journal.db`),
  "change the journal": () => append(`${state}/journal.db`),
  "read the logs": () => read(`${state}/logs.db`),
  "call the controller": () => dial({ path: `${state}/controller.sock` }),
  "list the edge's files": () => list(`${state}/edge`),
  "read certificates": () => list(`${state}/certificates`),
  "call the edge's admin socket": () => dial({ path: `${state}/edge/admin.sock` }),
  "stop the edge": () => told(edge, "SIGSTOP"),
  "read the edge's environment": () => read(`/proc/${edge}/environ`),
  "list the edge's open files": () => list(`/proc/${edge}/fd`),
  "kill the controller": () => told(controller, "SIGKILL"),
  "read the controller's environment": () => read(`/proc/${controller}/environ`),
  "call the container engine": () => dial({ path: "/var/run/docker.sock" }),
  "say what becomes of core dumps": () => append("/proc/sys/kernel/core_pattern"),
  "become root": () => process.setuid(0) === undefined,
  "become the other user": () => process.setuid(fs.statSync(`/proc/${pid}`).uid) === undefined && !target.sameUser,
  "become root in a namespace and read its home": () =>
    execFileSync("unshare", ["--user", "--map-root-user", "cat", `${place}/home/secret`], { stdio: "pipe" }),
  "take the firewall down": () =>
    execFileSync("/bin/sh", ["-c", "PATH=$PATH:/usr/sbin:/sbin; nft flush ruleset || iptables -F"], { stdio: "pipe" }),
};

// Where little is kept apart, what does harm would end those who look on.
const harmless = /^(?:list|read|see|follow|call the controller|dial)/;

for (const [name, attempt] of Object.entries(attempts)) {
  if (target.onlyLook && !harmless.test(name)) continue;
  try {
    const got = await attempt();
    console.log(`${name}: ${got === false || got === undefined ? "refused" : "done"}`);
  } catch (thrown) {
    const why = String(thrown?.stderr || thrown?.code || thrown?.message)
      .trim()
      .split("\n")
      .at(-1);
    console.log(`${name}: refused ${why}`);
  }
}
