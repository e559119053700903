/** The own orders, as they are now: what is pending becomes paid or fails while one looks. */

import { addToCart } from "./cart.js"
import { client } from "./client.js"
import { element, find } from "./dom.js"
import { dateTime, money } from "./format.js"
import { signInPath } from "./next.js"
import { toast, toastProblem } from "./notices.js"
import { emptyState, errorState } from "./states.js"

const PAGE = 20
const STATES = {
  pending: { tag: "Payment pending", kind: "warn", news: "The payment is on its way." },
  paid: { tag: "Paid", kind: "good", news: "It is paid." },
  failed: {
    tag: "Not paid",
    kind: "bad",
    news: "The payment was declined.",
    note: "The payment was declined, so the order is cancelled. Nothing was charged, and the films are back on the shelf.",
  },
}

const list = find("#orders")
const place = find("#place")
const newId = new URLSearchParams(location.search).get("new")
/** By order, the state that was shown last. */
const shown = new Map()
let limit = PAGE
let owner
let stop = () => {}

client.auth.onAuthChange((user) => {
  if (user && user.id === owner) return
  owner = user?.id
  list.replaceChildren()
  shown.clear()
  follow()
})
find("#more").addEventListener("click", () => {
  limit += PAGE
  follow()
})

/** Staff may read everybody's orders; here are the own ones. */
function follow() {
  stop()
  stop = () => {}
  if (!owner) return showEmpty()
  const query = { userId: owner, sort: "-createdAt", limit, expand: ["items.film"] }
  stop = client.orders.live(query, (orders, { status, problem, hasMore }) => {
    if (status === "loading") return
    if (status === "failed") return showFailed(problem)
    show(orders)
    find("#more").hidden = !hasMore
  })
  if (!list.hasChildNodes()) showLoading()
}

function show(orders) {
  if (orders.length === 0) return showEmpty()
  place.replaceChildren()
  const items = orders.map((order) => {
    const item = list.querySelector(`[data-id="${order.id}"]`) ?? newItem(order.id)
    if (shown.get(order.id) !== order.state) showOrder(item, order)
    return item
  })
  for (const [index, item] of items.entries())
    if (list.children[index] !== item) list.insertBefore(item, list.children[index] ?? null)
  welcome(orders.find(({ id }) => id === newId))
}

function newItem(id) {
  const item = find("#order").content.firstElementChild.cloneNode(true)
  item.dataset.id = id
  item.classList.toggle("is-new", id === newId)
  return item
}

function showOrder(item, { id, createdAt, state, totalCents, items }) {
  const { tag, kind, note, news } = STATES[state]
  find(".number", item).textContent = shortNumber(id)
  find(".when", item).replaceChildren(element("time", { datetime: createdAt }, dateTime(createdAt)))
  find(".tag", item).textContent = tag
  find(".tag", item).className = `tag ${kind} is-${state}`
  find(".order-note", item).textContent = note ?? ""
  find(".order-note", item).hidden = !note
  find(".items", item).replaceChildren(...items.map(itemLine))
  find(".order-total strong", item).textContent = money(totalCents)
  const again = find(".again", item)
  again.hidden = state !== "failed"
  again.onclick = () => putBack(items)
  if (shown.has(id)) find("#news").textContent = `Order ${shortNumber(id)}: ${news}`
  shown.set(id, state)
}

function itemLine({ quantity, priceCents, film, filmId }) {
  return element(
    "li",
    {},
    element("span", { class: "figures faint" }, `${quantity} ×`),
    element("a", { href: `/film?id=${filmId}` }, film?.title ?? "A film"),
    element("span", { class: "figures" }, money(quantity * priceCents)),
  )
}

/** Whoever comes from the checkout. */
function welcome(order) {
  if (!order) return
  const thanks = find("#thanks")
  find("h2", thanks).textContent = order.state === "failed" ? "That didn’t work" : "Thank you!"
  find("#thanks-state").textContent =
    `${order.state === "failed" ? "" : "Your order is placed. "}${STATES[order.state].news}`
  if (!thanks.hidden) return
  thanks.hidden = false
  find("h2", thanks).focus()
}

async function putBack(items) {
  try {
    for (const { filmId, quantity } of items) await addToCart(filmId, quantity)
    toast("The films are in your cart again.", { action: { text: "To the cart", href: "/cart" } })
  } catch (error) {
    toastProblem(error)
  }
}

function showLoading() {
  const skeletons = [1, 2].map(() => element("div", { class: "skeleton order-skeleton" }))
  place.replaceChildren(element("p", { class: "unseen" }, "Your orders are on their way."), ...skeletons)
}

function showEmpty() {
  list.replaceChildren()
  find("#more").hidden = true
  const films = element("a", { class: "button", href: "/" }, "Find a film")
  const isGuest = !client.auth.user || client.auth.user.isAnonymous
  const signIn = isGuest && element("a", { class: "button quiet", href: signInPath() }, "Sign in")
  const text = isGuest
    ? "Nothing was ordered in this browser. Sign in to find the orders of your account."
    : "What you order stands here, with how its payment went."
  place.replaceChildren(emptyState("No orders yet", text, films, signIn))
}

function showFailed(problem) {
  place.replaceChildren(errorState("Your orders can’t be shown", problem, () => location.reload()))
}

/** The end of the id: its beginning is the time. */
function shortNumber(id) {
  return id.slice(-8).toUpperCase()
}
