/** The cart: live on each page and device. A visitor without an account gets one with the first film. */

import { client, isProblem } from "./client.js"

/** Of one film. */
export const MOST_COPIES = 99
const MOST_LINES = 100

const listeners = new Set()
let lines = []
let owner
let stop = () => {}

client.auth.onAuthChange((user) => {
  if (user?.id === owner) return
  owner = user?.id
  stop()
  stop = user ? client.cart.live({ limit: MOST_LINES }, tell) : () => {}
  tell([]) // not somebody else's
})

/** @param changed Called with the lines, at once and after each change. @returns Ends it. */
export function watchCart(changed) {
  listeners.add(changed)
  changed(lines)
  return () => listeners.delete(changed)
}

export async function addToCart(filmId, quantity = 1) {
  if (!client.auth.user) await client.auth.signInAnonymously()
  const line = lines.find((one) => one.filmId === filmId)
  if (line) return setQuantity(line, line.quantity + quantity)
  try {
    return await client.cart.create({ filmId, quantity })
  } catch (error) {
    if (!isProblem(error, "conflict")) throw error
    const { data } = await client.cart.list({ filmId }) // another device was faster
    return setQuantity(data[0], data[0].quantity + quantity)
  }
}

export function setQuantity(line, quantity) {
  return client.cart.update(line.id, { quantity: Math.min(Math.max(quantity, 1), MOST_COPIES) })
}

function tell(now) {
  lines = now
  for (const listener of listeners) listener(lines)
}
