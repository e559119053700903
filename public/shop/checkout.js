/**
 * One intent to buy is one idempotency key, so that a double click, a reload in the middle and a lost answer are still one
 * order. The key is kept for the tab, with the cart that it was made for, until the order is there or the cart is another.
 */

import { client } from "./client.js"
import { keep, kept } from "./kept.js"

const NAME = "checkout"

/** Once nothing that was changed is still on its way: what was taken out of the cart isn't to be bought. */
export function cartWritten() {
  return new Promise((resolve) => {
    const stop = client.status.subscribe(look)
    look()
    function look() {
      if (client.status.get().pending > 0) return
      stop()
      resolve()
    }
  })
}

/** @returns The order. @throws ProblemError `out_of_stock`, `cart_empty`, `cart_changed`, … */
export async function buy(lines) {
  return ask(intentFor(lines))
}

/**
 * What became of a checkout that a reload has cut off, of a cart that is empty by now.
 *
 * @returns Its order; undefined where none was placed. With an empty cart asking again can't buy anything.
 */
export async function findLostOrder() {
  const intent = kept(NAME)
  return intent && ask(intent).catch(() => undefined)
}

async function ask({ key, totalCents }) {
  try {
    const order = await client.request("POST", "/v1/checkout", { body: { totalCents }, key })
    keep(NAME, undefined)
    return order
  } catch (error) {
    if (error.status === 422) keep(NAME, undefined) // refused: nothing was bought, and the next click is another intent
    throw error
  }
}

function intentFor(lines) {
  const before = kept(NAME)
  const contents = contentsOf(lines)
  if (before?.contents === contents) return before
  const key = crypto.getRandomValues(new Uint32Array(4)).join("-")
  const intent = { key, contents, totalCents: totalOf(lines) }
  keep(NAME, intent)
  return intent
}

/** What is shown, and is to be paid. @returns Undefined while a price isn't known. */
function totalOf(lines) {
  if (!lines.every(({ film }) => film)) return undefined
  return lines.reduce((sum, { quantity, film }) => sum + quantity * film.priceCents, 0)
}

/** Whose cart, and what is in it. */
function contentsOf(lines) {
  const parts = lines.map(({ filmId, quantity }) => `${filmId} ${quantity}`).sort()
  return [client.auth.user?.id, ...parts].join()
}
