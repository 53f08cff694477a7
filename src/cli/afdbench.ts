#!/usr/bin/env node
import { complaintAboutNode } from "./nodeVersion.ts";

const complaint = complaintAboutNode(process.versions.node);
if (complaint === undefined) {
  const { enableCompileCache } = await import("node:module");
  enableCompileCache();
  const { runProcess } = await import("./process.ts");
  await runProcess();
} else {
  process.stderr.write(`afdbench: ${complaint}\n`);
  process.exitCode = 3;
}
