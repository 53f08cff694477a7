import { attentionFeasibility, bytesPerLayer, cardsForFfn } from "../../theory/stageBudget.ts";
import { kvRowBytes } from "../../workload/kv-cache.ts";
import { CONTEXTS, type ComparedCell, type PaperTable } from "../cell.ts";
import type { PaperInputs } from "../inputs.ts";
import type { Printed } from "../printed.ts";
import { SECTION_3, SECTION_6, SECTION_6_INPUTS } from "../published/design.ts";

const BYTES_PER_ELEMENT = 1;

/** Step-3 on L20 and L4, within the 272 µs of a layer as printed. @source Step-3 report, section 6 */
export const section6: PaperTable = (inputs) => [...attentionCells(inputs), ...ffnCells(inputs)];

function attentionCells({ model, accelerator }: PaperInputs): ComparedCell[] {
  const card = model("Step-3");
  const [first] = card.layers;
  if (first === undefined) throw new Error("Step-3 has no layers");
  const feasible = attentionFeasibility(first.attention, card.hidden, {
    bytesPerSecond: accelerator("L20").memoryBytesPerSecond,
    layerNs: SECTION_3.stagePerLayer.value,
    cards: SECTION_6_INPUTS.cardsPerServer,
    bytesPerKvElement: BYTES_PER_ELEMENT,
  });
  return [
    {
      ...cell("L20", "bytes of a layer's stage", "byte", SECTION_6.budgetBytes, feasible.budgetBytes),
      remark: "From the 272 µs as printed, as all of this section.",
    },
    cell("L20", "attention weights of a layer", "byte", SECTION_6.weightBytes, feasible.weightBytes),
    cell("L20", "left for KV", "byte", SECTION_6.kvBytes, feasible.kvBytes),
    cell(
      "L20",
      "KV of a token and layer",
      "byte",
      SECTION_6.kvRowBytes,
      kvRowBytes(first.attention, BYTES_PER_ELEMENT, "values"),
    ),
    cell("L20", "context in all", "tokens", SECTION_6.contextTokens, feasible.contextTokens),
    cell(
      "L20",
      "batch at 8K too large by one",
      "count",
      SECTION_6.batchLimit,
      tooManySequences(feasible.contextTokens),
    ),
  ];
}

/** The least number of sequences that does not fit. */
function tooManySequences(contextTokens: number): number {
  return Math.floor(contextTokens / CONTEXTS["8K"]) + 1;
}

function ffnCells(inputs: PaperInputs): ComparedCell[] {
  const card = inputs.model("Step-3");
  const bytesPerSecondOn = (name: "L20" | "L4") =>
    inputs.accelerator(name).memoryBytesPerSecond * SECTION_6_INPUTS.ffnBandwidthShare;
  const ffnOn = (name: "L20" | "L4") =>
    cardsForFfn(card, {
      bytesPerSecond: bytesPerSecondOn(name),
      stageNs: SECTION_3.stagePerLayer.value * card.layers.length,
      cardsPerServer: SECTION_6_INPUTS.cardsPerServer,
    });
  const ffn = ffnOn("L20");
  return [
    cell(
      "L20",
      "FFN weights of a layer and card",
      "byte",
      SECTION_6.ffnBytesPerLayer,
      bytesPerLayer(bytesPerSecondOn("L20"), SECTION_3.stagePerLayer.value),
    ),
    cell("L20", "FFN weights of a card", "byte", SECTION_6.ffnBytes, ffn.perCard.bytes),
    cell("L20", "servers for the FFN", "count", SECTION_6.ffnServers, ffn.servers),
    cell("L20", "cards for the FFN", "count", SECTION_6.ffnCards, ffn.cards),
    cell("L4", "cards for the FFN", "count", SECTION_6.ffnCardsOfL4, ffnOn("L4").cards),
  ];
}

function cell(
  row: string,
  column: string,
  unit: ComparedCell["unit"],
  printed: Printed,
  computed: number,
): ComparedCell {
  return { kind: "compared", row, column, unit, printed, computed };
}
