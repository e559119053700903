/** Copies Scalar's browser bundle (MIT) from its package to `public/docs-assets/`, which git ignores, for `/docs`. */

import { copyFile, mkdir, rename, stat } from "node:fs/promises"
import { dirname, join } from "node:path"
import { PROJECT_ROOT } from "./local-env.ts"

const BUNDLE = "node_modules/@scalar/api-reference/dist/browser/standalone.js"
const COPY = "public/docs-assets/standalone.js"

/** @returns Whether it was copied; false when the copy is as new as the package's file. */
export async function copyDocsAssets(root: string = PROJECT_ROOT): Promise<boolean> {
  const source = join(root, BUNDLE)
  const target = join(root, COPY)
  if (await isCurrent(source, target)) return false
  await mkdir(dirname(target), { recursive: true })
  const draft = `${target}.${process.pid}` // tests and a dev server may copy at the same time
  await copyFile(source, draft)
  await rename(draft, target)
  return true
}

async function isCurrent(source: string, target: string): Promise<boolean> {
  const [from, to] = await Promise.all([stat(source), stat(target).catch(() => undefined)])
  return to !== undefined && to.size === from.size && to.mtimeMs >= from.mtimeMs
}
