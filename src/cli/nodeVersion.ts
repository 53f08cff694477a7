/** Oldest Node that afdbench runs on; `engines` in package.json says the same. */
const OLDEST = { major: 22, minor: 13 };

/** One sentence that says what to do where this Node is too old, else undefined. */
export function complaintAboutNode(version: string): string | undefined {
  const [major = 0, minor = 0] = version.split(".").map(Number);
  if (major > OLDEST.major || (major === OLDEST.major && minor >= OLDEST.minor)) return undefined;
  return (
    `Node ${version} is too old for afdbench: install Node ${OLDEST.major}.${OLDEST.minor} or newer ` +
    "(24 or newer is faster: https://nodejs.org), or in a checkout run `npm run --silent afdbench -- ARGS`, " +
    "which brings its own."
  );
}
