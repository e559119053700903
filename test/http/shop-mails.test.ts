import { afterEach, expect, test, vi } from "vitest"
import { createShopScenario, type ShopScenario } from "./shop-scenario.ts"

const STAFF = "staff@shop.example"

afterEach(() => {
  vi.unstubAllGlobals()
})

async function signIn(scenario: ShopScenario, email: string): Promise<void> {
  await scenario.send("POST", "/v1/auth/email/code", { body: { email } })
  await scenario.settled()
  const code = /\b\d{6}\b/.exec((await scenario.mails(email)).at(-1)!.text)![0]
  const answer = await scenario.send("POST", "/v1/auth/email/code/redeem", { body: { email, code } })
  expect(answer.status, answer.text).toBe(200)
  await scenario.settled()
}

const purposes = async (scenario: ShopScenario, email: string) =>
  (await scenario.mails(email)).map(({ purpose }) => purpose)

test("an account is welcomed once, when its address is confirmed", async () => {
  const scenario = createShopScenario()
  await scenario.send("POST", "/v1/auth/sign-up", { body: { email: "ada@example.com", password: "correct horse 9" } })
  await scenario.settled()
  expect(await purposes(scenario, "ada@example.com")).not.toContain("welcome")
  await signIn(scenario, "ada@example.com")
  await signIn(scenario, "ada@example.com")
  const mails = await scenario.mails("ada@example.com")
  expect(mails.filter(({ purpose }) => purpose === "welcome").map(({ subject }) => subject)).toEqual([
    "Welcome to the film shop",
  ])
})

test("a visitor without an account is not welcomed, an account that begins with a code is", async () => {
  const scenario = createShopScenario()
  expect((await scenario.send("POST", "/v1/auth/anonymous", { body: {} })).status).toBe(201)
  await signIn(scenario, "bob@example.com")
  expect(await purposes(scenario, "bob@example.com")).toContain("welcome")
  const jobs = await scenario.jobs("welcome")
  expect(jobs.every(({ state }) => state === "succeeded")).toBe(true)
})

test("the staff hear of a film once, when it is about to run out", async () => {
  const scenario = createShopScenario()
  const ada = await scenario.buyer()
  const filmId = await scenario.film(1_000, 4)
  for (let bought = 0; bought < 3; bought++) await scenario.checkout(ada, filmId)
  await scenario.settled()
  const mails = (await scenario.mails(STAFF)).filter(({ subject }) => subject === "A film is about to run out")
  expect(mails.map(({ text }) => text)).toEqual(['2 copies of "Vertigo <1958>" are left.\n'])
})

test("the sales of a month are reported on the first of the next, at six in Berlin", async () => {
  const scenario = createShopScenario()
  const ada = await scenario.buyer()
  const [film, declined] = [await scenario.film(1_000, 9), await scenario.film(1_013, 9)]
  await scenario.run()
  await scenario.checkout(ada, film, 3)
  await scenario.checkout(ada, declined, 1)
  await scenario.settled()
  // orders go by the real clock, and other tests have made some
  const moved = scenario.d1.prepare("UPDATE orders SET created_at = iif(user_id = ?, ?, 1)")
  await moved.bind(ada.id, scenario.now()).run()
  scenario.advance(Date.UTC(2026, 11, 1, 4, 59) - scenario.now())
  await scenario.run()
  expect(await scenario.jobs("sales-report")).toHaveLength(0)
  scenario.advance(60_000)
  await scenario.run()
  const [report] = (await scenario.mails(STAFF)).filter(({ purpose }) => purpose === "sales-report")
  expect(report).toMatchObject({ subject: "Sales of 2026-11", text: "1 orders, €30.00\n\n3 × Vertigo <1958>\n" })
})
