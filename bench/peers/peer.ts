import type { Work } from "../works.ts";

/** A work that a peer is ready to run. */
export interface PeerRun {
  /** Computes once, to the last value. */
  call(): Promise<void> | void;
  /** The result of the last call, [rows][width]. */
  output(): Float32Array;
  dispose(): Promise<void> | void;
}

/** Another library that computes the same, on one thread. */
export interface Peer {
  readonly name: string;
  readonly runs: "wasm" | "native";
  /** Gets ready for a work, weights packed; undefined where the library has nothing for it. */
  prepare(work: Work): Promise<PeerRun | undefined>;
}
