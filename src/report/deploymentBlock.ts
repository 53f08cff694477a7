import type { DeploymentRow } from "../record/benchRows.ts";
import { formatDuration, formatNumber, formatPercent } from "../units/format.ts";
import { type Block, FACT_COLUMNS } from "./block.ts";

/** All layers of a model on the cheapest pairing of accelerators, in sentences. */
export function deploymentBlock(row: DeploymentRow): Block {
  const { attentionOn, ffnOn, attentionCardShare } = row;
  return {
    title:
      `Deployment: all layers of ${row.model}, attention and FFN on cards of their own ` +
      `(batch ${row.batch}, ${row.kvTokens} cached tokens, ${countText(row.tokensPerExpert)} tokens per expert)`,
    columns: FACT_COLUMNS,
    rows: [
      [
        "attention",
        sideText(attentionOn, row.attentionPrecision, row.attentionStageNs, row.attentionBound, attentionCardShare),
      ],
      ["FFN", sideText(ffnOn, row.ffnPrecision, row.ffnStageNs, row.ffnBound, 1 - attentionCardShare)],
      [
        "speed",
        `${formatDuration(row.tpotNs)} per output token, ${formatNumber(row.tokensPerSecondPerCard, 4)} tokens/s per card`,
      ],
      ["cost", `${formatNumber(row.usdPerMillionTokens)} USD per million output tokens: the cheapest pairing`],
    ],
    lines: [`FLOPs and bytes are ${row.basis}; an FFN step serves ${countText(row.ffnTokens)} tokens.`],
  };
}

function sideText(on: string, precision: string, stageNs: number, bound: string, cardShare: number): string {
  return `on ${on} in ${precision}: ${formatDuration(stageNs)} a layer, ${bound}-bound, ${formatPercent(cardShare)} of the cards`;
}

/** Tokens are whole numbers mostly, and means of some now and then. */
function countText(tokens: number): string {
  return Number.isInteger(tokens) ? String(tokens) : formatNumber(tokens, 4);
}
