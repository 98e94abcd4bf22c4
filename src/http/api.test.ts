import { expect, test } from "vitest";
import { openJournal } from "../adapters/journal/sqlite/open.ts";
import { openLogs } from "../adapters/logs/sqlite/open.ts";
import { openFakes } from "../testing/fakes.ts";
import { createApi } from "./api.ts";

test("the controller's own log has changes as info, reads as debug, and failures inside as errors", async () => {
  const fakes = await openFakes({ openJournal, openLogs });
  const lines: string[] = [];
  const at = (level: string) => (what: object) => {
    if ("method" in what && "status" in what) lines.push(`${level} ${what.method} ${what.status}`);
  };
  const log = { debug: at("debug"), info: at("info"), error: at("error") };
  const doctor = () => Promise.reject(new TypeError("broken"));
  const api = createApi({ ...fakes.deps, doctor, log });
  const ask = (method: string, path: string) => api.request(path, { method }, { via: "socket" });
  await ask("GET", "/v1/info");
  await ask("GET", "/v1/nothing");
  await ask("HEAD", "/v1/info");
  await ask("POST", "/v1/apps/shop/environments/production/stop");
  await ask("GET", "/v1/doctor");
  await fakes.close();
  expect(lines).toEqual(["debug GET 200", "debug GET 404", "debug HEAD 200", "info POST 404", "error GET 500"]);
});
