/** A Worker as the very modules that a deploy would upload, for a Miniflare that a script starts. */

import { readdir, readFile } from "node:fs/promises"
import { join } from "node:path"
import { runWrangler } from "./wrangler.ts"

export type Module =
  | { type: "ESModule"; path: string; contents: string }
  | { type: "CompiledWasm" | "Text"; path: string; contents: Uint8Array<ArrayBuffer> }

/**
 * @param entry The Worker's main file.
 * @param outdir A folder of the bundle's own.
 * @param flags Further ones of `wrangler deploy`.
 * @returns The main module first.
 */
export async function bundle(entry: string, outdir: string, flags: readonly string[] = []): Promise<Module[]> {
  const run = await runWrangler(["deploy", entry, "--dry-run", "--minify", "--outdir", outdir, ...flags])
  if (run.code !== 0) throw new Error(run.output)
  return readModules(outdir)
}

/** Reads what {@link bundle} has written. */
export async function readModules(outdir: string): Promise<Module[]> {
  const files = await readdir(outdir)
  const main = files.find((file) => file.endsWith(".js"))!
  const imports = files.filter((file) => /\.(wasm|txt)$/.test(file))
  return [
    { type: "ESModule", path: main, contents: await readFile(join(outdir, main), "utf8") },
    ...(await Promise.all(
      imports.map(async (path) => ({
        type: path.endsWith(".wasm") ? ("CompiledWasm" as const) : ("Text" as const),
        path,
        contents: new Uint8Array(await readFile(join(outdir, path))),
      })),
    )),
  ]
}
