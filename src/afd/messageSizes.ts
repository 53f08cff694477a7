import { sequencesOf } from "./decodeWork.ts";
import { isCarried } from "./message.ts";
import { layoutsOf } from "./stageModel.ts";
import type { WireTensor } from "./stages.ts";
import { divisionOf, isMoeLayer, type Work } from "./work.ts";

/** Bytes of the messages between two instances for one micro-batch and layer, in both directions. */
export type MessageSizes = (
  direction: "a2f" | "f2a",
  attention: number,
  ffn: number,
  microBatch: number,
  layer: number,
) => number;

/** What a work's messages hold: the rows of an attention instance's sequences, in every tensor that is registered. */
export function messageSizes(work: Work): MessageSizes {
  const division = divisionOf(work);
  const layouts = layoutsOf(work);
  return (direction, attention, ffn, microBatch, layer) => {
    const side = direction === "a2f" ? layouts.attention[attention] : layouts.ffn[ffn];
    const tensors: readonly WireTensor[] = side?.sends[microBatch] ?? [];
    const { first, last } = sequencesOf(division, microBatch, attention);
    const isMoe = isMoeLayer(work, layer);
    const carried = tensors.filter((tensor) => isCarried(tensor, isMoe));
    return carried.reduce((sum, { rowBytes }) => sum + rowBytes * (last - first), 0);
  };
}
