import { journalConformance } from "../conformance/journal.ts";
import { SimulatedJournal } from "./journal.ts";

journalConformance("simulated", async () => {
  const journal = new SimulatedJournal();
  const reopen = async () => {
    journal.reopen();
    return journal;
  };
  return { journal, reopen, dispose: async () => undefined };
});
