import type { KernelModule } from "../kernels/load.ts";
import type { ControlBuffers } from "./control.ts";
import type { Fault, Recovery } from "./faults.ts";
import type { Network } from "./network.ts";
import type { StepLogBuffers } from "./stepLog.ts";
import type { Work } from "./work.ts";

/** What one thread of an instance is given. Memories, control and logs are shared. */
export interface InstanceTask {
  readonly work: Work;
  readonly side: "attention" | "ffn";
  readonly instance: number;
  readonly rank: number;
  readonly threads: number;
  /** Absent where stages are emulated. */
  readonly kernels: KernelModule | undefined;
  /** Of all instances, attention first. */
  readonly memories: readonly WebAssembly.Memory[];
  readonly control: ControlBuffers;
  readonly clockOrigin: bigint;
  readonly network: Network;
  readonly faults: readonly Fault[];
  readonly recovery: Recovery;
  readonly stageLog: SharedArrayBuffer;
  readonly stepLog: StepLogBuffers;
  readonly expertTokens: SharedArrayBuffer;
  /** Steps of the run that this membership of instances decodes. */
  readonly firstStep: number;
  readonly lastStep: number;
  /** 0 at first; then how often the instance has been restarted. */
  readonly restarts: number;
  readonly maySpin: boolean;
  /** Jobs that the instance's threads have been handed before; a restarted thread waits for the next. */
  readonly jobsSeen: number;
  readonly seed: number;
}
