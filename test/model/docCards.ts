import { readFileSync } from "node:fs";

/** The example cards of docs/cards.md, as their text stands there. */
export const docCards: readonly string[] = [
  ...readFileSync(new URL("../../docs/cards.md", import.meta.url), "utf8").matchAll(/```yaml\n(.*?)```/gs),
].map(([, text = ""]) => text);
