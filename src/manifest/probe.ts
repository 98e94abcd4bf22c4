import type { JsonCondition } from "../model/release.ts";
import type { Diagnostics } from "./diagnostic.ts";
import { isEmpty, type Kind } from "./kinds.ts";
import { type MapNode, show } from "./source.ts";

/** Maximum number of conditions: more than any health answer needs. */
const conditionLimit = 20;

/** Conditions on a JSON body: nested or dotted member names, each with the plain value that it must have. */
export const conditions: Kind<readonly JsonCondition[]> = {
  label: "mapping",
  json: { type: "object", minProperties: 1, maxProperties: conditionLimit },
  none: [],
  read(node, diagnostics) {
    if (isEmpty(node, diagnostics)) return [];
    if (node.kind !== "map") {
      diagnostics.add(node, `${show(node)} is not a mapping – write members and values, like { status: healthy }`);
      return [];
    }
    const found = conditionsBelow(node, { path: [], diagnostics });
    if (found.length === 0 || found.length > conditionLimit)
      diagnostics.add(node, `has ${found.length} conditions – from 1 to ${conditionLimit} are allowed`);
    return found;
  },
};

function conditionsBelow(map: MapNode, at: { path: readonly string[]; diagnostics: Diagnostics }): JsonCondition[] {
  return [...map.entries].flatMap(([key, { key: place, value }]) => {
    const path = [...at.path, ...key.split(".")];
    if (path.includes(""))
      at.diagnostics.addAt(place, "a member name is empty – write names with single dots between them");
    if (value.kind === "map") return conditionsBelow(value, { ...at, path });
    if (value.kind === "scalar") return [{ path, equals: value.value }];
    at.diagnostics.add(value, "a list is not a condition – name the member and its plain value");
    return [];
  });
}
