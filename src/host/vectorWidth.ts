import { setFlagsFromString } from "node:v8";
import { InfeasibleError } from "../units/errors.ts";

/** Bits of a vector in compiled kernels: 128 as WebAssembly has them, or 256 where V8 fuses adjacent pairs. */
export type VectorBits = 128 | 256;

/** V8's name for it. */
export const revectorizeFlag = "--experimental-wasm-revectorize";

/** First major version of Node whose V8 fuses pairs; older ones do not know the flag, or ignore it. */
const firstNodeMajor = 24;

/** What this process has settled on; V8 keeps compiled code, so that it can't be changed once kernels were compiled. */
let settled: VectorBits | undefined;

/**
 * Settles, before the first kernel is compiled, how wide vectors are in this process: 256 where asked for, or where Node was started
 * with the flag.
 *
 * @throws InfeasibleError where this engine can't fuse vectors, or kernels of 128 bits have been compiled in this process.
 */
export function settleVectorBits(asked: VectorBits): VectorBits {
  if (settled === 256 || process.execArgv.includes(revectorizeFlag)) {
    settled = 256;
    return settled;
  }
  if (asked === 256) {
    const complaint = complaintAboutEngine(process.versions.node, process.arch);
    if (complaint !== undefined) throw new InfeasibleError(complaint);
    if (settled === 128) {
      throw new InfeasibleError(
        "--revectorize: this process has compiled kernels of 128 bits already; revectorize in a process of its own",
      );
    }
    setFlagsFromString(revectorizeFlag);
  }
  settled = asked;
  return settled;
}

/** Flags that this process gave to V8 itself, after Node was started. */
export function flagsSetHere(): string[] {
  return settled === 256 && !process.execArgv.includes(revectorizeFlag) ? [revectorizeFlag] : [];
}

/** Why V8 would fuse no vectors here; undefined where it does. */
export function complaintAboutEngine(nodeVersion: string, architecture: string): string | undefined {
  const major = Number(nodeVersion.split(".")[0]);
  if (major < firstNodeMajor) {
    return `--revectorize needs Node ${firstNodeMajor} or newer, this is Node ${nodeVersion}: leave it out, or install a newer Node`;
  }
  if (architecture !== "x64") {
    return `--revectorize needs an x64 processor with AVX2, this is ${architecture}: leave it out`;
  }
  return undefined;
}
