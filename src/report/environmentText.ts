import type { Environment } from "../record/document.ts";
import { formatBytes } from "../units/format.ts";

/** Where a run was made, in one line. */
export function environmentLine(environment: Environment): string {
  const { afdbenchVersion, cpu, cores, node, v8, target, date } = environment;
  const targetText = target === undefined ? "" : `, target ${target}`;
  return `afdbench ${afdbenchVersion} on ${cpu}, ${cores} core${cores === 1 ? "" : "s"}, Node ${node} (V8 ${v8})${targetText}, ${date}.`;
}

/** Everything about this machine and program, a name and a text each. */
export function environmentFacts(environment: Environment): string[][] {
  const { l1Bytes, l2Bytes, l3Bytes, target, relaxedSimd, flags } = environment;
  const caches = Object.entries({ L1: l1Bytes, L2: l2Bytes, L3: l3Bytes }).flatMap(([level, bytes]) =>
    bytes === undefined ? [] : [`${level} ${formatBytes(bytes)}`],
  );
  return [
    ["afdbench", environment.afdbenchVersion],
    ["processor", `${environment.cpu} (${environment.architecture})`],
    ["cores", String(environment.cores)],
    ...(caches.length > 0 ? [["caches", caches.join(", ")]] : []),
    ["memory", formatBytes(environment.memoryBytes)],
    ["system", environment.platform],
    ["node", `${environment.node}, V8 ${environment.v8}`],
    ["flags", flags.length > 0 ? flags.join(" ") : "none"],
    ...(relaxedSimd === undefined ? [] : [["relaxed SIMD", relaxedSimd ? "yes" : "no"]]),
    ...(target === undefined ? [] : [["target", target]]),
    ["date", environment.date],
  ];
}
