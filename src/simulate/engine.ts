import FlatQueue from "flatqueue";
import type { Slice } from "../record/slice.ts";
import { InfeasibleError } from "../units/errors.ts";
import type { Cluster } from "./cluster.ts";
import type { DecodeLoad } from "./decodeLoad.ts";
import { outageSlice, startOutside } from "./outages.ts";
import { PS_PER_NS } from "./picoseconds.ts";
import { jitterFactors, seededRandom } from "./random.ts";
import { type SideState, sideState } from "./sideState.ts";
import { COLUMNS, transferTable } from "./transferTable.ts";
import { type BusyPs, busyPs, type Utilization, utilizationOf } from "./utilization.ts";

/** Kinds of events, in the order in which those of one time and micro-batch come. */
const ATTENTION_READY = 0;
const ATTENTION_DONE = 1;
const DISPATCH = 2;
const FFN_READY = 3;
const FFN_DONE = 4;
const COMBINE = 5;
const STEP_END = 6;
const KINDS = 7;

/**
 * A discrete-event simulation of attention and FFN instances.
 *
 * Instances and links serve in the order of arrival. An attention instance that has finished a micro-batch sends its part to
 * all FFN instances; these begin it when all parts have come, and send it back; attention goes on with its next layer when
 * all FFN instances have answered. A message is received while it is sent: it has arrived when neither link is still busy
 * with it, and its latency has passed. Events are those of instances, never of pairs.
 */
export class ClusterEngine {
  readonly #cluster: Cluster;
  readonly #load: DecodeLoad;
  readonly #onSlice: ((slice: Slice) => void) | undefined;
  readonly #factor: (() => number) | undefined;
  readonly #delayPs: (() => number) | undefined;
  readonly #queue: FlatQueue;
  readonly #mostInstances: number;
  /** Events of one time, to be taken in the order of their numbers. */
  readonly #batch: Uint32Array;
  #events = 0;
  #nowPs = 0;

  readonly #layers: Float64Array;
  readonly #sides: { readonly attention: SideState; readonly ffn: SideState };
  readonly #layerOf: Uint32Array;
  readonly #stepOf: Int32Array;
  #window: { readonly fromPs: number; readonly busyPs: BusyPs } | undefined;
  #utilization: Utilization | undefined;

  constructor(cluster: Cluster, load: DecodeLoad, onSlice?: (slice: Slice) => void) {
    const { attentionInstances, ffnInstances, microBatches } = cluster;
    this.#cluster = cluster;
    this.#load = load;
    this.#onSlice = onSlice;
    this.#factor = jitterFactors(cluster.jitter, seededRandom(cluster.seed, JITTER_STREAM));
    this.#delayPs = delays(cluster);
    this.#mostInstances = Math.max(attentionInstances, ffnInstances);
    const mostEvents = microBatches * (this.#mostInstances + 1);
    this.#queue = new FlatQueue(mostEvents);
    this.#batch = new Uint32Array(mostEvents);
    this.#layers = transferTable(cluster.layers);
    this.#sides = { attention: sideState("attention", cluster), ffn: sideState("ffn", cluster) };
    this.#layerOf = new Uint32Array(microBatches);
    this.#stepOf = new Int32Array(microBatches).fill(-1);
    for (let microBatch = 0; microBatch < microBatches; microBatch += 1) this.#startStep(microBatch, 0);
    if (onSlice !== undefined) for (const outage of cluster.outages) onSlice(outageSlice(outage));
  }

  /** Events so far. */
  get events(): number {
    return this.#events;
  }

  get nowNs(): number {
    return this.#nowPs / PS_PER_NS;
  }

  /**
   * Simulates about this many events on.
   * @returns whether any are left
   * @throws InfeasibleError where the simulated time leaves the exact integers: 2.5 hours of picoseconds
   */
  advance(events: number): boolean {
    const queue = this.#queue;
    const end = this.#events + events;
    while (this.#events < end) {
      if (queue.length === 0) {
        this.#closeWindow();
        return false;
      }
      const now = queue.peekValue() as number;
      if (now > Number.MAX_SAFE_INTEGER) throw new InfeasibleError(TOO_LONG);
      this.#nowPs = now;
      let count = 0;
      while (queue.length > 0 && queue.peekValue() === now) {
        this.#batch[count] = queue.pop() as number;
        count += 1;
      }
      if (count > 1) this.#batch.subarray(0, count).sort();
      for (let index = 0; index < count; index += 1) this.#handle(this.#batch[index] as number, now);
      this.#events += count;
    }
    return queue.length > 0;
  }

  /** Of the time in which the load was measuring; undefined where it never was. */
  utilization(): Utilization | undefined {
    return this.#utilization;
  }

  #push(kind: number, microBatch: number, instance: number, atPs: number): void {
    this.#queue.push((microBatch * KINDS + kind) * this.#mostInstances + instance, atPs);
  }

  #handle(event: number, now: number): void {
    const instance = event % this.#mostInstances;
    const rest = (event - instance) / this.#mostInstances;
    const kind = rest % KINDS;
    const microBatch = (rest - kind) / KINDS;
    const { attention, ffn } = this.#sides;
    switch (kind) {
      case ATTENTION_READY:
        this.#push(ATTENTION_DONE, microBatch, instance, this.#compute(attention, instance, microBatch, now));
        return;
      case ATTENTION_DONE:
        this.#send(attention, instance, microBatch, now, DISPATCH);
        return;
      case DISPATCH:
        this.#receive(attention, ffn, microBatch, now);
        return;
      case FFN_READY:
        this.#push(FFN_DONE, microBatch, instance, this.#compute(ffn, instance, microBatch, now));
        return;
      case FFN_DONE:
        this.#send(ffn, instance, microBatch, now, COMBINE);
        return;
      case COMBINE:
        this.#receive(ffn, attention, microBatch, now);
        return;
      default:
        this.#startStep(microBatch, now);
    }
  }

  /** Puts work into an instance's queue; gives its end. */
  #compute(side: SideState, instance: number, microBatch: number, now: number): number {
    const layer = this.#layerOf[microBatch] as number;
    let workPs = side.workPs[instance * side.layers + layer] as number;
    workPs *= side.perInstance
      ? (this.#load.attention[instance * this.#cluster.microBatches + microBatch] as number)
      : (this.#load.ffn[microBatch] as number);
    if (this.#factor !== undefined) workPs *= this.#factor();
    workPs = Math.round(workPs);
    const startPs = startOutside(side.outages[instance], Math.max(now, side.freePs[instance] as number), workPs);
    const endPs = startPs + workPs;
    side.freePs[instance] = endPs;
    side.busyPs[instance] = (side.busyPs[instance] as number) + workPs;
    if (this.#onSlice !== undefined) this.#slice(side, instance, "compute", microBatch, startPs, endPs);
    return endPs;
  }

  /** Sends a part of a micro-batch; the last part to start has the receivers begin. */
  #send(side: SideState, instance: number, microBatch: number, now: number, kind: number): void {
    const occupiedPs = this.#occupiedPs(side.sendColumn, microBatch);
    const startPs = Math.max(now, side.sendFreePs[instance] as number);
    const endPs = startPs + occupiedPs;
    side.sendFreePs[instance] = endPs;
    side.linkBusyPs[instance] = (side.linkBusyPs[instance] as number) + occupiedPs;
    if (this.#onSlice !== undefined && occupiedPs > 0) {
      this.#slice(side, instance, "sending", microBatch, startPs, endPs);
    }
    const parts = side.gather;
    const count = (parts.count[microBatch] as number) + 1;
    if (count === 1) {
      parts.firstStartPs[microBatch] = startPs;
      parts.lastStartPs[microBatch] = startPs;
      parts.lastEndPs[microBatch] = endPs;
    } else {
      parts.firstStartPs[microBatch] = Math.min(parts.firstStartPs[microBatch] as number, startPs);
      parts.lastStartPs[microBatch] = Math.max(parts.lastStartPs[microBatch] as number, startPs);
      parts.lastEndPs[microBatch] = Math.max(parts.lastEndPs[microBatch] as number, endPs);
    }
    parts.count[microBatch] = count === side.instances ? 0 : count;
    if (count === side.instances) this.#push(kind, microBatch, 0, parts.lastStartPs[microBatch] as number);
  }

  /** All parts are under way: each receiver's link takes them in, and no faster than they are sent. */
  #receive(from: SideState, to: SideState, microBatch: number, now: number): void {
    const occupiedPs = this.#occupiedPs(to.receiveColumn, microBatch);
    const lastPartPs = Math.ceil(occupiedPs / from.instances);
    const firstStartPs = from.gather.firstStartPs[microBatch] as number;
    const lastEndPs = from.gather.lastEndPs[microBatch] as number;
    const latencyPs = this.#layers[(this.#layerOf[microBatch] as number) * COLUMNS + from.latencyColumn] as number;
    const kind = this.#nextAfter(from, microBatch);
    let arrivedPs = 0;
    for (let instance = 0; instance < to.instances; instance += 1) {
      const startPs = Math.max(firstStartPs, to.receiveFreePs[instance] as number);
      const endPs = Math.max(startPs + occupiedPs, now + lastPartPs);
      to.receiveFreePs[instance] = endPs;
      to.linkBusyPs[instance] = (to.linkBusyPs[instance] as number) + occupiedPs;
      if (this.#onSlice !== undefined && occupiedPs > 0) {
        this.#slice(to, instance, "receiving", microBatch, startPs, endPs);
      }
      const delayPs = this.#delayPs === undefined ? 0 : this.#delayPs();
      const atPs = Math.max(endPs, lastEndPs) + latencyPs + delayPs;
      if (kind === STEP_END) arrivedPs = Math.max(arrivedPs, atPs);
      else this.#push(kind, microBatch, instance, atPs);
    }
    if (from.name === "ffn") this.#layerOf[microBatch] = this.#layerAfter(microBatch);
    if (kind === STEP_END) this.#push(STEP_END, microBatch, 0, arrivedPs);
  }

  #nextAfter(from: SideState, microBatch: number): number {
    if (from.name === "attention") return FFN_READY;
    return this.#layerAfter(microBatch) === 0 ? STEP_END : ATTENTION_READY;
  }

  #layerAfter(microBatch: number): number {
    return ((this.#layerOf[microBatch] as number) + 1) % this.#cluster.layers.length;
  }

  #occupiedPs(column: number, microBatch: number): number {
    const fullPs = this.#layers[(this.#layerOf[microBatch] as number) * COLUMNS + column] as number;
    return Math.round(fullPs * (this.#load.transfer[microBatch] as number));
  }

  #startStep(microBatch: number, now: number): void {
    const startNs = this.#load.nextStep(microBatch, now / PS_PER_NS);
    if (this.#load.measuring) this.#window ??= { fromPs: now, busyPs: this.#busyPs() };
    else this.#closeWindow();
    if (startNs === undefined) return;
    if (startNs > now / PS_PER_NS) {
      this.#push(STEP_END, microBatch, 0, Math.max(now + 1, Math.ceil(startNs * PS_PER_NS)));
      return;
    }
    this.#stepOf[microBatch] = (this.#stepOf[microBatch] as number) + 1;
    for (let instance = 0; instance < this.#cluster.attentionInstances; instance += 1) {
      this.#push(ATTENTION_READY, microBatch, instance, now);
    }
  }

  #closeWindow(): void {
    if (this.#window === undefined || this.#utilization !== undefined) return;
    const { fromPs, busyPs: before } = this.#window;
    this.#utilization = utilizationOf(before, this.#busyPs(), this.#nowPs - fromPs, this.#cluster);
  }

  #busyPs(): BusyPs {
    return busyPs(this.#sides.attention, this.#sides.ffn);
  }

  #slice(
    side: SideState,
    instance: number,
    lane: Slice["lane"],
    microBatch: number,
    startPs: number,
    endPs: number,
  ): void {
    this.#onSlice?.({
      side: side.name,
      instance,
      lane,
      microBatch,
      step: this.#stepOf[microBatch] as number,
      layer: this.#layerOf[microBatch] as number,
      startNs: startPs / PS_PER_NS,
      endNs: endPs / PS_PER_NS,
    });
  }
}

const JITTER_STREAM = 1;
const LATENCY_STREAM = 4;
const TOO_LONG =
  "the simulated time exceeds 2.5 hours, beyond which picoseconds are not exact: take fewer steps or requests";

/** Draws what is added to latencies; undefined where nothing is. */
function delays({ latencyJitterNs, seed }: Cluster): (() => number) | undefined {
  if (latencyJitterNs === 0) return undefined;
  const { uniform } = seededRandom(seed, LATENCY_STREAM);
  return () => Math.round(latencyJitterNs * PS_PER_NS * uniform());
}
