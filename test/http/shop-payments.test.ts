import { afterEach, describe, expect, test, vi } from "vitest"
import { CALLBACK, createShopScenario, type ShopScenario } from "./shop-scenario.ts"

const DECLINED = 1_013

afterEach(() => {
  vi.unstubAllGlobals()
})

/** The jobs of an order, by their names. */
async function jobsOf(scenario: ShopScenario, orderId: string) {
  const jobs = [...(await scenario.jobs("payment")), ...(await scenario.jobs("receipt"))]
  return jobs.filter(({ input }) => input.orderId === orderId)
}

describe("an order that is paid", () => {
  test("is pending in the answer, and paid with its receipt mailed soon after", async () => {
    const scenario = createShopScenario()
    const ada = await scenario.buyer()
    const filmId = await scenario.film(1_999, 5)
    const { status, body: order } = await scenario.checkout(ada, filmId, 2)
    expect([status, order.state, order.totalCents]).toEqual([201, "pending", 3_998])
    await scenario.settled()
    expect((await ada.get(`/v1/orders/${order.id}`)).body.state).toBe("paid")
    const [mail, ...others] = await scenario.mails(ada.email!)
    expect(others).toEqual([])
    expect(mail).toMatchObject({ purpose: "receipt", subject: `Your order ${order.id}` })
    expect(mail!.text).toContain("2 × Vertigo <1958>: €39.98")
    expect(mail!.text).toContain("Total: €39.98")
    expect(mail!.html).toContain("Vertigo &lt;1958&gt;")
    expect((await jobsOf(scenario, order.id)).map(({ state }) => state)).toEqual(["succeeded", "succeeded"])
  })

  test("stays paid, whatever the gateway says later", async () => {
    const scenario = createShopScenario()
    const ada = await scenario.buyer()
    const filmId = await scenario.film(1_000, 5)
    const { body: order } = await scenario.checkout(ada, filmId, 2)
    await scenario.settled()
    const before = (await ada.get(`/v1/orders/${order.id}`)).body
    for (const type of ["payment.failed", "payment.succeeded", "payment.failed"])
      expect((await scenario.callback(type, order.id)).status).toBe(200)
    await scenario.settled()
    expect((await ada.get(`/v1/orders/${order.id}`)).body).toEqual(before)
    expect(await scenario.stockOf(filmId)).toBe(3)
  })

  test("is charged and paid once, although the network loses a call and an answer", async () => {
    const scenario = createShopScenario()
    const ada = await scenario.buyer()
    const { body: order } = await scenario.checkout(ada, await scenario.film(1_000, 5))
    scenario.losses.push("lost", "answer lost")
    await scenario.run()
    expect(await scenario.orderState(order.id)).toBe("pending")
    scenario.advance(60_000)
    await scenario.run()
    expect(await scenario.orderState(order.id)).toBe("paid")
    expect(scenario.callbacks.map(({ id }) => id)).toEqual(Array(2).fill(scenario.callbacks[0]!.id))
    expect((await scenario.send("POST", CALLBACK, scenario.callbacks[1])).status).toBe(200)
    scenario.advance(60_000)
    await scenario.run()
    expect((await jobsOf(scenario, order.id)).map(({ state }) => state)).toEqual(["succeeded", "succeeded"])
    const outcomes = await scenario.jobs("webhook:payments.webhook")
    expect(outcomes.filter(({ input }) => input.body.data.orderId === order.id)).toHaveLength(1)
    expect((await ada.get(`/v1/orders/${order.id}`)).body.version).toBe(2)
  })

  test("of a visitor without an address needs no receipt", async () => {
    const scenario = createShopScenario()
    const visitor = await scenario.buyer(null)
    const { body: order } = await scenario.checkout(visitor, await scenario.film(1_000, 5))
    await scenario.settled()
    expect(await scenario.orderState(order.id)).toBe("paid")
    expect((await jobsOf(scenario, order.id)).map(({ state }) => state)).toEqual(["succeeded", "succeeded"])
  })
})

describe("an order that isn't paid", () => {
  test("fails, gives its stock back, and its buyer is told", async () => {
    const scenario = createShopScenario()
    const ada = await scenario.buyer()
    const filmId = await scenario.film(DECLINED, 5)
    const { body: order } = await scenario.checkout(ada, filmId)
    expect(await scenario.stockOf(filmId)).toBe(4)
    await scenario.settled()
    expect(await scenario.orderState(order.id)).toBe("failed")
    expect(await scenario.stockOf(filmId)).toBe(5)
    const subjects = (await scenario.mails(ada.email!)).map(({ subject }) => subject)
    expect(subjects).toEqual([`Your order ${order.id}`, `Your order ${order.id} was not paid`])
  })

  test("gives its stock back once, in whatever order and however often it is told", async () => {
    const scenario = createShopScenario()
    const ada = await scenario.buyer()
    const [one, two] = [await scenario.film(500, 10), await scenario.film(600, 10)]
    await ada.post("/v1/cart", { body: { filmId: one, quantity: 4 } })
    const { body: order } = await scenario.checkout(ada, two, 3)
    scenario.losses.push(...Array(20).fill("lost"))
    await Promise.all(Array.from({ length: 5 }, () => scenario.callback("payment.failed", order.id)))
    await scenario.callback("payment.failed", order.id, "the same")
    await scenario.callback("payment.failed", order.id, "the same")
    await scenario.callback("payment.succeeded", order.id)
    scenario.work.messages.push(...scenario.work.messages)
    scenario.work.messages.sort(() => Math.random() - 0.5)
    const states: string[] = []
    for (let round = 0; round < 3; round++) {
      await scenario.run()
      states.push(await scenario.orderState(order.id))
      scenario.advance(60_000)
    }
    const left = [await scenario.stockOf(one), await scenario.stockOf(two)]
    expect([["failed", 10, 10].join(), ["paid", 6, 7].join()]).toContain([states[0], ...left].join())
    expect(new Set(states).size).toBe(1)
  })

  test("and is paid for after all stays failed, and the operator learns of it by a dead letter", async () => {
    const scenario = createShopScenario()
    const ada = await scenario.buyer()
    const { body: order } = await scenario.checkout(ada, await scenario.film(DECLINED, 5))
    await scenario.settled()
    await scenario.callback("payment.succeeded", order.id)
    await scenario.settled()
    expect(await scenario.orderState(order.id)).toBe("failed")
    const outcomes = await scenario.jobs("webhook:payments.webhook")
    const late = outcomes.find(
      ({ input: { body } }) => body.type === "payment.succeeded" && body.data.orderId === order.id,
    )
    expect(late).toMatchObject({ state: "dead", attempts: 1 })
    expect(late!.errors[0]!.message).toBe(`order ${order.id} is failed, but was paid for: give the money back`)
  })

  test("waits as a dead letter where there is no gateway, and is paid when the operator tries again", async () => {
    const scenario = createShopScenario()
    scenario.variables.SELVEDGE_LOCAL = "false"
    const ada = await scenario.buyer()
    const { body: order } = await scenario.checkout(ada, await scenario.film(1_000, 5))
    for (let attempt = 0; attempt < 11; attempt++) {
      await scenario.run()
      scenario.advance(3_600_000)
    }
    const payment = (await scenario.jobs("payment")).find(({ input }) => input.orderId === order.id)!
    expect(payment).toMatchObject({ state: "dead" })
    expect(payment.errors.at(-1)!.message).toContain("there is no payment gateway")
    expect(await scenario.orderState(order.id)).toBe("pending")
    scenario.variables.SELVEDGE_LOCAL = "true"
    const operator = await scenario.as("service")
    expect((await operator.post(`/v1/admin/jobs/${payment.id}/retry`, { body: {} })).status).toBe(200)
    await scenario.run()
    expect(await scenario.orderState(order.id)).toBe("paid")
  })
})

describe("the checkout", () => {
  test("stores the order, its payment and its receipt together, once for each key", async () => {
    const scenario = createShopScenario()
    const ada = await scenario.buyer()
    const filmId = await scenario.film(1_000, 5)
    const answers = await Promise.all(Array.from({ length: 5 }, () => scenario.checkout(ada, filmId, 1, "one key")))
    const [order] = answers.filter(({ status }) => status === 201).map(({ body }) => body)
    const jobs = await jobsOf(scenario, order.id)
    expect(jobs.map(({ name, state }) => [name, state])).toEqual([
      ["payment", "queued"],
      ["receipt", "queued"],
    ])
    expect(jobs[0]!.input).toEqual({ orderId: order.id, callbackUrl: `https://edge.example${CALLBACK}` })
    await scenario.settled()
    expect(scenario.callbacks).toHaveLength(1)
    expect(await scenario.mails(ada.email!)).toHaveLength(1)
  })

  test("that is refused queues nothing", async () => {
    const scenario = createShopScenario()
    const ada = await scenario.buyer()
    const count = async () => (await scenario.d1.prepare("SELECT count(*) AS n FROM _jobs").first<number>("n"))!
    const filmId = await scenario.film(1_000, 1)
    await scenario.settled()
    const before = await count()
    expect((await scenario.checkout(ada, filmId, 2)).body.code).toBe("out_of_stock")
    expect(await count()).toBe(before)
    expect(scenario.work.messages).toHaveLength(0)
    expect(await scenario.stockOf(filmId)).toBe(1)
  })

  test("takes nothing out of a cart that another tab is changing", async () => {
    const scenario = createShopScenario()
    const ada = await scenario.buyer()
    const filmId = await scenario.film(1_000, 5)
    const race = "CREATE TRIGGER race AFTER INSERT ON orders BEGIN UPDATE cart SET quantity = 3; END"
    await scenario.d1.exec(race)
    const answer = await scenario.checkout(ada, filmId, 2)
    await scenario.d1.exec("DROP TRIGGER race")
    expect([answer.status, answer.body.code]).toEqual([422, "cart_changed"])
    expect(await scenario.stockOf(filmId)).toBe(5)
    expect((await ada.get("/v1/cart")).body.data).toMatchObject([{ filmId, quantity: 2 }])
  })

  test("is told by nobody but the gateway how it ended", async () => {
    const scenario = createShopScenario()
    const ada = await scenario.buyer()
    const { body: order } = await scenario.checkout(ada, await scenario.film(1_000, 5))
    const body = { type: "payment.succeeded", data: { orderId: order.id } }
    expect((await ada.post(CALLBACK, { body })).status).toBe(401)
    expect(await scenario.orderState(order.id)).toBe("pending")
  })
})
