import type { ModelCard, MoeFfnSpec } from "../model/card.ts";
import { moeOf } from "../model/moe.ts";

/** The experts of a model that the report takes to have some. */
export function requireMoe(card: ModelCard): MoeFfnSpec {
  const moe = moeOf(card);
  if (moe === undefined) throw new Error(`${card.name} has no experts`);
  return moe;
}
