/** `npm run site`: what a static host does with the shop's pages, and what it must not. */

import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises"
import { request } from "node:http"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, beforeAll, expect, test } from "vitest"
import { type Site, startSite } from "../../scripts/site/server.ts"

const API = "http://localhost:23456"

let folder: string
let site: Site

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "selvedge-site-"))
  await mkdir(join(folder, "pages/shop"), { recursive: true })
  await mkdir(join(folder, "pages/vendor"))
  const files = {
    "secret.txt": "a secret",
    "pages/index.html": "the first page",
    "pages/film.html": "a film",
    "pages/404.html": "no such page",
    "pages/selvedge.js": "the client",
    "pages/vendor/lean-qr.js": "a library",
    "pages/.hidden": "hidden",
    "pages/shop/config.js": 'export const api = ""',
    "pages/shop/page.js": "code",
    "pages/_headers": `# what the edge says
/*
  Content-Security-Policy: default-src 'none'; script-src 'self'; connect-src 'self'
  X-Content-Type-Options: nosniff
/shop/*
  X-Shop: yes
`,
  }
  for (const [name, text] of Object.entries(files)) await writeFile(join(folder, name), text)
  site = await startSite({ api: API, folder: join(folder, "pages") })
})

afterAll(async () => {
  await site?.close()
  await rm(folder, { recursive: true })
})

test("a page has a clean address, and other spellings lead there", async () => {
  expect(await get("/film?id=1")).toMatchObject({ status: 200, body: "a film" })
  expect((await get("/film")).headers["content-type"]).toBe("text/html; charset=utf-8")
  expect(await get("/film.html?id=1")).toMatchObject({ status: 307, headers: { location: "/film?id=1" } })
  expect(await get("/film/")).toMatchObject({ status: 307, headers: { location: "/film" } })
  expect(await get("/")).toMatchObject({ status: 200, body: "the first page" })
  expect(await get("/index.html")).toMatchObject({ status: 307, headers: { location: "/" } })
})

test("what is missing is a page of its own, and nothing outside the folder is found", async () => {
  const spellings = [
    "/../secret.txt",
    "/%2e%2e/secret.txt",
    "/..%2fsecret.txt",
    "/shop/..%2f..%2fsecret.txt",
    "/..\\secret.txt",
  ]
  for (const path of ["/none", "/shop/", "/%", "/%00", "/.hidden", "/%2ehidden", "/_headers", ...spellings])
    expect(await get(path), path).toMatchObject({ status: 404, body: "no such page" })
})

test("the API and its client come from the API's origin alone", async () => {
  for (const path of ["/selvedge.js", "/%73elvedge.js", "/vendor/lean-qr.js", "/v1/films", "/openapi.json", "/health"])
    expect(await get(path), path).toMatchObject({ status: 404 })
  const config = await get("/shop/config.js")
  expect(config).toMatchObject({ status: 200, body: `export const api = "${API}"\n` })
  expect(config.headers["content-type"]).toBe("text/javascript; charset=utf-8")
})

test("the policy is the edge's, and lets pages ask the API", async () => {
  const { headers } = await get("/shop/page.js")
  expect(headers["content-security-policy"]).toBe(
    `default-src 'none'; script-src 'self' ${API}; connect-src 'self' ${API} ${API.replace("http", "ws")}`,
  )
  expect(headers).toMatchObject({ "x-content-type-options": "nosniff", "x-shop": "yes" })
  expect((await get("/film")).headers).not.toHaveProperty("x-shop")
})

test("what a browser has already is not sent again", async () => {
  const { headers } = await get("/shop/page.js")
  expect(headers["cache-control"]).toBe("public, max-age=0, must-revalidate")
  expect(await get("/shop/page.js", { "If-None-Match": headers.etag! })).toMatchObject({ status: 304, body: "" })
  await writeFile(join(folder, "pages/shop/page.js"), "other code")
  expect(await get("/shop/page.js", { "If-None-Match": headers.etag! })).toMatchObject({ body: "other code" })
})

test("it is read only", async () => {
  expect(await get("/film", {}, "POST")).toMatchObject({ status: 405, headers: { allow: "GET, HEAD" } })
  expect(await get("/film", {}, "HEAD")).toMatchObject({ status: 200, body: "", headers: { "content-length": "6" } })
})

/** With the path as it stands, which fetch would make tidy. */
function get(path: string, headers: Record<string, string> = {}, method = "GET") {
  type Answer = { status: number; headers: Record<string, string | undefined>; body: string }
  return new Promise<Answer>((resolve, reject) => {
    const asked = request({ host: "127.0.0.1", port: site.port, path, method, headers }, async (response) => {
      let body = ""
      for await (const chunk of response.setEncoding("utf8")) body += chunk
      resolve({ status: response.statusCode!, headers: response.headers as Answer["headers"], body })
    })
    asked.on("error", reject).end()
  })
}
