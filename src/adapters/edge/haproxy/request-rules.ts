import type { FrontProxies } from "../../../model/route.ts";
import { authorityChars, authorityPattern } from "../table/authority.ts";
import { droppedPattern } from "../table/forwarding.ts";
import { filePathPattern } from "../table/secrets.ts";
import { caller } from "./caller.ts";
import { haproxySettings } from "./settings.ts";

/** A line of a section, with its end. */
export function lineIf(wanted: boolean, line: string): string {
  return wanted ? `  ${line}\n` : "";
}

/**
 * A request of which HAProxy holds no more than this is surely under the limit of its headers: it counts them without
 * their colons, spaces and line ends. Only of others they are recorded once more to know their length.
 */
const surelySmall = haproxySettings.headerBytes - 4 * haproxySettings.headers - 2;

/** Refuses what two servers could read differently, and leaves a path for a target. */
export const meaning = `  # Requests with two meanings.
  http-request lua.own 400 unless { req.fhdr_cnt(host) eq 1 } { req.fhdr(host),length le ${authorityChars} } { req.fhdr(host) -m reg -i '^${authorityPattern}$' }
  http-request lua.own 400 if { req.hdrs -m reg '[\\x00-\\x08\\x0b\\x0c\\x0e-\\x1f\\x7f]' }
  http-request lua.own 400 if { req.fhdr(transfer-encoding) -m found } !{ req.fhdr(transfer-encoding) -m str -i chunked }
  http-request return status 431 content-type "text/plain; charset=utf-8" string "431 Request Header Fields Too Large" hdr connection close if { internal.htx.data gt ${surelySmall} } { req.hdrs,length gt ${haproxySettings.headerBytes} }
  http-request lua.own 400 unless { req.ver -m str 1.0 1.1 } or { fc_http_major 2 }
  acl whole internal.htx.has_eom -m bool
  acl expects req.hdr(expect) -m found
  acl pathed url -m beg /
  acl absolute url -m reg -i '^https?://${authorityPattern}(/.*)?$'
  http-request lua.own 400 if METH_CONNECT or { url -m sub '#' } or !pathed !absolute
  http-request set-var(txn.host) 'url,lower,regsub(^https?://,),regsub(/.*,)' unless pathed
  http-request lua.own 400 unless pathed or { req.fhdr(host),lower,strcmp(txn.host) eq 0 }
  http-request set-uri %[pathq] if !pathed { pathq -m beg / }
  http-request set-uri / unless pathed`;

/**
 * Headers for one connection only go, and those that a client may say of earlier proxies, which are never believed: none
 * of them is there any more when ours are added.
 */
export function forwarding(proxies: FrontProxies, overTls: boolean): string {
  const believed = proxies.trust.length > 0;
  const { client, proto } = caller(proxies.trust);
  return `  # What the app is told.
  acl plain var(${proto}) -m str http
${!overTls && !believed ? "" : `${kept}\n`}  http-request del-header upgrade if { req.hdr(upgrade) -m found } !{ req.hdr(upgrade) -m str -i websocket }
  http-request lua.unlist_request if { req.hdr(connection) -m found } !{ req.hdr(upgrade) -m found }
  http-request del-header '${droppedPattern}' -m reg
${lineIf(believed, `http-request add-header x-forwarded-for "%[var(txn.chain)], %[var(sess.client)]" if { var(txn.chain) -m found }`)}  http-request add-header x-forwarded-for %[var(sess.client)]${believed ? " unless { var(txn.chain) -m found }" : ""}
  http-request add-header x-real-ip %[var(${client})]
  http-request add-header x-forwarded-proto %[var(${proto})]
  http-request add-header x-forwarded-host %[req.hdr(host)]
  acl named req.hdr(host),port_only gt 0
  http-request add-header x-forwarded-port %[req.hdr(host),port_only] if named
${lineIf(believed, "http-request add-header x-forwarded-port 443 if !named !plain !{ ssl_fc }")}  http-request add-header x-forwarded-port %[var(sess.port)] if !named${believed ? " plain or !named { ssl_fc }" : ""}
  http-request add-header x-request-id %[var(txn.id)]`;
}

/** Whose length must not tell what is in it: neither HAProxy nor the app compresses what nobody says to take. */
const kept = `  acl personal req.hdr(cookie) -m found
  acl personal req.hdr(authorization) -m found
  http-request del-header accept-encoding if !plain personal !{ path -m reg -i '${filePathPattern}' }`;
