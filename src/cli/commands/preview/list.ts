import { defineCommand } from "../../command.ts";
import { table } from "../../paint.ts";
import { leftText } from "../../times.ts";

export default defineCommand({
  about: "Lists the previews of the app: base environment, live release, and expiry.",
  examples: [
    ["fairlead preview list", "of the app in this directory"],
    ["fairlead preview list -a shop --json", "for scripts"],
  ],
  async run({ world }) {
    const { app } = world.key();
    const now = world.host.now();
    const { items } = await world.api().call("environments");
    return {
      items: items.flatMap(({ preview, ...one }) => {
        const from = preview?.from ?? null;
        if (preview === null || from === null || one.app !== app) return [];
        return [{ ...one, preview: { ...preview, from }, endsInMs: Date.parse(preview.endsAt) - now }];
      }),
    };
  },
  view({ items }, paint) {
    if (items.length === 0) return "No previews.";
    const rows = items.map(({ environment, preview, release, state, endsInMs, urls }) => [
      environment,
      preview.from,
      release ?? "-",
      state,
      leftText(endsInMs),
      urls.flatMap(({ url, internal }) => (internal ? [] : [url])).join(" "),
    ]);
    return table(["NAME", "FROM", "RELEASE", "STATE", "ENDS IN", "URLS"], rows, paint);
  },
});
