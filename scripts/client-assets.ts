/**
 * Builds `public/selvedge.js`, the client for pages without a build step, and what it loads later into
 * `public/selvedge-assets/`. Git ignores both.
 */

import { watch } from "node:fs"
import { mkdir, readdir, readFile, rename, rm, stat, writeFile } from "node:fs/promises"
import { dirname, join, relative } from "node:path"
import { rolldown } from "rolldown"
import { PROJECT_ROOT } from "./local-env.ts"

const SITE = "public"
/** What it holds is named by its content, so that browsers may keep it for good. */
const PARTS = "selvedge-assets"
/** A page that was open while the client was built anew still finds its parts. */
const KEEP_PARTS_MS = 60 * 60 * 1_000
const SETTLED_MS = 100

export interface ClientFile {
  /** `selvedge.js`, or what it loads with the first live list or channel: `selvedge-assets/…`. */
  readonly path: string
  readonly code: string
  /** The module that it was asked for by, such as `src/client/live/open.ts`; empty for what only other files ask for. */
  readonly source: string
}

/** The client as browsers get it: the entry first. Parts share the entry's code, so that nothing is loaded twice. */
export async function bundleClient(root: string = PROJECT_ROOT): Promise<readonly [ClientFile, ...ClientFile[]]> {
  const bundle = await rolldown({
    input: { selvedge: join(root, "src/client.ts") },
    platform: "browser",
    preserveEntrySignatures: "allow-extension",
    transform: { target: "es2022" },
  })
  try {
    const { output } = await bundle.generate({
      format: "esm",
      minify: true,
      comments: false,
      entryFileNames: "[name].js",
      chunkFileNames: `${PARTS}/[name]-[hash].js`,
    })
    const [entry, ...parts] = output.map((file) => {
      if (file.type !== "chunk") throw new TypeError(`The client has a part that is no module: ${file.fileName}`)
      return {
        path: file.fileName,
        code: file.code,
        source: file.facadeModuleId ? relative(root, file.facadeModuleId) : "",
      }
    })
    return [entry!, ...parts]
  } finally {
    await bundle.close()
  }
}

/** @returns Whether anything was written; false when the site has the client of these sources already. */
export async function buildClientAssets(root: string = PROJECT_ROOT): Promise<boolean> {
  const [entry, ...parts] = await bundleClient(root)
  const site = join(root, SITE)
  const written: boolean[] = []
  for (const file of [...parts, entry]) written.push(await write(site, file)) // the entry last: it names the parts
  await forgetParts(
    join(site, PARTS),
    parts.map(({ path }) => path.slice(PARTS.length + 1)),
  )
  return written.includes(true)
}

/** @param built Called after each change of the sources. @returns Ends it. */
export function watchClientAssets(built: (fault?: Error) => void, root: string = PROJECT_ROOT): () => void {
  let timer: NodeJS.Timeout | undefined
  const build = () => buildClientAssets(root).then((isNew) => isNew && built(), built)
  const changed = () => {
    clearTimeout(timer)
    timer = setTimeout(build, SETTLED_MS)
  }
  const watchers = ["client", "client.ts"].map((path) => watch(join(root, "src", path), { recursive: true }, changed))
  return () => {
    clearTimeout(timer)
    for (const watcher of watchers) watcher.close()
  }
}

async function write(site: string, { path, code }: ClientFile): Promise<boolean> {
  const target = join(site, path)
  if ((await readFile(target, "utf8").catch(() => undefined)) === code) return false
  await mkdir(dirname(target), { recursive: true })
  const draft = join(site, PARTS, `${process.pid}.draft`) // tests and a dev server may build at the same time
  await mkdir(dirname(draft), { recursive: true })
  await writeFile(draft, code)
  await rename(draft, target)
  return true
}

async function forgetParts(folder: string, current: readonly string[]): Promise<void> {
  for (const name of await readdir(folder).catch(() => [])) {
    if (current.includes(name)) continue
    const path = join(folder, name)
    const age = Date.now() - ((await stat(path).catch(() => undefined))?.mtimeMs ?? Date.now())
    if (age > KEEP_PARTS_MS) await rm(path, { force: true })
  }
}
