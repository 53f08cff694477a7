import { InvalidInputError } from "./errors.ts";
import { parseSizeBytes } from "./parse.ts";

/** A call of an exported function, as written: `matmul(1024, 0x2000, 16)`. */
export interface CallText {
  readonly name: string;
  readonly args: readonly string[];
}

/** Bytes begin..end (exclusive) of a memory, with a name. */
export interface NamedRange {
  readonly name: string;
  readonly begin: number;
  readonly end: number;
}

const CALL = /^([^()]+)\((.*)\)$/su;
const RANGE = /^([^\s=]+)\s*=\s*(.+?)\.\.(.+)$/su;
const ADDRESS = /^(?:\d{1,10}|0x[0-9a-f]{1,9})$/iu;

/** Where a memory with 32-bit addresses ends. */
const ADDRESSES_END = 2 ** 32;

/**
 * A call `EXPORT(arg,arg,…)`; what its arguments mean is not looked at.
 * @throws InvalidInputError where it has no name or no parentheses, or an argument is empty
 */
export function parseCall(text: string, field: string): CallText {
  const [, name = "", list = ""] = CALL.exec(text.trim()) ?? [];
  const args = list.trim() === "" ? [] : list.split(",").map((arg) => arg.trim());
  if (name.trim() === "" || args.includes("")) {
    throw new InvalidInputError({ field, value: text, expected: "EXPORT(arg,arg,…), such as 'matmul(1024,2048,16)'" });
  }
  return { name: name.trim(), args };
}

/**
 * A range of a memory, `NAME=START..END`: addresses in decimal or hexadecimal, or sizes such as 64Ki; END is not part of it.
 * @throws InvalidInputError where it is no such range, or holds no byte
 */
export function parseRange(text: string, field: string): NamedRange {
  const [, name = "", first = "", last = ""] = RANGE.exec(text.trim()) ?? [];
  const expected = "NAME=START..END, such as weights=0x10000..0x20000 or kv=64Ki..1Mi";
  if (name === "") throw new InvalidInputError({ field, value: text, expected });
  const [begin, end] = [parseAddress(first, `${field} ${name}`), parseAddress(last, `${field} ${name}`)];
  if (begin < end) return { name, begin, end };
  throw new InvalidInputError({ field: `${field} ${name}`, value: text, expected: "a START below its END" });
}

function parseAddress(text: string, field: string): number {
  const trimmed = text.trim();
  const address = ADDRESS.test(trimmed) ? Number(trimmed) : parseSizeBytes(trimmed, field);
  if (address <= ADDRESSES_END) return address;
  throw new InvalidInputError({ field, value: text, expected: "an address of at most 4 GiB" });
}
