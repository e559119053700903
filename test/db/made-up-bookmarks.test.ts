import { anyone, collection, defineBackend } from "selvedge"
import { expect, test } from "vitest"
import { createPrivateKv } from "../cache/private-kv.ts"
import { createFaultyD1 } from "../fixture/faulty-d1.ts"
import { createScenario } from "../fixture/scenario.ts"
import * as tables from "../fixture/schema.ts"

const access = { read: anyone, create: anyone }
const backend = defineBackend({
  tables,
  collections: { teams: collection(tables.teams, { access, cache: { maxAge: 60 } }) },
})
const AFTER_ALL = String(Number.MAX_SAFE_INTEGER)

test("a bookmark that is made up, with a write that fails, keeps nobody from kept answers", async () => {
  const faulty = createFaultyD1()
  const client = await createScenario(backend, faulty.d1, Date.now, createPrivateKv()).as("anonymous")
  const status = async () => (await client.get("/v1/teams?fields=id")).headers.get("Cache-Status")
  const { headers } = await client.get("/v1/teams?fields=id")
  expect(await status()).toContain("hit")
  faulty.faults.push({ text: "D1_ERROR: D1 DB is overloaded." })
  const [epoch] = headers.get("Selvedge-Bookmark")!.split(".")
  const bookmark = `${epoch}.${AFTER_ALL}.`
  const write = await client.post("/v1/teams", { body: { name: "Blue" }, headers: { "Selvedge-Bookmark": bookmark } })
  expect(write.status).toBe(503)
  expect(await status()).toContain("hit")
})
