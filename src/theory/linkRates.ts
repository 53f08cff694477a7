import type { Accelerator } from "../hardware/accelerator.ts";
import type { FfnSpec } from "../model/card.ts";
import { InvalidInputError } from "../units/errors.ts";
import { fanOut } from "./ffnStage.ts";
import { timeNs } from "./timeNs.ts";

/** Instances of one side and the NICs of one of them, one direction. */
export interface LinkedInstances {
  readonly instances: number;
  readonly nicBytesPerSecond: number;
}

/** How long a token of a micro-batch keeps the links of either side busy, in 8 bits; F2A, in 16, twice as long. */
export interface LinkRates {
  readonly attentionLinkNsPerToken: number;
  readonly ffnLinkNsPerToken: number;
}

/**
 * The rates of the links between attention and FFN instances: of the bytes of a token, to all instances that it goes to,
 * each attention instance's link carries its share, and each FFN instance's too.
 */
export function linkRates(dispatchBytes: number, attention: LinkedInstances, ffn: LinkedInstances): LinkRates {
  return {
    attentionLinkNsPerToken: timeNs(dispatchBytes / attention.instances, attention.nicBytesPerSecond),
    ffnLinkNsPerToken: timeNs(dispatchBytes / ffn.instances, ffn.nicBytesPerSecond),
  };
}

/** Bytes of a token on its way to so many FFN instances, in 8 bits. */
export function dispatchBytesPerToken(ffn: FfnSpec, hidden: number, ffnInstances: number): number {
  return fanOut(ffn, ffnInstances) * hidden;
}

/**
 * A card's part of its server's network, one direction.
 * @throws InvalidInputError where the catalog has no network of it
 */
export function cardNetworkBytesPerSecond({ name, networkBytesPerSecond, cardsPerServer }: Accelerator): number {
  if (networkBytesPerSecond !== undefined && cardsPerServer !== undefined) {
    return networkBytesPerSecond / cardsPerServer;
  }
  const figure = networkBytesPerSecond === undefined ? "networkBytesPerSecond" : "cardsPerServer";
  throw new InvalidInputError({
    field: `${name}.${figure}`,
    value: undefined,
    expected: `a figure that the catalog has not got: give it with --set ${name}.${figure}=VALUE`,
  });
}
