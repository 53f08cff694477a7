/** Where a text stops being JSON, and why. */
export interface JsonFault {
  /** From 1. */
  readonly line: number;
  /** From 1, in UTF-16 code units. */
  readonly column: number;
  readonly reason: "ends too early" | "unexpected";
  /** The text at the fault; empty at the end of the file. */
  readonly found: string;
  /** The key whose value is at fault, where one can be told. */
  readonly key?: string;
}

const BLANK = /[ \t\r\n]*/y;
const STRING = /"(?:[^"\\\p{Cc}]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"/uy;
const SCALAR = /(?:true|false|null|-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?)(?![\w.+-])/y;
const WORD = /[-+\w.]+|./suy;

type Expecting = "value" | "valueOrEnd" | "key" | "keyOrEnd" | "colon" | "commaOrEnd";

/**
 * Finds the first fault of a text that `JSON.parse` refused; engines word and place theirs differently, or not at all.
 * Walks without recursion, so that deep nesting can't exhaust the stack. Returns undefined where the text is JSON.
 */
export function findJsonFault(text: string): JsonFault | undefined {
  const open: ("{" | "[")[] = [];
  let expecting: Expecting = "value";
  let key: string | undefined;
  let at = 0;
  const take = (pattern: RegExp): string | undefined => {
    pattern.lastIndex = at;
    const match = pattern.exec(text)?.[0];
    at += match?.length ?? 0;
    return match;
  };
  for (;;) {
    take(BLANK);
    if (expecting === "commaOrEnd" && open.length === 0) return at === text.length ? undefined : faultAt(text, at, key);
    const character = text[at];
    if (character === undefined) return faultAt(text, at, key);
    const inside = open.at(-1);
    const mayClose = expecting === "commaOrEnd" || expecting === (inside === "{" ? "keyOrEnd" : "valueOrEnd");
    if (mayClose && character === (inside === "{" ? "}" : "]")) {
      open.pop();
      at += 1;
      expecting = "commaOrEnd";
    } else if (expecting === "commaOrEnd") {
      if (character !== ",") return faultAt(text, at, key);
      at += 1;
      expecting = inside === "{" ? "key" : "value";
    } else if (expecting === "colon") {
      if (character !== ":") return faultAt(text, at, key);
      at += 1;
      expecting = "value";
    } else if (expecting === "key" || expecting === "keyOrEnd") {
      const quoted = take(STRING);
      if (quoted === undefined) return faultAt(text, at, undefined);
      key = quoted.slice(1, -1);
      expecting = "colon";
    } else if (character === "{" || character === "[") {
      open.push(character);
      at += 1;
      expecting = character === "{" ? "keyOrEnd" : "valueOrEnd";
    } else {
      if (take(STRING) === undefined && take(SCALAR) === undefined) return faultAt(text, at, key);
      expecting = "commaOrEnd";
    }
  }
}

function faultAt(text: string, at: number, key: string | undefined): JsonFault {
  const before = text.slice(0, at);
  const lineStart = before.lastIndexOf("\n") + 1;
  WORD.lastIndex = at;
  const found = WORD.exec(text)?.[0] ?? "";
  const unclosedString = text[at] === '"' && !text.slice(at + 1).includes("\n") && !text.slice(at + 1).includes('"');
  const ended = found === "" || unclosedString;
  return {
    line: before.split("\n").length,
    column: at - lineStart + 1,
    reason: ended ? "ends too early" : "unexpected",
    found,
    ...(key === undefined ? {} : { key }),
  };
}
