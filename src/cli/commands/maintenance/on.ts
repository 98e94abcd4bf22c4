import path from "node:path";
import { Fault } from "../../../base/faults.ts";
import { defineCommand } from "../../command.ts";
import { textFlag } from "../../flags.ts";
import { readGivenFile } from "../../given-file.ts";
import { maintenanceText, untilMaintenance } from "../../maintenance.ts";

/** As the API takes it. */
const pageBytes = 64 * 1024;

export default defineCommand({
  about:
    "Closes the environment to its users and waits until the edge has done so: every request is answered 503 with Retry-After\nand the message or page, until `fairlead maintenance off`. Instances, probes and deployments keep running.",
  flags: {
    message: textFlag("--message <text>", "Text that users get"),
    page: textFlag("--page <file>", "HTML file that browsers get, at most 64 KB"),
  },
  examples: [
    ['fairlead maintenance on --message "Back at nine"', "close production with a message"],
    ["fairlead maintenance on -e staging --page maintenance.html", "with your own page"],
  ],
  async run({ flags, world }) {
    if (flags.message !== undefined && flags.page !== undefined)
      throw new Fault("usage.invalid", "use only one of --message and --page");
    const api = world.api();
    const key = world.key();
    const page = flags.page === undefined ? undefined : await readPage(path.resolve(world.host.cwd, flags.page));
    const wanted = {
      ...(flags.message !== undefined && { message: flags.message }),
      ...(page !== undefined && { page }),
    };
    await api.call("beginMaintenance", { params: key, body: wanted });
    return untilMaintenance({ world, api, key }, true);
  },
  view: maintenanceText,
});

async function readPage(file: string): Promise<string> {
  return (await readGivenFile(file, pageBytes)).toString("utf8");
}
