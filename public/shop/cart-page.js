/** The cart's page: its lines as they are now, on each device, and the checkout. */

import { addToCart } from "./cart.js"
import { showLine } from "./cart-line.js"
import { buy, cartWritten, findLostOrder } from "./checkout.js"
import { client, isProblem } from "./client.js"
import { element, find } from "./dom.js"
import { count, money } from "./format.js"
import { toast, toastProblem } from "./notices.js"
import { emptyState, errorState } from "./states.js"

const MOST_LINES = 100
const SENT_AFTER_MS = 350

const list = find("#lines")
const buyButton = find("#buy")
/** Quantities that are chosen and not written yet, by line. */
const chosen = new Map()
/** By film, what the last checkout said of it. */
const refused = new Map()
/** Films that were shown: a line that has just come back has none yet. */
const films = new Map()
let lines = []
let isBuying = false
/** Whether what is shown is no older than the connection. */
let isCurrent = false
let owner
let stop = () => {}

client.auth.onAuthChange(follow)
buyButton.addEventListener("click", () => {
  if (client.auth.user?.isAnonymous) find("#guest").showModal()
  else placeOrder()
})
find("#as-guest").addEventListener("click", () => {
  find("#guest").close()
  placeOrder()
})
addEventListener("pagehide", sendChosen)

function follow(user) {
  if (user && user.id === owner) return
  owner = user?.id
  stop()
  if (!user) return showEmpty()
  stop = client.cart.live({ expand: ["film"], limit: MOST_LINES }, (records, { status, problem }) => {
    if (status === "loading") return showLoading()
    if (status === "failed") return showFailed(problem)
    isCurrent = status !== "offline"
    show(records)
  })
  if (!list.hasChildNodes()) showLoading()
}

function show(records) {
  for (const { film } of records) if (film) films.set(film.id, film)
  lines = records.map((line) => ({ ...line, film: line.film ?? films.get(line.filmId) }))
  if (lines.length === 0) return finishLostCheckout()
  find("#place").replaceChildren()
  find("#cart-columns").hidden = false
  const items = lines.map((line) => {
    const item = list.querySelector(`[data-id="${line.id}"]`) ?? newItem(line.id)
    showLine(item, line, { quantity: quantityOf(line), refusal: refused.get(line.filmId) })
    return item
  })
  for (const item of [...list.children]) if (!items.includes(item)) item.remove()
  for (const [index, item] of items.entries())
    if (list.children[index] !== item) list.insertBefore(item, list.children[index] ?? null)
  showSums()
}

function newItem(id) {
  const item = find("#line").content.firstElementChild.cloneNode(true)
  item.dataset.id = id
  const line = () => lines.find((one) => one.id === id)
  const input = find("input", item)
  input.addEventListener("change", () => choose(line(), Number(input.value)))
  for (const button of item.querySelectorAll("[data-step]"))
    button.addEventListener("click", () => choose(line(), quantityOf(line()) + Number(button.dataset.step)))
  find(".remove", item).addEventListener("click", () => remove(line()))
  return item
}

/** Shown at once, and written when the clicking has ended. */
function choose(line, wanted) {
  const quantity = Math.min(Math.max(Math.round(wanted) || 1, 1), 99)
  clearTimeout(chosen.get(line.id)?.timer)
  chosen.set(line.id, { quantity, timer: setTimeout(send, SENT_AFTER_MS, line.id) })
  refused.delete(line.filmId)
  show(lines)
}

async function send(id) {
  const { quantity, timer } = chosen.get(id)
  const line = lines.find((one) => one.id === id)
  clearTimeout(timer)
  try {
    if (line && line.quantity !== quantity) await client.cart.update(line, { quantity })
  } catch (error) {
    if (isProblem(error, "precondition_failed"))
      toast("The quantity was changed on another device.", { kind: "failed" })
    else if (!isProblem(error, "not_found")) toastProblem(error)
  }
  if (chosen.get(id)?.timer === timer) chosen.delete(id)
  show(lines)
}

function sendChosen() {
  return Promise.all([...chosen.keys()].map(send))
}

async function remove(line) {
  const { filmId, film } = line
  const quantity = quantityOf(line)
  const next = list.querySelector(`[data-id="${line.id}"]`).nextElementSibling
  clearTimeout(chosen.get(line.id)?.timer)
  chosen.delete(line.id)
  const back = () => addToCart(filmId, quantity).catch(toastProblem)
  toast(`“${film?.title ?? "The film"}” is out of your cart.`, { action: { text: "Put it back", run: back } })
  const isGone = client.cart.delete(line.id)
  find(next ? `[data-id="${next.dataset.id}"] .remove` : "#main").focus()
  await isGone.catch((error) => isProblem(error, "not_found") || toastProblem(error))
}

async function placeOrder() {
  if (isBuying) return
  setBuying(true)
  say("")
  try {
    await sendChosen()
    await cartWritten()
    const order = await buy(lines)
    location.assign(`/orders?new=${order.id}`)
  } catch (error) {
    setBuying(false)
    await explain(error)
  }
}

async function explain(error) {
  refused.clear()
  for (const { pointer, message } of error.errors ?? []) refused.set(pointer.split("/").at(-1), message)
  if (isProblem(error, "out_of_stock")) say("There are not enough copies left of what is marked. Nothing was ordered.")
  else if (isProblem(error, "cart_changed")) say("Your cart has changed meanwhile. Look at it again, then order.")
  else if (isProblem(error, "unreachable")) say("No answer came. Try again: you will not order twice.")
  else say(error.message)
  show(lines)
  list.querySelector(".is-refused input")?.focus()
}

/** The cart is empty: because there is nothing, or because an order that was cut off did go through. */
async function finishLostCheckout() {
  if (isBuying) return
  const isEmptied = isCurrent && client.status.get().pending === 0 // at the server as well
  const order = isEmptied ? await findLostOrder() : undefined
  if (order) location.replace(`/orders?new=${order.id}`)
  else if (lines.length === 0) showEmpty()
}

function showSums() {
  const copies = lines.reduce((sum, line) => sum + quantityOf(line), 0)
  const cents = lines.reduce((sum, line) => sum + quantityOf(line) * (line.film?.priceCents ?? 0), 0)
  find("#copies").textContent = count(copies, "film")
  find("#sum").textContent = money(cents)
  find("#total").textContent = money(cents)
}

function showLoading() {
  find("#cart-columns").hidden = true
  const skeletons = [1, 2, 3].map(() => element("div", { class: "skeleton line-skeleton" }))
  find("#place").replaceChildren(element("p", { class: "unseen" }, "Your cart is on its way."), ...skeletons)
}

function showEmpty() {
  lines = []
  list.replaceChildren()
  find("#cart-columns").hidden = true
  const films = element("a", { class: "button", href: "/" }, "Find a film")
  const orders = client.auth.user && element("a", { class: "button quiet", href: "/orders" }, "Your orders")
  find("#place").replaceChildren(
    emptyState("Your cart is empty", "Films that you put in stay here, also on your other devices.", films, orders),
  )
}

function showFailed(problem) {
  find("#cart-columns").hidden = true
  find("#place").replaceChildren(errorState("Your cart can’t be shown", problem, () => location.reload()))
}

function setBuying(is) {
  isBuying = is
  buyButton.setAttribute("aria-disabled", String(is))
  buyButton.textContent = is ? "Placing the order …" : "Place the order"
}

function say(text) {
  find("#problem").textContent = text
  find("#problem").hidden = text === ""
}

function quantityOf(line) {
  return chosen.get(line.id)?.quantity ?? line.quantity
}
