import { env } from "cloudflare:workers"
import { beforeAll, beforeEach, expect, test } from "vitest"
import { createReplicas, type Replicas } from "../fixture/replicas.ts"

/** The replica that the other tests of this folder rely on. */

let replicas: Replicas
const NAMES = "SELECT group_concat(name, ',') AS names FROM teams"

beforeAll(async () => {
  await insert(env.FIXTURE, "first")
  replicas = await createReplicas()
})
beforeEach(async () => {
  await replicas.catchUp()
  replicas.answered.length = 0
})

test("a replica lags until it catches up", async () => {
  const names = () => replicas.d1.withSession().prepare(NAMES).first<string>("names")
  expect(await names()).toBe("first")
  await insert(replicas.d1, "second")
  expect(await names()).toBe("first")
  await replicas.catchUp()
  expect(await names()).toBe("first,second")
  expect(replicas.answered).toEqual(["replica", "primary", "replica", "replica"])
})

test("a session reads what it wrote, and so does the next one that has its bookmark", async () => {
  const session = replicas.d1.withSession("first-unconstrained")
  await insert(session, "third")
  expect(await session.prepare(NAMES).first("names")).toContain("third")
  const next = replicas.d1.withSession(session.getBookmark()!)
  expect(await next.prepare(NAMES).first("names")).toContain("third")
  expect(replicas.answered).toEqual(["primary", "primary", "primary"])
  await replicas.catchUp()
  const last = replicas.d1.withSession(session.getBookmark()!)
  expect((await last.batch<{ names: string }>([last.prepare(NAMES)]))[0]!.results[0]!.names).toContain("third")
  expect(replicas.answered.at(-1)).toBe("replica")
})

test("only the first answer of first-primary comes from the primary for sure", async () => {
  const session = replicas.d1.withSession("first-primary")
  for (let i = 0; i < 2; i++) await session.prepare(NAMES).all()
  expect(replicas.answered).toEqual(["primary", "replica"])
  await insert(replicas.d1, "fourth")
  expect(await session.prepare(NAMES).first("names")).not.toContain("fourth")
  expect(replicas.answered.slice(2)).toEqual(["primary", "replica"])
})

test("the bookmark of a later answer is the greater text, and nonsense is refused", async () => {
  const session = replicas.d1.withSession("first-unconstrained")
  expect(session.getBookmark()).toBeNull()
  await session.prepare(NAMES).all()
  const before = session.getBookmark()!
  await insert(session, "fifth")
  expect(session.getBookmark()! > before).toBe(true)
  await expect(replicas.d1.withSession("nonsense").prepare(NAMES).all()).rejects.toThrow("D1_ERROR")
})

function insert(d1: Pick<D1DatabaseSession, "prepare">, name: string): Promise<unknown> {
  return d1
    .prepare("INSERT INTO teams (id, name, created_at, updated_at) VALUES (?, ?, 0, 0)")
    .bind(crypto.randomUUID(), name)
    .run()
}
