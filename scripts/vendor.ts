/** Copies what pages load of others' libraries from its packages to `public/vendor/`, which git ignores. */

import { copyFile, mkdir, rename, stat } from "node:fs/promises"
import { join } from "node:path"
import { PROJECT_ROOT } from "./local-env.ts"

const VENDOR = "public/vendor"
/** All are MIT. Scalar's bundle is for `/docs`, and lean-qr for the account's page. */
const LIBRARIES: Readonly<Record<string, string>> = {
  "api-reference.js": "@scalar/api-reference/dist/browser/standalone.js",
  "lean-qr.js": "lean-qr/index.mjs",
}

/** @returns Whether anything was copied; false when every copy is as new as the package's file. */
export async function copyVendored(root: string = PROJECT_ROOT): Promise<boolean> {
  await mkdir(join(root, VENDOR), { recursive: true })
  const copied = await Promise.all(
    Object.entries(LIBRARIES).map(([name, file]) => copy(join(root, "node_modules", file), join(root, VENDOR, name))),
  )
  return copied.includes(true)
}

async function copy(source: string, target: string): Promise<boolean> {
  if (await isCurrent(source, target)) return false
  const draft = `${target}.${process.pid}` // tests and a dev server may copy at the same time
  await copyFile(source, draft)
  await rename(draft, target)
  return true
}

async function isCurrent(source: string, target: string): Promise<boolean> {
  const [from, to] = await Promise.all([stat(source), stat(target).catch(() => undefined)])
  return to !== undefined && to.size === from.size && to.mtimeMs >= from.mtimeMs
}
