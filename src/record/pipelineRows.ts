import { z } from "zod";
import { amount, quantity, text, whole } from "./quantity.ts";

const deploymentKeys = {
  deployment: text("Attention and FFN instances of the run, such as 2A2F."),
  microBatches: whole("Micro-batches under way."),
};

/** What became of a run of the pipeline; without `ok` the numbers that it takes away are absent. */
export const PIPELINE_STATUSES = ["ok", "failedCheck", "unrecoverable", "interrupted"] as const;

const pipelineRunRowFields = z.strictObject({
  row: z.literal("run"),
  kind: z.literal("measured"),
  status: z.enum(PIPELINE_STATUSES).meta({
    description:
      "ok; failedCheck: an output differs from the one-thread run, no time is given; unrecoverable: a fault ended it; interrupted: of the steps until then.",
  }),
  ...deploymentKeys,
  attentionInstances: whole("Attention instances at the start."),
  ffnInstances: whole("FFN instances at the start."),
  threadsPerInstance: whole("Worker threads of each instance."),
  batch: whole("Sequences of all micro-batches."),
  microBatchSizes: text("Sequences of each micro-batch."),
  layers: whole("Layers of a decode step."),
  steps: whole("Decode steps of each sequence, warm-up included."),
  warmUpSteps: whole("First steps that no number counts.", 0),
  emulated: z.boolean().meta({ description: "Whether stages take a given time instead of running kernels." }),
  model: text("Name of the model and its scale; absent where stages are emulated, as the six below.").optional(),
  contextTokens: z
    .number()
    .min(0)
    .meta({ description: "Cached tokens of a sequence before the first step, the mean.", unit: "tokens" })
    .optional(),
  ffnParallel: text("How FFN instances divide a layer: tp (widths), ep (experts), or both.").optional(),
  weightDtype: text("How weights are stored.").optional(),
  kvDtype: text("How the KV cache is stored.").optional(),
  a2fFormat: text("What messages to FFN hold tokens in.").optional(),
  f2aFormat: text("What messages to attention hold partial sums in.").optional(),
  wire: text("What messages go through: shared memory, or a pool's tasks and results (postmessage)."),
  linkUse: text("Of the emulated network: duplex, shared, or pair."),
  seed: whole("Seed of weights, jitter and faults.", 0),
  tpotNs: amount("measured", "ns", "Time per output token: median over steps and micro-batches.").optional(),
  tpotMeanNs: amount("measured", "ns", "Its mean.").optional(),
  tpotP95Ns: amount("measured", "ns", "Time that 95% of steps do not exceed.").optional(),
  tpotP99Ns: amount("measured", "ns", "Time that 99% of steps do not exceed.").optional(),
  boundNs: amount(
    "modeled",
    "ns",
    "TPOT of the closed form, without jitter and stragglers: of the given stage times, or of this run's medians.",
  ).optional(),
  bound: z
    .enum(["attention", "ffn", "network", "roundTrip"])
    .meta({ description: "What limits the closed form." })
    .optional(),
  boundFraction: amount("measured", "fraction", "boundNs over tpotNs.").optional(),
  lossNs: quantity(
    "measured",
    "ns",
    "tpotMeanNs less boundNs: what jitter, stragglers and hand-overs cost.",
  ).optional(),
  simulatedTpotNs: amount(
    "simulated",
    "ns",
    "Mean TPOT of the same deployment in `afdbench simulate`, of the same times, network and jitter; absent with faults or uneven micro-batches.",
  ).optional(),
  simulatedErrorFraction: quantity("simulated", "fraction", "simulatedTpotNs over tpotMeanNs, less 1.").optional(),
  attentionLateNs: amount("measured", "ns", "Of a step: by how much its latest attention stages were late.").optional(),
  a2fLateNs: amount("measured", "ns", "Of a step: by how much its latest messages to FFN were late.").optional(),
  ffnLateNs: amount("measured", "ns", "Of a step: by how much its latest FFN stages were late.").optional(),
  f2aLateNs: amount("measured", "ns", "Of a step: by how much its latest messages to attention were late.").optional(),
  straggler: text("The instance or link that was later than its like, where that is at least 2% of TPOT.").optional(),
  attentionStageNs: amount("measured", "ns", "Median attention stage of a layer and micro-batch.").optional(),
  ffnStageNs: amount("measured", "ns", "Median FFN stage of a layer and micro-batch.").optional(),
  tokensPerSecond: amount("measured", "tokens/s", "Decoded tokens of all sequences.").optional(),
  bubbleFraction: amount(
    "measured",
    "fraction",
    "Share of all instances' time in which they do not compute.",
  ).optional(),
  handoverMedianNs: amount(
    "measured",
    "ns",
    "From the moment a message is pushed, or has come through the emulated network, until its waiting receiver begins.",
  ).optional(),
  handoverP99Ns: amount("measured", "ns", "Hand-over that 99% do not exceed.").optional(),
  queueMean: amount("measured", "count", "Other micro-batches that wait, complete, when a stage begins.").optional(),
  expertImbalance: amount(
    "measured",
    "fraction",
    "Tokens of the hottest expert over the mean of its layer, mean over layers with experts; whole run, all FFN instances.",
  ).optional(),
  ffnImbalance: amount(
    "measured",
    "fraction",
    "The same of FFN instances: routed tokens of the one with most over the mean; 1 where all share every expert.",
  ).optional(),
  a2fBytesPerStep: amount("measured", "byte", "Bytes of all messages to FFN in a step."),
  f2aBytesPerStep: amount("measured", "byte", "Bytes of all messages to attention in a step."),
  bitEqual: z
    .boolean()
    .meta({ description: "Whether every output has the bits of the one-thread run; absent: not compared." })
    .optional(),
  faultsInjected: whole("Faults that happened.", 0),
  faultsRecovered: whole("Those after which the run went on.", 0),
  restarts: whole("Times that an instance was started again.", 0),
  resends: whole("Messages that were sent again.", 0),
  duplicates: whole("Messages that came twice, and were taken once.", 0),
  corrupted: whole("Messages whose checksum was wrong.", 0),
});

/** What a run has no right to say whose outputs are wrong, or that did not come to its end. */
const TIMES = [
  "tpotNs",
  "tpotMeanNs",
  "tpotP95Ns",
  "tpotP99Ns",
  "boundFraction",
  "lossNs",
  "tokensPerSecond",
  "bubbleFraction",
  "handoverMedianNs",
  "handoverP99Ns",
] as const;

/** A run of the AFD pipeline on worker threads, beside the closed form. */
export const pipelineRunRowSchema = pipelineRunRowFields.superRefine((row, context) => {
  const { status, bitEqual } = row;
  if ((bitEqual === false) !== (status === "failedCheck"))
    context.addIssue({
      code: "custom",
      path: ["status"],
      message: `a run of status ${status} with bitEqual ${bitEqual}`,
    });
  if (status !== "failedCheck" && status !== "unrecoverable") return;
  for (const key of TIMES) {
    if (row[key] !== undefined)
      context.addIssue({ code: "custom", path: [key], message: `a run of status ${status} carries no ${key}` });
  }
});

/** How one instance spent its time. */
export const pipelineInstanceRowSchema = z.strictObject({
  row: z.literal("instance"),
  kind: z.literal("measured"),
  ...deploymentKeys,
  instance: text("A0, A1 … attention, F0, F1 … FFN."),
  stages: whole("Stages that were counted.", 0),
  busyFraction: amount("measured", "fraction", "Share of time in which it computes."),
  waitFraction: amount("measured", "fraction", "Share of time in which it waits for a message."),
  sendingFraction: amount("measured", "fraction", "Share of time in which it copies messages to its peers."),
  idleFraction: amount("measured", "fraction", "The rest: between stages, or out of service."),
  stageMedianNs: amount("measured", "ns", "Median of its stages.").optional(),
  stageP99Ns: amount("measured", "ns", "Stage that 99% do not exceed.").optional(),
  lateNs: amount("measured", "ns", "By how much a stage is over the usual one of its layer, in the mean.").optional(),
  lateMostNs: amount("measured", "ns", "By how much its latest stage was.").optional(),
  lastFraction: amount(
    "measured",
    "fraction",
    "Share of its peers' waits in which its message was the last; absent where it has no like.",
  ).optional(),
  queueMean: amount("measured", "count", "Other micro-batches that wait, complete, when a stage begins.").optional(),
  queueMost: whole("The most of them.", 0),
  restarts: whole("Times that it was started again.", 0),
});

/** Messages of one pair of instances in one direction. */
export const pipelineLinkRowSchema = z.strictObject({
  row: z.literal("link"),
  kind: z.literal("measured"),
  ...deploymentKeys,
  direction: z.enum(["a2f", "f2a"]).meta({ description: "To FFN, or to attention." }),
  from: text("Instance that sends."),
  to: text("Instance that receives."),
  bytesPerMessage: amount("measured", "byte", "Of a layer and micro-batch, the mean."),
  bytesPerStep: amount("measured", "byte", "Of all its messages in a step."),
  lastFraction: amount("measured", "fraction", "Share of the receiver's waits in which this message was the last."),
  transferMedianNs: amount(
    "measured",
    "ns",
    "From the end of the sender's stage until a receiver that waits begins, or one that is busy could; of messages that were the last.",
  ).optional(),
  lateNs: amount("measured", "ns", "By how much such a transfer is over the usual one, in the mean.").optional(),
  lateMostNs: amount("measured", "ns", "By how much the latest was.").optional(),
});

/** A point of the distribution of hand-overs, as an HDR histogram gives them. */
export const pipelineHandoverRowSchema = z.strictObject({
  row: z.literal("handover"),
  kind: z.literal("measured"),
  ...deploymentKeys,
  direction: z.enum(["a2f", "f2a"]).meta({ description: "To FFN, or to attention." }),
  percentile: z.number().min(0).max(100).meta({ description: "Percentage of hand-overs that took no longer." }),
  handoverNs: amount("measured", "ns", "How long these took at most, to three digits."),
  count: whole("Hand-overs in all.", 1),
});

export type PipelineRunRow = z.infer<typeof pipelineRunRowSchema>;
export type PipelineInstanceRow = z.infer<typeof pipelineInstanceRowSchema>;
export type PipelineLinkRow = z.infer<typeof pipelineLinkRowSchema>;
export type PipelineHandoverRow = z.infer<typeof pipelineHandoverRowSchema>;
export type PipelineRow = PipelineRunRow | PipelineInstanceRow | PipelineLinkRow | PipelineHandoverRow;
