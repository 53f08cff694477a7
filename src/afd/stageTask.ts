import { type SharedClock, sharedClock } from "../host/sharedClock.ts";
import type { KernelModule } from "../kernels/load.ts";
import { instanceIndex } from "./control.ts";
import { type ExpertTokens, expertTokensOf } from "./expertTokens.ts";
import { isCarried, type MessagePart } from "./message.ts";
import { Sleeper } from "./sleeper.ts";
import { bindAttentionStages, bindFfnStages } from "./stageModel.ts";
import type { AttentionStages, FfnStages, StagePlace } from "./stages.ts";
import { type Wiring, wiring } from "./wiring.ts";
import { divisionOf, isMoeLayer, type Work } from "./work.ts";

/** One stage of one instance as a task of a pool: the plain way, with messages in the task and its result. */
export interface StageTask {
  readonly job: "prepare" | "run" | "finish";
  readonly work: Work;
  readonly side: "attention" | "ffn";
  readonly instance: number;
  readonly memories: readonly WebAssembly.Memory[];
  readonly kernels: KernelModule | undefined;
  readonly clockOrigin: bigint;
  /** Where FFN instances count the tokens of their experts. */
  readonly expertTokens: SharedArrayBuffer;
  readonly place: StagePlace;
  /** From each peer; none where nothing was waited for. */
  readonly messages: readonly Uint8Array[];
}

export interface StageTaskResult {
  readonly beginNs: number;
  readonly endNs: number;
  /** To each peer. */
  readonly messages: readonly Uint8Array[];
  /** Rows that a step ended with, or that it begins with: outputs of the step before; attention alone. */
  readonly rows: readonly Float32Array[];
}

/** An instance as one worker knows it; its memory is shared, so that any worker of the pool can run its next stage. */
interface Bound {
  readonly stages:
    | { readonly side: "attention"; readonly of: AttentionStages }
    | { readonly side: "ffn"; readonly of: FfnStages };
  readonly wires: Wiring;
  readonly clock: SharedClock;
  /** Of an FFN instance. */
  readonly tokens: ExpertTokens | undefined;
}

const known = new Map<string, Bound>();

export default function runStageTask(task: StageTask): StageTaskResult {
  const { place, work } = task;
  const { stages, wires, clock, tokens } = boundOf(task);
  const isMoe = isMoeLayer(work, place.layer);
  const beginNs = clock();
  const { layers } = divisionOf(work);
  const cameMoe = stages.side === "ffn" ? isMoe : isMoeLayer(work, (place.layer + layers - 1) % layers);
  for (const [peer, message] of task.messages.entries())
    unpack(message, wires.incoming[peer]?.[place.microBatch] ?? [], cameMoe);
  let rows: readonly Float32Array[] = [];
  if (task.job === "prepare") stages.of.prepare();
  else if (task.job === "run") {
    stages.of.run(place);
    if (isMoe) tokens?.add(place);
  } else if (stages.side === "attention") rows = stages.of.finish(place.step - 1, place.microBatch);
  if (task.job === "run" && stages.side === "attention" && place.layer === 0) rows = stages.of.input(place);
  if (task.job === "run") sleepEmulated(task, clock, beginNs);
  const messages =
    task.job === "run" ? wires.outgoing.map((ofPeer) => pack(ofPeer[place.microBatch] ?? [], isMoe)) : [];
  return { beginNs, endNs: clock(), messages, rows: rows.map((row) => row.slice()) };
}

function boundOf(task: StageTask): Bound {
  const { work, side, instance, memories, kernels } = task;
  const key = `${side} ${instance}`;
  const memory = memories[instanceIndex(divisionOf(work), side, instance)] as WebAssembly.Memory;
  const before = known.get(key);
  // A shared memory that is handed over again is another object around the same bytes.
  if (before !== undefined) return before;
  const thread = { work, instance, memory, kernels, rank: 0, threads: 1 };
  const alone = (): void => {};
  const bound: Bound = {
    stages:
      side === "attention"
        ? { side, of: bindAttentionStages(thread, alone) }
        : { side, of: bindFfnStages(thread, alone) },
    wires: wiring(work, memories, side, instance),
    clock: sharedClock(task.clockOrigin),
    tokens: expertTokensOf(task, memory),
  };
  known.set(key, bound);
  return bound;
}

function sleepEmulated({ work, side }: StageTask, clock: SharedClock, beginNs: number): void {
  if (work.kind !== "emulated") return;
  const untilNs = beginNs + (side === "attention" ? work.emulated.attentionNs : work.emulated.ffnNs);
  const sleeper = new Sleeper(clock, false);
  const word = new Int32Array(new SharedArrayBuffer(4));
  while (clock() < untilNs) sleeper.sleep(word, 0, 0, untilNs, Number.POSITIVE_INFINITY);
}

function pack(parts: readonly MessagePart[], isMoe: boolean): Uint8Array {
  const sent = parts.filter((part) => isCarried(part, isMoe));
  const message = new Uint8Array(sent.reduce((sum, { source }) => sum + source.byteLength, 0));
  let at = 0;
  for (const { source } of sent) {
    message.set(source, at);
    at += source.byteLength;
  }
  return message;
}

function unpack(message: Uint8Array, parts: readonly MessagePart[], isMoe: boolean): void {
  let at = 0;
  for (const part of parts) {
    if (!isCarried(part, isMoe)) continue;
    const { target } = part;
    target.set(message.subarray(at, at + target.byteLength));
    at += target.byteLength;
  }
}
