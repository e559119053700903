/** The peers' packages, as the lockfile of `bench/peers` has them; none of their scripts runs. */

import { spawn } from "node:child_process"
import { once } from "node:events"
import { readFile } from "node:fs/promises"
import { join, resolve } from "node:path"

const FOLDER = resolve(import.meta.dirname, "..")

export async function installPeers(): Promise<void> {
  if (process.platform !== "linux" || process.arch !== "x64") throw new Error("the peers run on Linux on x86-64 only")
  if (await isInstalled()) return
  console.error("installing the peers")
  const npm = process.env.npm_execpath
  const [command, ...args] = npm ? [process.execPath, npm] : ["npm"]
  const install = spawn(command!, [...args, "ci", "--ignore-scripts", "--prefix", FOLDER], {
    cwd: FOLDER,
    stdio: ["ignore", "ignore", "inherit"],
  })
  const [code] = (await once(install, "exit")) as [number | null]
  if (code !== 0) throw new Error(`npm ci in bench/peers ends with ${code}`)
}

async function isInstalled(): Promise<boolean> {
  const { dependencies } = (await readJson("package.json")) as { dependencies: Record<string, string> }
  const found = await Promise.all(
    Object.entries(dependencies).map(async ([name, version]) => {
      const installed = await readJson(`node_modules/${name}/package.json`).catch(() => undefined)
      return (installed as { version: string } | undefined)?.version === version
    }),
  )
  return found.every(Boolean)
}

async function readJson(path: string): Promise<unknown> {
  return JSON.parse(await readFile(join(FOLDER, path), "utf8"))
}
