import type { BarrierWords } from "../host/waiting.ts";

/**
 * The words that the main thread and the kernel threads share.
 *
 * Int32: job number (raised to start a job, negative to end), job done, calls of a job, threads at the barrier, barrier generation.
 * Float64 from byte 64: nanoseconds of each segment of the last job.
 */
export const word = { job: 0, done: 1, calls: 2, atBarrier: 3, generation: 4 } as const;
export const maxSegments = 4;
const timesOffsetBytes = 64;

export function createControl(): SharedArrayBuffer {
  return new SharedArrayBuffer(timesOffsetBytes + maxSegments * 8);
}

export function controlWords(control: SharedArrayBuffer): Int32Array<SharedArrayBuffer> {
  return new Int32Array(control, 0, timesOffsetBytes / 4);
}

export function segmentTimes(control: SharedArrayBuffer): Float64Array<SharedArrayBuffer> {
  return new Float64Array(control, timesOffsetBytes, maxSegments);
}

/** Where all threads of a program meet. */
export function meetingPlace(words: Int32Array<SharedArrayBuffer>): BarrierWords {
  return { words, atBarrier: word.atBarrier, generation: word.generation };
}
