/** What the two threads of bench/wire.bench.ts run: one end of a ping-pong. */
import { Control, type ControlBuffers } from "../src/afd/control.ts";
import { messageParts } from "../src/afd/message.ts";
import { noNetwork } from "../src/afd/network.ts";
import { Port } from "../src/afd/port.ts";
import type { Division } from "../src/afd/work.ts";
import { sharedClock } from "../src/host/sharedClock.ts";

export interface PeerTask {
  readonly how: "bare" | "copy" | "wire" | "echo";
  /** 0 begins. */
  readonly end: 0 | 1;
  readonly rounds: number;
  readonly warmups: number;
  readonly bytes: number;
  /** Of each end: what it sends lies first, then what it gets. */
  readonly memories: readonly SharedArrayBuffer[];
  readonly words: SharedArrayBuffer;
  readonly control: ControlBuffers;
  readonly division: Division;
  readonly clockOrigin: bigint;
  readonly maySpin: boolean;
}

export interface PeerResult {
  /** A round trip is two hand-overs. */
  readonly nsPerHandover: number;
  /** Of this thread, over the counted rounds. */
  readonly heapGrowthBytes: number;
}

export default function runPeer(task: PeerTask): PeerResult {
  if (task.how === "echo") return { nsPerHandover: 0, heapGrowthBytes: 0 };
  const play = task.how === "wire" ? wireEnd(task) : bareEnd(task);
  for (let round = 1; round <= task.warmups; round++) play(round);
  const heapBytes = process.memoryUsage().heapUsed;
  const began = performance.now();
  for (let round = 1; round <= task.rounds; round++) play(task.warmups + round);
  const took = performance.now() - began;
  return {
    nsPerHandover: (took * 1e6) / (2 * task.rounds),
    heapGrowthBytes: process.memoryUsage().heapUsed - heapBytes,
  };
}

/** One word a direction that the other end polls; with `copy` after a copy of the message. */
function bareEnd({ how, words: buffer, end, bytes, memories }: PeerTask): (round: number) => void {
  const words = new Int32Array(buffer);
  const source = new Uint8Array(memories[end] as SharedArrayBuffer, 0, bytes);
  const target = new Uint8Array(memories[1 - end] as SharedArrayBuffer, bytes, bytes);
  const give = (round: number): void => {
    if (how === "copy") target.set(source);
    Atomics.store(words, end * 16, round);
  };
  const get = (round: number): void => {
    while (Atomics.load(words, (1 - end) * 16) !== round);
  };
  return (round) => {
    if (end === 1) get(round);
    give(round);
    if (end === 0) get(round);
  };
}

/** An attention and an FFN instance's ports, with a message of so many bytes each way. */
function wireEnd(task: PeerTask): (round: number) => void {
  const { end, bytes, memories, division } = task;
  const control = new Control(division, 0, task.control);
  const part = (from: number) => {
    const tensor = (address: number) => ({ key: "rows", address, rowBytes: bytes, rows: 1, layers: "all" as const });
    const range = { first: 0, rows: 1 };
    const [source, target] = [memories[from] as SharedArrayBuffer, memories[1 - from] as SharedArrayBuffer];
    return [
      [
        messageParts(
          { memory: source, tensors: [tensor(0)], range },
          { memory: target, tensors: [tensor(bytes)], range },
        ),
      ],
    ];
  };
  const port = new Port({
    ...{ control, instance: end, clock: sharedClock(task.clockOrigin), network: noNetwork, seed: 1, faults: [] },
    ...{ outgoing: part(end), incoming: part(1 - end), isMoe: [false], retransmitNs: 1e9, retries: 0 },
    maySpin: task.maySpin,
  });
  const numbers = new Int32Array(1);
  const get = (round: number): void => {
    numbers[0] = round;
    port.take(port.awaitAny(numbers));
  };
  return (round) => {
    if (end === 1) get(round);
    port.push(0, round, 0, 0);
    if (end === 0) get(round);
  };
}
