/** Packages that Selvedge is measured beside, as the lockfile of their folder has them; none of their scripts runs. */

import { spawn } from "node:child_process"
import { once } from "node:events"
import { readFile } from "node:fs/promises"
import { join, resolve } from "node:path"

const PEERS = resolve(import.meta.dirname, "..")

/** @param folder With the `package.json` and the lockfile. */
export async function installPeers(folder = PEERS): Promise<void> {
  if (process.platform !== "linux" || process.arch !== "x64") throw new Error("the peers run on Linux on x86-64 only")
  if (await isInstalled(folder)) return
  console.error("installing the peers")
  const npm = process.env.npm_execpath
  const [command, ...args] = npm ? [process.execPath, npm] : ["npm"]
  const install = spawn(command!, [...args, "ci", "--ignore-scripts", "--prefix", folder], {
    cwd: folder,
    stdio: ["ignore", "ignore", "inherit"],
  })
  const [code] = (await once(install, "exit")) as [number | null]
  if (code !== 0) throw new Error(`npm ci in ${folder} ends with ${code}`)
}

async function isInstalled(folder: string): Promise<boolean> {
  const { dependencies } = (await readJson(join(folder, "package.json"))) as { dependencies: Record<string, string> }
  const found = await Promise.all(
    Object.entries(dependencies).map(async ([name, version]) => {
      const installed = await readJson(join(folder, `node_modules/${name}/package.json`)).catch(() => undefined)
      return (installed as { version: string } | undefined)?.version === version
    }),
  )
  return found.every(Boolean)
}

async function readJson(path: string): Promise<unknown> {
  return JSON.parse(await readFile(path, "utf8"))
}
