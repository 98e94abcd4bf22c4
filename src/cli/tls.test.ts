import { expect, test } from "vitest";
import { Fault } from "../base/faults.ts";
import { tlsOf } from "./tls.ts";

const none = {
  edgeTls: undefined,
  acmeEmail: undefined,
  acmeDirectory: undefined,
  acmeStaging: false,
  acmeCa: undefined,
  publicAddress: undefined,
};
const edge = { host: "0.0.0.0", port: 80 };

test("nobody is asked for certificates without --acme-email", () => {
  expect(tlsOf(none, edge)).toEqual({ edgeTls: null });
  expect(tlsOf({ ...none, edgeTls: "127.0.0.1:8443" }, edge)).toEqual({ edgeTls: { host: "127.0.0.1", port: 8443 } });
  for (const more of [{ acmeDirectory: "https://ca.test/dir" }, { acmeStaging: true }, { acmeCa: "/ca.pem" }]) {
    expect(() => tlsOf({ ...none, ...more }, edge)).toThrow(Fault);
  }
});

test("with it the edge takes TLS beside its plain port, and Let's Encrypt is asked unless another authority is named", () => {
  const asked = tlsOf({ ...none, acmeEmail: "ops@shop.com", publicAddress: "192.0.2.7, 2001:db8::7" }, edge);
  expect(asked).toEqual({
    edgeTls: { host: "0.0.0.0", port: 443 },
    acme: {
      email: "ops@shop.com",
      directoryUrl: "https://acme-v02.api.letsencrypt.org/directory",
      stagingUrl: null,
      caFile: null,
      publicAddresses: ["192.0.2.7", "2001:db8::7"],
    },
  });
  const other = { acmeEmail: "ops@shop.com", acmeDirectory: "https://ca.test/dir", acmeStaging: true };
  expect(tlsOf({ ...none, ...other }, edge).acme).toMatchObject({
    directoryUrl: "https://ca.test/dir",
    stagingUrl: expect.stringContaining("acme-staging"),
  });
});

test("what cannot be meant is refused", () => {
  const good = { ...none, acmeEmail: "ops@shop.com" };
  for (const more of [
    { acmeEmail: "ops" },
    { acmeDirectory: "http://ca.test/dir" },
    { acmeDirectory: "ca.test" },
    { acmeCa: "ca.pem" },
    { edgeTls: "here" },
  ]) {
    expect(() => tlsOf({ ...good, ...more }, edge), JSON.stringify(more)).toThrow(Fault);
  }
});
