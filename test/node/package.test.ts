/** The package as it would be published, in folders that know nothing of this project. */

import { execFile } from "node:child_process"
import { cp, mkdir, mkdtemp, readFile, realpath, rename, rm, symlink, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { dirname, join, resolve } from "node:path"
import { promisify } from "node:util"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import { checkPackage } from "../../scripts/pack/check.ts"
import { type Packed, packInto } from "../../scripts/pack/pack.ts"

const run = promisify(execFile)
const ROOT = resolve(import.meta.dirname, "../..")
const MODULES = join(ROOT, "node_modules")
const PACK_WITHIN_MS = 240_000
const CHECK_WITHIN_MS = 120_000

/** The types and the build of a site know browsers, and nothing of Workers. */
const TSCONFIG = {
  compilerOptions: {
    target: "es2022",
    lib: ["es2023", "dom", "dom.iterable"],
    module: "esnext",
    moduleResolution: "bundler",
    strict: true,
    skipLibCheck: true,
    noEmit: true,
    allowImportingTsExtensions: true,
    types: [],
  },
  include: ["src"],
}
const PAGE = '<!doctype html><script type="module" src="/src/main.ts"></script>'
const SCRIPT = `import { createClient, isProblem } from "selvedge/client"
import type { backend } from "../app/backend.ts"

const client = createClient<typeof backend>("https://api.example.net")
const { data } = await client.films.list({ genre: "Drama", sort: "-rating", expand: ["director"] })
document.title = data.map((film) => film.title + film.director?.name).join()
client.reviews.live({ stars: 5 }, (reviews) => console.log(reviews[0]?.body))
const order = await client.request("POST", "/v1/checkout", { body: {}, key: crypto.randomUUID() })
console.log(order.totalCents, isProblem(order))
`

describe("the package", () => {
  let temp: string
  let packed: Packed

  beforeAll(async () => {
    temp = await realpath(await mkdtemp(join(tmpdir(), "selvedge-package-")))
    packed = await packInto(temp)
  }, PACK_WITHIN_MS)

  afterAll(() => rm(temp, { recursive: true, force: true }))

  test("publint and attw find nothing wrong with it, and see what is", { timeout: CHECK_WITHIN_MS }, async () => {
    expect(await checkPackage(packed.folder, packed.tarball)).toBe("")
    const broken = join(temp, "broken")
    await cp(packed.folder, broken, { recursive: true })
    await rm(join(broken, "lib/client.d.ts"))
    expect(await checkPackage(broken, packed.tarball)).toContain("client.d.ts")
  })

  test("holds what its entries need, and no test", async () => {
    const { stdout } = await run("tar", ["-tzf", packed.tarball])
    const files = stdout.split("\n")
    for (const name of ["index", "tables", "worker", "client", "react"])
      expect(files).toEqual(expect.arrayContaining([`package/lib/${name}.js`, `package/lib/${name}.d.ts`]))
    expect(files).toContain("package/lib/auth/argon2.wasm")
    expect(files).toContain("package/lib/auth/common-passwords.txt")
    expect(files.filter((file) => /test|(?<!\.d)\.ts$/.test(file))).toEqual([])
  })

  test("its client runs in Node and depends on nothing", async () => {
    const folder = await install("node", [])
    await writeFile(
      join(folder, "list.mjs"),
      `import { createClient, isProblem } from "selvedge/client"
const answer = { data: [{ id: "1", title: "M" }], page: { next: null, previous: null } }
const client = createClient("https://api.example.net", { fetch: async (url) => Response.json({ ...answer, url }) })
const { data, url } = await client.films.list({ genre: "Drama" })
console.log(data[0].title, url, isProblem(new Error()))
const drawn = await client.request("GET", "/v1/films/:id/poster", { params: { id: "a/b" }, query: { wide: true } })
console.log(drawn.url)
client.close()`,
    )
    const { stdout } = await run(process.execPath, ["list.mjs"], { cwd: folder })
    expect(stdout.split("\n")).toEqual([
      "M https://api.example.net/v1/films?genre=Drama false",
      "https://api.example.net/v1/films/a%2Fb/poster?wide=true",
      "",
    ])
  })

  describe("in a site with Vite and TypeScript", () => {
    let site: string

    beforeAll(async () => {
      site = await install("site", [...(await dependencies()), "vite", "typescript"])
      await mkdir(join(site, "src"))
      await cp(join(ROOT, "app"), join(site, "app"), { recursive: true })
      await rm(join(site, "app/seed"), { recursive: true, force: true })
      await writeFile(join(site, "tsconfig.json"), JSON.stringify(TSCONFIG))
      await writeFile(join(site, "index.html"), PAGE)
      await writeFile(join(site, "src/main.ts"), SCRIPT)
    })

    test("the backend's types are known, and a misspelt field is an error where it stands", {
      timeout: CHECK_WITHIN_MS,
    }, async () => {
      const misspelt = SCRIPT.replace("genre:", "gnere:").replace("?.body", "?.bdoy").replace("/checkout", "/chekout")
      await writeFile(join(site, "src/misspelt.ts"), misspelt)
      const faults = await compile()
      expect(faults.filter((line) => !line.startsWith("src/misspelt.ts("))).toEqual([])
      expect(faults.slice(0, 3)).toEqual([
        expect.stringMatching(/\(5,44\): .*'gnere' does not exist.*Did you mean to write 'genre'\?/),
        expect.stringMatching(/\(7,72\): .*'bdoy' does not exist/),
        expect.stringMatching(/\(8,44\): .*"\/v1\/chekout"' is not assignable/),
      ])
    })

    test(
      "it builds, the live part on its own, and takes nothing else along",
      async () => {
        await run(process.execPath, [join(MODULES, "vite/bin/vite.js"), "build", "--manifest"], { cwd: site })
        const manifest = JSON.parse(await readFile(join(site, "dist/.vite/manifest.json"), "utf8")) as Manifest
        const main = manifest["index.html"]!
        expect(main.dynamicImports).toContain("node_modules/selvedge/lib/client/live/open.js")
        const code = await readFile(join(site, "dist", main.file), "utf8")
        expect(code).not.toMatch(/drizzle|hono|zod/i)
      },
      CHECK_WITHIN_MS,
    )

    async function compile(): Promise<string[]> {
      const { stdout } = await run(process.execPath, [join(MODULES, "typescript/bin/tsc"), "--pretty", "false"], {
        cwd: site,
      }).catch((error: { stdout: string }) => error)
      return stdout.split("\n").filter((line) => /^\S/.test(line))
    }
  })

  /** A folder with the tarball unpacked as npm does, and beside it this project's own packages of these names. */
  async function install(name: string, packages: readonly string[]): Promise<string> {
    const folder = join(temp, name)
    const modules = join(folder, "node_modules")
    await mkdir(modules, { recursive: true })
    await run("tar", ["-xzf", packed.tarball, "-C", modules])
    await rename(join(modules, "package"), join(modules, "selvedge"))
    await writeFile(join(folder, "package.json"), JSON.stringify({ private: true, type: "module" }))
    for (const dependency of packages) {
      await mkdir(dirname(join(modules, dependency)), { recursive: true })
      await symlink(join(MODULES, dependency), join(modules, dependency), "junction")
    }
    return folder
  }

  async function dependencies(): Promise<string[]> {
    const text = await readFile(join(packed.folder, "package.json"), "utf8")
    return Object.keys((JSON.parse(text) as { dependencies: object }).dependencies)
  }
})

type Manifest = Readonly<Record<string, { readonly file: string; readonly dynamicImports?: readonly string[] }>>
