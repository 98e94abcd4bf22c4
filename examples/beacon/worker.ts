import { fault, logJson, logText, onStop, version } from "./process.ts";

let rounds = 0;
const timer = setInterval(() => {
  rounds += 1;
  logJson("info", "worked", { rounds, version });
  if (rounds % 10 === 0) logText("WARN", `queue is empty after ${rounds} rounds`);
}, 1_000);

if (fault === "worker-crash") {
  setTimeout(() => {
    logText("ERROR", "cannot reach the queue");
    process.exit(1);
  }, 2_000);
}

logText("INFO", `worker of version ${version} starts`);
onStop(() => {
  clearInterval(timer);
  logJson("info", "worker stopped", { rounds });
});
