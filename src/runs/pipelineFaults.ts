import { checkFaults } from "../afd/checkFaults.ts";
import type { Fault } from "../afd/faults.ts";
import { formatFault, formatFaults, parseFaults } from "../afd/faultSpec.ts";
import { randomFaults } from "../afd/randomFaults.ts";
import { divisionOf, type Work } from "../afd/work.ts";
import { InvalidInputError } from "../units/errors.ts";
import type { PipelineSettings } from "./pipelineSettings.ts";

/**
 * The faults of a run: those given, and seeded ones that the run has a place for beside them.
 * @throws InvalidInputError on one that cannot be read, or strikes what the run does not have
 */
export function pipelineFaults(
  { faults, faultRate, seed }: PipelineSettings,
  work: Work,
): readonly Fault[] {
  const division = divisionOf(work);
  const all = faults === undefined ? [] : [...parseFaults(faults)];
  checkFaults(all, division);
  if (faultRate === 0) return all;
  const fits = (fault: Fault): boolean => {
    try {
      checkFaults([...all, fault], division);
      return true;
    } catch (error) {
      if (error instanceof InvalidInputError) return false;
      throw error;
    }
  };
  for (const fault of randomFaults({ division, rate: faultRate, seed })) if (fits(fault)) all.push(fault);
  return all;
}

const mostNamed = 12;

/** Faults as --faults takes them, so that a run with seeded ones can be had again without. */
export function faultsText(faults: readonly Fault[]): string {
  if (faults.length <= mostNamed) return `Faults: ${formatFaults(faults)}.`;
  return `Faults: ${faults.slice(0, mostNamed).map(formatFault).join(",")} and ${faults.length - mostNamed} more.`;
}
