import type { Environment } from "../record/document.ts";
import { formatBytes, formatNumber } from "../units/format.ts";

/** Where a run was made, in one line. */
export function environmentLine(environment: Environment): string {
  const { afdbenchVersion, cpuModel, cpuCores, nodeVersion, nodeFlags, v8Version, target, date } = environment;
  const revectorized = nodeFlags.includes("--experimental-wasm-revectorize") ? ", revectorized" : "";
  const targetText = target === undefined ? "" : `, target ${target}${revectorized}`;
  const cores = `${cpuCores} core${cpuCores === 1 ? "" : "s"}`;
  return `afdbench ${afdbenchVersion} on ${cpuModel}, ${cores}, Node ${nodeVersion} (V8 ${v8Version})${targetText}, ${date}.`;
}

/** Everything about this machine and program, a name and a text each. */
export function environmentFacts(environment: Environment): string[][] {
  const { governor, nodeFlags, target, totalMemoryBytes, availableMemoryBytes } = environment;
  return [
    ["afdbench", environment.afdbenchVersion],
    ["processor", `${environment.cpuModel} (${environment.architecture})`],
    ["cores", `${environment.cpuCores}, load ${formatNumber(environment.loadAverage1m, 2)} over the last minute`],
    ...(governor === undefined ? [] : [["governor", governor]]),
    ["caches", cachesText(environment)],
    ["memory", `${formatBytes(totalMemoryBytes)}, ${formatBytes(availableMemoryBytes)} available`],
    ["system", environment.operatingSystem],
    ["Node", `${environment.nodeVersion}, V8 ${environment.v8Version}`],
    ["flags", nodeFlags.length > 0 ? nodeFlags.join(" ") : "none"],
    ...(target === undefined ? [] : [["target", target]]),
    ["date", environment.date],
  ];
}

function cachesText({ l1dBytes, l2Bytes, l3Bytes, cachesDetected }: Environment): string {
  const l3 = l3Bytes === undefined ? "" : `, L3 ${formatBytes(l3Bytes)}`;
  const assumed = cachesDetected ? "" : " (assumed: the system does not say)";
  return `L1d ${formatBytes(l1dBytes)}, L2 ${formatBytes(l2Bytes)}${l3}${assumed}`;
}
