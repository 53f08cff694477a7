import type { CutPlanRow, DeploymentPlanRow, FrontPlanRow, TurnPlanRow } from "../record/planRows.ts";
import type { PlanDocument } from "../record/schemas.ts";
import { formatBandwidth, formatDuration, formatNumber, formatPercent } from "../units/format.ts";
import { ABSENT, type Block, blockOf, type ColumnOf, orAbsent } from "./block.ts";
import { sweptIn, sweptText } from "./planQuestions.ts";

const DEPLOYMENT_COLUMNS: readonly ColumnOf<DeploymentPlanRow>[] = [
  { header: "", align: "right", cell: ({ rank }) => String(rank) },
  { header: "deployment", align: "left", cell: ({ deployment }) => deployment },
  { header: "cards", align: "right", cell: cardsText },
  { header: "on", align: "left", cell: onText },
  { header: "FFN", align: "left", cell: parallelismText },
  { header: "batch", align: "right", cell: ({ batch, microBatches }) => `${batch} in ${microBatches}` },
  { header: "TPOT", align: "right", cell: ({ tpotNs }) => formatDuration(tpotNs) },
  {
    header: "simu-\nlated",
    align: "right",
    cell: ({ simulatedTpotNs }) => orAbsent(simulatedTpotNs, formatDuration),
  },
  {
    header: "tokens/s\na card",
    align: "right",
    cell: ({ tokensPerSecondPerCard }) => formatNumber(tokensPerSecondPerCard, 4),
  },
  { header: "USD/M", align: "right", cell: ({ usdPerMillionTokens }) => formatNumber(usdPerMillionTokens) },
  { header: "plain on as\nmany cards", align: "left", cell: plainText },
  { header: "why", align: "left", cell: ({ reason }) => reason },
];

const TURN_COLUMNS: readonly ColumnOf<TurnPlanRow>[] = [
  { header: "lever", align: "left", cell: ({ lever }) => LEVERS[lever] },
  { header: "turns at", align: "right", cell: ({ factor }) => orAbsent(factor, (value) => `x ${formatNumber(value)}`) },
  { header: "that is", align: "right", cell: leverValue },
  { header: "then wins", align: "left", cell: winnerText },
];

const LEVERS = {
  batch: "sequences at once",
  context: "cached tokens",
  network: "NICs of a server",
  sparsity: "experts a token chooses",
} as const;

const CUT_COLUMNS: readonly ColumnOf<CutPlanRow>[] = [
  { header: "bound", align: "left", cell: ({ bound }) => bound },
  { header: "deployments", align: "right", cell: ({ deployments }) => String(deployments) },
];

const FRONT_COLUMNS: readonly ColumnOf<FrontPlanRow>[] = [
  { header: "TPOT", align: "right", cell: ({ tpotNs }) => formatDuration(tpotNs) },
  { header: "USD/M", align: "right", cell: ({ usdPerMillionTokens }) => formatNumber(usdPerMillionTokens) },
  { header: "deployment", align: "left", cell: ({ deployment }) => deployment },
  { header: "cards", align: "right", cell: ({ cards }) => String(cards) },
  { header: "on", align: "left", cell: onText },
];

/** The deployments of each context, what would turn the choice, what bounds left out, and the front. */
export function planBlocks({ rows, notes }: PlanDocument): Block[] {
  const swept = sweptIn(rows);
  const contexts = [
    ...Map.groupBy(rows, (row) => `${row.model} at ${row.contextTokens} cached tokens${sweptText(row, swept)}`),
  ];
  const blocks = contexts.flatMap(([at, own]) => {
    const deployments = own.filter((row) => row.row === "deployment");
    const turns = own.filter((row) => row.row === "turn");
    const cuts = own.filter((row) => row.row === "cut");
    const front = own.filter((row) => row.row === "front" && row.onParetoFront) as FrontPlanRow[];
    const considered = cuts[0]?.considered ?? 0;
    return [
      blockOf(`Deployments of ${at} (modeled)`, DEPLOYMENT_COLUMNS, deployments),
      blockOf(`What would turn the choice between AFD and plain, ${at}`, TURN_COLUMNS, turns),
      blockOf(
        `AFD deployments that bounds left out, of ${considered}, ${at}`,
        CUT_COLUMNS,
        cuts.filter((row) => row.deployments > 0),
      ),
      blockOf(
        `Pareto front of cost and TPOT, ${at}`,
        FRONT_COLUMNS,
        [...front].sort((one, other) => one.tpotNs - other.tpotNs),
      ),
    ].filter((block) => block.rows.length > 0);
  });
  return [...blocks, { columns: [], rows: [], lines: notes }];
}

function cardsText({ cards, attentionInstanceCards, ffnInstanceCards }: DeploymentPlanRow): string {
  if (attentionInstanceCards === undefined || ffnInstanceCards === undefined) return String(cards);
  return `${cards} (${attentionInstanceCards}/${ffnInstanceCards})`;
}

function onText({ placement, attentionOn, ffnOn }: Pick<DeploymentPlanRow, "placement" | "attentionOn" | "ffnOn">) {
  return placement === "plain" || attentionOn === ffnOn ? attentionOn : `${attentionOn} + ${ffnOn}`;
}

/** Of a plain deployment, experts are whole in either case: TP is of its dense layers. */
function parallelismText({ placement, parallelism, redundantExperts }: DeploymentPlanRow): string {
  const copies = redundantExperts === 0 ? "" : ` +${redundantExperts}`;
  if (placement === "plain") return `${parallelism === "expert" ? "EP" : "EP/TP"}${copies}`;
  return `${parallelism === "expert" ? "EP" : "TP"}${copies}`;
}

function plainText({
  placement,
  plainDeployment,
  plainTokensPerSecondPerCard,
  gainFraction,
}: DeploymentPlanRow): string {
  if (placement === "plain") return "";
  if (plainDeployment === undefined || plainTokensPerSecondPerCard === undefined || gainFraction === undefined) {
    return "none serves";
  }
  const sign = gainFraction < 0 ? "-" : "+";
  return `${plainDeployment} ${formatNumber(plainTokensPerSecondPerCard, 4)}: ${sign}${formatPercent(Math.abs(gainFraction), 2)}`;
}

function leverValue({ lever, value }: TurnPlanRow): string {
  if (value === undefined) return ABSENT;
  return lever === "network" ? formatBandwidth(value) : String(value);
}

function winnerText({ winner, gainFraction }: TurnPlanRow): string {
  if (winner === undefined || gainFraction === undefined) return "no factor from 1/32 to 32 turns it";
  return `${winner === "afd" ? "AFD" : "plain"}, by ${formatPercent(Math.abs(gainFraction), 2)}`;
}
