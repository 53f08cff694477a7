import type { CrashFault } from "./faults.ts";

/** Brings down the worker that calls it, the way the fault says. */
export function crashNow(kind: CrashFault["kind"], words: Int32Array<SharedArrayBuffer>, neverWord: number): void {
  switch (kind) {
    case "exit":
      process.exit(1);
      break;
    case "throw":
      throw new Error("a fault was injected: exception");
    case "outOfMemory":
      exhaustHeap();
      break;
    case "hang":
      Atomics.wait(words, neverWord, 0);
  }
}

/** Fills the worker's heap until the engine ends it. */
function exhaustHeap(): void {
  for (const kept: number[][] = []; ; ) kept.push(new Array<number>(1 << 16).fill(Math.random()));
}
