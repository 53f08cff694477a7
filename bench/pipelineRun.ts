import { noNetwork } from "../src/afd/network.ts";
import type { PipelineRunRow } from "../src/record/pipelineRows.ts";
import { pipeline } from "../src/runs/pipeline.ts";
import type { PipelineSettings, StageChoice } from "../src/runs/pipelineSettings.ts";

/** One attention and one FFN instance on a thread each, three micro-batches, without network and faults. */
export function pipelineSettings(stages: StageChoice): PipelineSettings {
  return {
    attentionInstances: [1],
    ffnInstances: [1],
    microBatching: { kind: "counts", counts: [3] },
    stages,
    batch: undefined,
    steps: 24,
    warmUpSteps: 4,
    threadsPerInstance: 1,
    wire: "shared",
    network: noNetwork,
    faults: undefined,
    faultRate: 0,
    recovery: { retries: 0, retransmitNs: 1e9, watchdogNs: 60e9 },
    seed: 1,
    check: "bits",
    signal: new AbortController().signal,
    onProgress() {},
  };
}

/** The row of a single run. */
export async function pipelineRow(settings: PipelineSettings): Promise<PipelineRunRow> {
  const { document } = await pipeline(settings);
  const row = document.rows.find((each) => each.row === "run");
  if (row === undefined) throw new Error("a run gave no row");
  return row;
}
