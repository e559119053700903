/** Compiles `src` file by file and makes a tarball of it. */

import { execFile } from "node:child_process"
import { copyFile, cp, mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises"
import { dirname, join, resolve } from "node:path"
import { promisify } from "node:util"
import { PROJECT_ROOT } from "../local-env.ts"
import { manifest, type ProjectManifest } from "./manifest.ts"

const run = promisify(execFile)
const COMPILER = join(PROJECT_ROOT, "node_modules/typescript/bin/tsc")
const CONFIG = join(PROJECT_ROOT, "scripts/pack/tsconfig.json")
/** What `src` holds beside modules: what the Worker's entry imports, its types, and licences. */
const ASSET = /\.(?:wasm|txt|wasm\.d\.ts|txt\.d\.ts|LICENSE)$/
const DOCUMENTS = ["README.md", "CHANGELOG.md", "LICENSE"]
/** In what the compiler declares, modules keep the ending of their source. */
const SOURCE_ENDING = /((?:from |import\()"\.\.?\/[^"]+)\.ts"/g

export interface Packed {
  /** The package's folder, as it was packed. */
  readonly folder: string
  readonly tarball: string
}

/** @param out Gets the folder `package` and the tarball. */
export async function packInto(out: string): Promise<Packed> {
  const folder = resolve(out, "package")
  await rm(folder, { recursive: true, force: true })
  const lib = join(folder, "lib")
  await mkdir(lib, { recursive: true })
  await compile(lib)
  await copyAssets(lib)
  const project = JSON.parse(await readFile(join(PROJECT_ROOT, "package.json"), "utf8")) as ProjectManifest
  await writeFile(join(folder, "package.json"), `${JSON.stringify(manifest(project), undefined, 2)}\n`)
  for (const name of DOCUMENTS) await copyFile(join(PROJECT_ROOT, name), join(folder, name))
  const { stdout } = await run("npm", ["pack", "--json", "--pack-destination", resolve(out)], {
    cwd: folder,
    shell: process.platform === "win32",
  })
  const [{ filename }] = JSON.parse(stdout) as [{ filename: string }]
  return { folder, tarball: resolve(out, filename) }
}

async function compile(lib: string): Promise<void> {
  await run(process.execPath, [COMPILER, "--project", CONFIG, "--outDir", lib]).catch((error: { stdout?: string }) => {
    throw new Error(`The sources don't compile:\n${error.stdout}`, { cause: error })
  })
  for (const path of await readdir(lib, { recursive: true })) {
    if (!path.endsWith(".d.ts")) continue
    const declared = await readFile(join(lib, path), "utf8")
    await writeFile(join(lib, path), declared.replace(SOURCE_ENDING, '$1.js"'))
  }
}

async function copyAssets(lib: string): Promise<void> {
  const source = join(PROJECT_ROOT, "src")
  for (const path of await readdir(source, { recursive: true })) {
    if (!ASSET.test(path)) continue
    await mkdir(dirname(join(lib, path)), { recursive: true })
    await cp(join(source, path), join(lib, path))
  }
}
