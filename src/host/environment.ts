import { readFileSync } from "node:fs";
import { availableParallelism, cpus, loadavg, release, totalmem, type } from "node:os";
import { flagsSetHere } from "./vectorWidth.ts";

/** This machine and this Node at one moment; flat, so that it can stand in a record. */
export interface HostEnvironment {
  /** Name of the processor, as the operating system gives it. */
  readonly cpuModel: string;
  /** Logical processors that this process may use. */
  readonly cpuCores: number;
  /** As Node names it: `x64`, `arm64`. */
  readonly architecture: string;
  readonly totalMemoryBytes: number;
  /** Memory that this process may still take, with a container's limit. */
  readonly availableMemoryBytes: number;
  /** Name and release. */
  readonly operatingSystem: string;
  readonly nodeVersion: string;
  readonly v8Version: string;
  /** Flags given to Node, on the command line and in NODE_OPTIONS, and those that this program set itself. */
  readonly nodeFlags: readonly string[];
  /** ISO 8601, UTC. */
  readonly date: string;
  /** Mean number of runnable threads over the last minute; above cpuCores, times are not to be trusted. */
  readonly loadAverage1m: number;
  /** How the processor picks its clock; absent where the operating system does not say. */
  readonly governor?: string;
}

/** Reads this machine and this Node as they are now. */
export function readEnvironment(): HostEnvironment {
  const governor = readGovernor();
  return {
    cpuModel: cpus()[0]?.model.trim() || "unknown",
    cpuCores: availableParallelism(),
    architecture: process.arch,
    totalMemoryBytes: totalmem(),
    availableMemoryBytes: process.availableMemory(),
    operatingSystem: `${type()} ${release()}`,
    nodeVersion: process.versions.node,
    v8Version: process.versions.v8,
    nodeFlags: [...nodeFlags(process.execArgv, process.env["NODE_OPTIONS"]), ...flagsSetHere()],
    date: new Date().toISOString(),
    loadAverage1m: loadavg()[0] ?? 0,
    ...(governor === undefined ? {} : { governor }),
  };
}

/** Flags of the command line, then those of NODE_OPTIONS. */
export function nodeFlags(execArgv: readonly string[], nodeOptions = ""): string[] {
  return [...execArgv, ...nodeOptions.split(/\s+/).filter((flag) => flag !== "")];
}

function readGovernor(): string | undefined {
  try {
    return readFileSync("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor", "utf8").trim();
  } catch {
    return undefined;
  }
}
