import type { PlanRow } from "../record/planRows.ts";
import { formatDuration } from "../units/format.ts";

const LIMITS = ["tpotLimitNs", "maxCards", "sequences"] as const;
type Limit = (typeof LIMITS)[number];

/** What a plan was asked for in more than one way, beside contexts. */
export function sweptIn(rows: readonly PlanRow[]): readonly Limit[] {
  return LIMITS.filter((limit) => new Set(rows.map((row) => row[limit])).size > 1);
}

/** What tells the question of a row apart from others at its context, to stand behind the context. */
export function sweptText({ tpotLimitNs, maxCards, sequences }: PlanRow, swept: readonly Limit[]): string {
  const texts = {
    tpotLimitNs: `, within ${formatDuration(tpotLimitNs)}`,
    maxCards: `, on ${maxCards} cards at most`,
    sequences: `, with ${sequences} sequences`,
  };
  return swept.map((limit) => texts[limit]).join("");
}
