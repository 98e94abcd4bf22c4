import path from "node:path";
import { Fault } from "../../../base/faults.ts";
import type { CertificateRequest } from "../../../contract/domains.ts";
import { defineCommand, requiredArgument } from "../../command.ts";
import { textFlag, toggleFlag } from "../../flags.ts";
import { readGivenFile } from "../../given-file.ts";
import { hostArgument } from "../../host-argument.ts";

/** As the API takes it. */
const pemBytes = 64 * 1024;

export default defineCommand({
  about:
    "Serves a host with your own certificate, or with one that this machine signs. Name hosts in fairlead.yml\n(services.<name>.http.hosts). With --acme-email the controller requests their certificates automatically, and this\ncommand is not needed.",
  args: { host: requiredArgument("Host name, or *. and a name for all names one level below it") },
  flags: {
    cert: textFlag("--cert <file>", "PEM file: the host's certificate, then the intermediate ones"),
    key: textFlag("--key <file>", "PEM file, not encrypted"),
    selfSigned: toggleFlag("--self-signed", "Sign it with this machine's own authority; renewed automatically"),
  },
  examples: [
    ["fairlead domains add shop.example.com --cert chain.pem --key key.pem", "a certificate of your own"],
    ["fairlead domains add shop.test --self-signed", "one for testing"],
  ],
  async run({ args, flags, world }) {
    const request = await requestOf(flags, (file) => readPem(path.resolve(world.host.cwd, file)));
    return world.api().call("addCertificate", { params: { host: hostArgument(args.host) }, body: request });
  },
  view({ host, certificate }, paint) {
    if (certificate === null) return `${paint.yellow("plain")} ${host} has no certificate`;
    const renewal =
      certificate.renewal === null ? "not renewed automatically" : `renewed ${certificate.renewal.slice(0, 10)}`;
    return `${paint.green("served")} ${host} until ${certificate.until.slice(0, 10)} (${renewal})`;
  },
});

interface Given {
  readonly cert: string | undefined;
  readonly key: string | undefined;
  readonly selfSigned: boolean;
}

async function requestOf(
  { cert, key, selfSigned }: Given,
  read: (file: string) => Promise<string>,
): Promise<CertificateRequest> {
  if (selfSigned && cert === undefined && key === undefined) return { selfSigned: true };
  if (selfSigned || cert === undefined || key === undefined) {
    throw new Fault("usage.invalid", "use --cert and --key together, or only --self-signed", {
      hint: "To get a certificate automatically, name the host in fairlead.yml and start the controller with --acme-email.",
    });
  }
  return { chain: await read(cert), key: await read(key) };
}

async function readPem(file: string): Promise<string> {
  return (await readGivenFile(file, pemBytes)).toString("utf8");
}
