import { InvalidInputError } from "../units/errors.ts";
import { parseDurationNs, parseNames, parseNumber } from "../units/parse.ts";
import { DURATION_UNITS } from "../units/prefixes.ts";
import {
  crashKinds,
  type Fault,
  type FaultInstance,
  type FaultPlace,
  type FaultSide,
  isCrash,
  isMessageFault,
  messageFaultKinds,
} from "./faults.ts";

/** What the grammar calls each kind; `oom` is another word for `outOfMemory`. */
export const faultKinds = [...crashKinds, ...messageFaultKinds, "slow", "slowLink", "add", "remove"] as const;
export type FaultKind = (typeof faultKinds)[number];

const faultsFlag = "--faults";
const mostSlowdown = 1000;

const ITEM = /^([A-Za-z]*):(.*)$/s;
const INSTANCE = String.raw`([AF])(\d{1,6})`;
const PLACE = String.raw`@(\d{1,9})(?:\.(\d{1,9})(?:\.(\d{1,9}))?)?`;
const STEPS = String.raw`@(\d{1,9})(?:\.\.(\d{1,9}))?`;
const CRASH = new RegExp(`^${INSTANCE}${PLACE}$`);
const SLOW = new RegExp(`^${INSTANCE}x([\\d.]+)${STEPS}$`);
const MESSAGE = new RegExp(`^${INSTANCE}-${INSTANCE}${PLACE}(?:\\+(.+))?$`);
const SLOW_LINK = new RegExp(`^${INSTANCE}-${INSTANCE}${STEPS}\\+(.+)$`);
const MEMBERSHIP = /^([AF])@(\d{1,9})$/;

/** How an item of each kind is written. */
const forms: Readonly<Record<"crash" | "message" | "delay" | "slow" | "slowLink" | "membership", string>> = {
  crash: "INSTANCE@STEP.LAYER.MICROBATCH, such as exit:A0@2.1.0 (from 0; layer and micro-batch may be left out)",
  message: "FROM-TO@STEP.LAYER.MICROBATCH, such as drop:A0-F1@2.1.0 (layer and micro-batch may be left out)",
  delay: "FROM-TO@STEP.LAYER.MICROBATCH+TIME, such as delay:A0-F1@2.1.0+5ms",
  slow: "INSTANCExFACTOR@STEPS, such as slow:F1x3@2..5",
  slowLink: "FROM-TO@STEPS+TIME, such as slowLink:F0-A1@2..5+3ms",
  membership: "SIDE@STEP, such as add:A@4 or remove:F@3",
};

/**
 * Faults from a comma-separated list of `KIND:WHERE`. Instances are A0, A1 … (attention) and F0, F1 … (FFN); all counts begin
 * with 0, ranges of steps hold both ends.
 *
 * Crashes `exit:A0@2.1.0`, `throw`, `outOfMemory` (`oom`), `hang`; messages `drop:A0-F1@2.1.0`, `duplicate`, `reorder`, `corrupt`,
 * `delay:A0-F1@2.1.0+5ms`; `slow:F1x3@2..5`, `slowLink:F0-A1@2..5+3ms`; `add:A@4`, `remove:F@3`. Whether a run has such instances
 * and steps is looked at by `checkFaults`.
 * @throws InvalidInputError that names the item and what is allowed
 */
export function parseFaults(text: string, field: string = faultsFlag): readonly Fault[] {
  return parseNames(text, field).map((item) => parseFault(item, field));
}

/** Writes faults so that `parseFaults` gives them back. */
export function formatFaults(faults: readonly Fault[]): string {
  return faults.map(formatFault).join(",");
}

export function formatFault(fault: Fault): string {
  if (isCrash(fault)) return `${fault.kind}:${formatInstance(fault.at)}@${formatPlace(fault.place)}`;
  if (isMessageFault(fault)) {
    const later = fault.kind === "delay" ? `+${formatWholeDuration(fault.delayNs)}` : "";
    return `${fault.kind}:${formatLink(fault)}@${formatPlace(fault.place)}${later}`;
  }
  switch (fault.kind) {
    case "slow":
      return `slow:${formatInstance(fault.at)}x${fault.factor}@${formatSteps(fault)}`;
    case "slowLink":
      return `slowLink:${formatLink(fault)}@${formatSteps(fault)}+${formatWholeDuration(fault.delayNs)}`;
    case "add":
    case "remove":
      return `${fault.kind}:${sideLetter(fault.side)}@${fault.step}`;
  }
}

/** An instance as the grammar writes it: `A0`, `F3`. */
export function formatInstance({ side, instance }: FaultInstance): string {
  return `${sideLetter(side)}${instance}`;
}

export function otherSide(side: FaultSide): FaultSide {
  return side === "attention" ? "ffn" : "attention";
}

function parseFault(item: string, field: string): Fault {
  const [, given, where = ""] = ITEM.exec(item) ?? [];
  const kind = given === "oom" ? "outOfMemory" : faultKinds.find((one) => one === given);
  if (kind === undefined) {
    const value = given ?? item;
    throw new InvalidInputError({
      field,
      value,
      expected: `KIND:WHERE of ${faultKinds.join(", ")}`,
      known: faultKinds,
    });
  }
  switch (kind) {
    case "exit":
    case "throw":
    case "outOfMemory":
    case "hang": {
      const [, side, instance, ...place] = matched(CRASH, where, item, forms.crash, field);
      return { kind, at: instanceOf(side, instance), place: placeOf(place) };
    }
    case "drop":
    case "duplicate":
    case "reorder":
    case "corrupt":
    case "delay": {
      const form = kind === "delay" ? forms.delay : forms.message;
      const [, side, instance, toSide, to, step, layer, microBatch, time] = matched(MESSAGE, where, item, form, field);
      if ((time !== undefined) !== (kind === "delay"))
        throw new InvalidInputError({ field, value: item, expected: form });
      const delayNs = time === undefined ? 0 : parseDelayNs(time, `${field} ${item}`);
      const place = placeOf([step, layer, microBatch]);
      return { kind, ...linkOf(side, instance, toSide, to, item, field), place, delayNs };
    }
    case "slow": {
      const [, side, instance, factor = "", ...steps] = matched(SLOW, where, item, forms.slow, field);
      const times = parseNumber(factor, `${field} ${item}: factor`, [1, mostSlowdown]);
      return { kind, at: instanceOf(side, instance), factor: times, ...stepsOf(steps, item, field) };
    }
    case "slowLink": {
      const [, side, instance, toSide, to, first, last, time = ""] = matched(
        SLOW_LINK,
        where,
        item,
        forms.slowLink,
        field,
      );
      const link = linkOf(side, instance, toSide, to, item, field);
      return { kind, ...link, delayNs: parseDelayNs(time, `${field} ${item}`), ...stepsOf([first, last], item, field) };
    }
    case "add":
    case "remove": {
      const [, side, step] = matched(MEMBERSHIP, where, item, forms.membership, field);
      return { kind, side: sideOf(side), step: Number(step) };
    }
  }
}

function matched(form: RegExp, where: string, item: string, expected: string, field: string): RegExpExecArray {
  const found = form.exec(where);
  if (found === null) throw new InvalidInputError({ field, value: item, expected });
  return found;
}

type Group = string | undefined;

function sideOf(letter: Group): FaultSide {
  return letter === "A" ? "attention" : "ffn";
}

function instanceOf(letter: Group, instance: Group): FaultInstance {
  return { side: sideOf(letter), instance: Number(instance) };
}

function placeOf([step, layer = "0", microBatch = "0"]: readonly Group[]): FaultPlace {
  return { step: Number(step), layer: Number(layer), microBatch: Number(microBatch) };
}

function linkOf(fromSide: Group, from: Group, toSide: Group, to: Group, item: string, field: string) {
  if (fromSide === toSide) {
    const expected = "messages between an attention instance (A0 …) and an FFN instance (F0 …)";
    throw new InvalidInputError({ field, value: item, expected });
  }
  return { from: instanceOf(fromSide, from), to: Number(to) };
}

function stepsOf([first, last = first]: readonly Group[], item: string, field: string) {
  const steps = { firstStep: Number(first), lastStep: Number(last) };
  if (steps.firstStep <= steps.lastStep) return steps;
  throw new InvalidInputError({ field, value: item, expected: "steps whose first is not above the last" });
}

/** In whole nanoseconds, so that it can be written down again. */
function parseDelayNs(text: string, field: string): number {
  return Math.max(1, Math.round(parseDurationNs(text, field)));
}

function formatLink({ from, to }: { readonly from: FaultInstance; readonly to: number }): string {
  return `${formatInstance(from)}-${formatInstance({ side: otherSide(from.side), instance: to })}`;
}

function formatPlace({ step, layer, microBatch }: FaultPlace): string {
  return `${step}.${layer}.${microBatch}`;
}

function formatSteps({ firstStep, lastStep }: { readonly firstStep: number; readonly lastStep: number }): string {
  return firstStep === lastStep ? String(firstStep) : `${firstStep}..${lastStep}`;
}

/** In the largest unit that leaves a whole number, without a blank; `us` can be typed on any keyboard. */
function formatWholeDuration(durationNs: number): string {
  const [unit, factor] = DURATION_UNITS.findLast(([, each]) => durationNs % each === 0) ?? ["ns", 1];
  return `${durationNs / factor}${unit === "µs" ? "us" : unit}`;
}

function sideLetter(side: FaultSide): "A" | "F" {
  return side === "attention" ? "A" : "F";
}
