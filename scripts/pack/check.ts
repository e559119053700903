/** What publint and attw ("are the types wrong") say of a package. */

import { execFile } from "node:child_process"
import { join } from "node:path"
import { promisify } from "node:util"
import { PROJECT_ROOT } from "../local-env.ts"

const run = promisify(execFile)
const CHECKS = {
  publint: "node_modules/publint/src/cli.js",
  attw: "node_modules/@arethetypeswrong/cli/dist/index.js",
}

/** @returns What they find wrong, as they print it; empty where that is nothing. */
export async function checkPackage(folder: string, tarball: string): Promise<string> {
  const [publint, attw] = await Promise.all([
    check(CHECKS.publint, [folder, "--strict"]),
    check(CHECKS.attw, [tarball, "--profile", "esm-only", "--no-emoji", "--no-color"]),
  ])
  return [publint, attw].filter(Boolean).join("\n")
}

async function check(tool: string, args: readonly string[]): Promise<string> {
  try {
    await run(process.execPath, [join(PROJECT_ROOT, tool), ...args])
    return ""
  } catch (error) {
    const { stdout, stderr } = error as { stdout: string; stderr: string }
    return `${stdout}${stderr}` || String(error)
  }
}
