/** Where in a run a fault strikes: when a stage begins, or on the message that it sends. All count from 0. */
export interface FaultPlace {
  readonly step: number;
  readonly layer: number;
  readonly microBatch: number;
}

export type FaultSide = "attention" | "ffn";

/** An instance of one side, from 0. */
export interface FaultInstance {
  readonly side: FaultSide;
  readonly instance: number;
}

/** What happens to an instance's worker when a stage begins. */
export const crashKinds = ["exit", "throw", "outOfMemory", "hang"] as const;
/** What happens to one message, whose sender and receiver are given. */
export const messageFaultKinds = ["drop", "duplicate", "reorder", "corrupt", "delay"] as const;

export type CrashFault = {
  readonly kind: (typeof crashKinds)[number];
  readonly at: FaultInstance;
  readonly place: FaultPlace;
};

/** Stages of an instance take `factor` times as long in steps `firstStep` to `lastStep`. */
export type SlowFault = {
  readonly kind: "slow";
  readonly at: FaultInstance;
  readonly factor: number;
  readonly firstStep: number;
  readonly lastStep: number;
};

export type MessageFault = {
  readonly kind: (typeof messageFaultKinds)[number];
  readonly from: FaultInstance;
  /** An instance of the other side. */
  readonly to: number;
  readonly place: FaultPlace;
  /** How much later it arrives; only of `delay`. */
  readonly delayNs: number;
};

/** All messages between two instances arrive later in steps `firstStep` to `lastStep`. */
export type SlowLinkFault = {
  readonly kind: "slowLink";
  readonly from: FaultInstance;
  readonly to: number;
  readonly delayNs: number;
  readonly firstStep: number;
  readonly lastStep: number;
};

/** From this step on there is one instance more, or fewer. */
export type MembershipFault = {
  readonly kind: "add" | "remove";
  readonly side: FaultSide;
  readonly step: number;
};

/** A fault of a run; its index in the run's list is its name. */
export type Fault = CrashFault | SlowFault | MessageFault | SlowLinkFault | MembershipFault;

export function isCrash(fault: Fault): fault is CrashFault {
  return (crashKinds as readonly string[]).includes(fault.kind);
}

export function isMessageFault(fault: Fault): fault is MessageFault {
  return (messageFaultKinds as readonly string[]).includes(fault.kind);
}

/** What restarts, retransmissions and waiting for them may cost before a run is given up. */
export interface Recovery {
  /** Restarts of one instance, and retransmissions of one message, at most. */
  readonly retries: number;
  /** A message that its sender has sent and that has not come is asked for again after this time. */
  readonly retransmitNs: number;
  /** An instance that shows no sign of life for this long is taken for hung. */
  readonly watchdogNs: number;
}
