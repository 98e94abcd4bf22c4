import { Fault } from "../../../base/faults.ts";
import type { RouteTable } from "../../../model/route.ts";

/** Fault `route.host-taken` when another owner's table has one of this table's hosts. */
export function checkClaims(table: RouteTable, tables: Iterable<RouteTable>): void {
  const wanted = new Set(table.routes.flatMap((route) => route.hosts));
  for (const { owner, routes } of tables) {
    if (owner === table.owner) continue;
    const taken = routes.flatMap((route) => route.hosts).find((host) => wanted.has(host));
    if (taken === undefined) continue;
    throw new Fault("route.host-taken", `${taken} belongs to ${owner}; the routes of ${table.owner} were not changed.`);
  }
}
