import type { ModelCard, MoeFfnSpec } from "../model/card.ts";

/** The experts of a model that the report takes to have some. */
export function moeOf({ name, layers }: ModelCard): MoeFfnSpec {
  const moe = layers.map(({ ffn }) => ffn).find((ffn) => ffn.kind === "moe");
  if (moe === undefined) throw new Error(`${name} has no experts`);
  return moe;
}
