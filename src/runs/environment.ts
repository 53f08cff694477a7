import { readCaches } from "../host/caches.ts";
import { readEnvironment } from "../host/environment.ts";
import { pickTarget, type Target } from "../kernels/target.ts";
import { DOCUMENT_SCHEMA, type Environment } from "../record/document.ts";
import type { EnvDocument } from "../record/schemas.ts";
import { InfeasibleError } from "../units/errors.ts";
import { packageVersion } from "./version.ts";

/** This machine and this program, as every document states them; `target` where kernels are at work. */
export function recordEnvironment(target?: Target): Environment {
  const { l1d, l2, l3, detected } = readCaches();
  const host = readEnvironment();
  return {
    afdbenchVersion: packageVersion(),
    ...host,
    nodeFlags: [...host.nodeFlags],
    l1dBytes: l1d.sizeBytes,
    l2Bytes: l2.sizeBytes,
    ...(l3 === undefined ? {} : { l3Bytes: l3.sizeBytes }),
    cachesDetected: detected,
    ...(target === undefined ? {} : { target }),
  };
}

/** This machine, and the target that kernels would run on here. */
export async function env(): Promise<EnvDocument> {
  const { target, notes } = await targetHere();
  const environment = recordEnvironment(target);
  return {
    schema: DOCUMENT_SCHEMA,
    command: "env",
    environment,
    rows: [{ kind: "measured", ...environment }],
    notes,
  };
}

/** A machine that no kernel runs on still has an environment: the reason becomes a note. */
async function targetHere(): Promise<{ target?: Target; notes: string[] }> {
  try {
    return { target: await pickTarget(undefined), notes: [] };
  } catch (error) {
    if (error instanceof InfeasibleError) return { notes: [error.message] };
    throw error;
  }
}
