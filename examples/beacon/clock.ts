import { instance, onStop } from "./process.ts";

// Only ticks, each with its instance: two instances at the same time would be seen in the log.
const timer = setInterval(() => process.stdout.write(`tick ${instance} ${new Date().toISOString()}\n`), 1_000);
onStop(() => clearInterval(timer));
