import { tmpdir } from "node:os";
import { join } from "node:path";
import type { EmulatedWork } from "../../src/afd/emulatedWork.ts";
import { parseFaults } from "../../src/afd/faultSpec.ts";
import { noNetwork } from "../../src/afd/network.ts";
import type { PipelinePlan } from "../../src/afd/pipeline.ts";
import { microBatchesOf } from "./works.ts";

// Threads of these tests read TypeScript: what Node has made of it once is kept for the next one.
process.env["NODE_COMPILE_CACHE"] ??= join(tmpdir(), "afdbench-compile-cache");

/** What a test changes of a plan: of its emulated stages, of its recovery, or of the rest. */
export interface PlanChanges {
  readonly sizes?: readonly number[];
  readonly stages?: Partial<EmulatedWork>;
  readonly recovery?: Partial<PipelinePlan["recovery"]>;
  readonly plan?: Partial<PipelinePlan>;
}

/** A run of emulated stages of 100 us: 2A2F, 3 steps of 2 layers, micro-batches of 3 and 2 sequences. */
export function emulatedPlan(faults: string, changes: PlanChanges = {}): PipelinePlan {
  const { sizes = [3, 2], stages, recovery, plan } = changes;
  const emulated: EmulatedWork = {
    attentionInstances: 2,
    ffnInstances: 2,
    microBatches: microBatchesOf(sizes),
    layers: 2,
    steps: 3,
    attentionNs: 100e3,
    ffnNs: 100e3,
    jitter: { kind: "none" },
    rowBytes: 16,
    seed: 3,
    ...stages,
  };
  return {
    work: { kind: "emulated", emulated },
    threadsPerInstance: 1,
    kernels: undefined,
    network: noNetwork,
    faults: faults === "" ? [] : parseFaults(faults),
    recovery: { retries: 3, retransmitNs: 10e6, watchdogNs: 1e9, ...recovery },
    seed: 3,
    cores: 2,
    availableBytes: 2 ** 30,
    signal: new AbortController().signal,
    onProgress: () => {},
    ...plan,
  };
}
