import {
  isAlias,
  isCollection,
  isMap,
  isNode,
  isScalar,
  Lexer,
  type ParsedNode,
  parseDocument,
  visit,
  type YAMLMap,
} from "yaml";
import { InvalidInputError } from "./errors.ts";

/** Files that people write by hand take a few kilobytes; the parser's time grows faster than its text. */
const LARGEST_CHARACTERS = 2 ** 18;

/** How often aliases may repeat what an anchor names, all in all. */
const MOST_ALIASES = 1000;

/** How many lists and objects may open on one line or in brackets. */
const MOST_LEVELS = 32;

/** Tokens of the lexer that stand for no text: a document's start, a scalar's, an end of brackets that is not there. */
const EMPTY_TOKENS: ReadonlySet<string> = new Set(["\u0002", "\u001f", "\u0018"]);

/**
 * Parses one YAML 1.2 document: objects with text keys, lists, texts, numbers, true, false and null; anchors and aliases,
 * no tags. What aliases repeat is one shared value. `fileName` is how errors name the file.
 * @throws InvalidInputError with line and column
 */
export function parseYaml(text: string, fileName: string): unknown {
  if (text.length > LARGEST_CHARACTERS) {
    const expected = `at most ${LARGEST_CHARACTERS} characters of YAML`;
    throw new InvalidInputError({ field: fileName, value: text.length, expected });
  }
  const refuse = (offset: number, expected: string): never => {
    throw faultAt(text, offset, fileName, expected);
  };
  checkNesting(text, refuse);
  const document = parseDocument(text, {
    prettyErrors: false,
    stringKeys: true,
    resolveKnownTags: false,
    // Theirs compares every key with every other; checkKeys keeps a set.
    uniqueKeys: false,
  });
  const [fault] = [...document.errors, ...document.warnings];
  if (fault !== undefined) refuse(fault.pos[0], `valid YAML (${fault.message.trim()})`);
  const anchors = new Set<string>();
  visit(document, (_key, node, path) => {
    if (node === null) return;
    if (isMap(node)) checkKeys(node as YAMLMap<ParsedNode>, refuse);
    if (isAlias(node)) {
      const around = path.some((outer) => isCollection(outer) && outer.anchor === node.source);
      if (around || !anchors.has(node.source))
        refuse(node.range?.[0] ?? 0, "an alias of an anchor that stands before it");
    } else if (isNode(node) && node.anchor !== undefined) anchors.add(node.anchor);
  });
  try {
    return document.toJS({ maxAliasCount: MOST_ALIASES });
  } catch {
    // The one thing left that can fail.
    return refuse(text.indexOf("*"), `aliases that repeat at most ${MOST_ALIASES} values, all in all`);
  }
}

type Refuse = (offset: number, expected: string) => never;

/** Looks at indicators alone, before the parser, which takes minutes over thousands of them within one another. */
function checkNesting(text: string, refuse: Refuse): void {
  let offset = 0;
  let brackets = 0;
  let dashesOfLine = 0;
  for (const token of new Lexer().lex(text)) {
    if (EMPTY_TOKENS.has(token)) continue;
    if (token === "?") refuse(offset, "a key without a question mark before it");
    if (token === "[" || token === "{") brackets += 1;
    if (token === "]" || token === "}") brackets -= 1;
    dashesOfLine = token.includes("\n") ? 0 : dashesOfLine + Number(token === "-");
    if (brackets > MOST_LEVELS || dashesOfLine > MOST_LEVELS) refuse(offset, `at most ${MOST_LEVELS} levels`);
    offset += token.length;
  }
}

function checkKeys(map: YAMLMap<ParsedNode>, refuse: Refuse): void {
  const seen = new Set<unknown>();
  for (const { key } of map.items) {
    const name = isScalar(key) ? key.value : key;
    if (seen.has(name)) refuse(key.range[0], "valid YAML (keys of an object must be unique)");
    seen.add(name);
  }
}

function faultAt(text: string, offset: number, fileName: string, expected: string): InvalidInputError {
  const before = text.slice(0, offset);
  const line = before.split("\n").length;
  const column = offset - before.lastIndexOf("\n");
  const word = /^\S+|^./.exec(text.slice(offset, offset + 80))?.[0];
  return new InvalidInputError({
    field: `${fileName}: YAML (line ${line}, column ${column})`,
    value: word,
    expected,
  });
}
