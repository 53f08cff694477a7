import type { ModelCard, MoeFfnSpec } from "./card.ts";

/** The experts of a model's first MoE layer, which all its others are like; undefined where it has none. */
export function moeOf({ layers }: Pick<ModelCard, "layers">): MoeFfnSpec | undefined {
  return layers.map(({ ffn }) => ffn).find((ffn) => ffn.kind === "moe");
}
