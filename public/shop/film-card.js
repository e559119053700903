/** A film in a list: its poster, what it is, and what it costs. */

import { addToCart } from "./cart.js"
import { element, icon } from "./dom.js"
import { money, rating, stockText } from "./format.js"
import { toast, toastProblem } from "./notices.js"
import { poster } from "./poster.js"
import { rememberFilm } from "./remembered.js"

/** What a card shows; to be asked for as `fields`. */
export const CARD_FIELDS = ["id", "title", "year", "genre", "rating", "priceCents", "stock", "director.name"]
/** From here on the stock is worth a word. */
const FEW = 5

export function filmCard(film) {
  const add = element("button", { type: "button", class: "button quiet small add" }, "Add")
  add.setAttribute("aria-label", `Add ${film.title} to the cart`)
  add.addEventListener("click", () => addOne(film))
  const card = element(
    "li",
    { class: "film", "data-id": film.id },
    element(
      "a",
      { class: "film-link", href: filmUrl(film.id), onclick: () => leaveFor(card, film) },
      poster(film, "h3"),
    ),
    element("p", { class: "film-facts" }, score(film.rating), element("span", { class: "genre" }, factsOf(film))),
    element(
      "p",
      { class: "film-offer" },
      element("span", { class: "price" }, money(film.priceCents)),
      element("span", { class: "stock" }),
      add,
    ),
  )
  showStock(card, film.stock)
  return card
}

/** Takes price and stock over, and marks what has changed. */
export function updateOffer(card, { priceCents, stock }) {
  const price = card.querySelector(".price")
  if (price.textContent !== money(priceCents)) {
    price.textContent = money(priceCents)
    markChange(price)
  }
  if (card.querySelector(".stock").textContent === stockText(stock)) return
  showStock(card, stock)
  markChange(card.querySelector(".stock"))
}

/** For a moment, so that somebody who looks sees it. */
export function markChange(node) {
  node.classList.remove("has-changed")
  requestAnimationFrame(() => node.classList.add("has-changed"))
}

/** @param node A `.stock`. */
export function setStock(node, stock) {
  node.textContent = stockText(stock)
  node.dataset.level = stock === 0 ? "none" : stock <= FEW ? "few" : "many"
}

export const filmUrl = (id) => `/film?id=${encodeURIComponent(id)}`

export function score(value) {
  const text = value === null ? "not rated" : `rated ${rating(value)} of 10`
  return element(
    "span",
    { class: "score" },
    icon("star"),
    element("span", { "aria-hidden": "true" }, rating(value)),
    element("span", { class: "unseen" }, text),
  )
}

function factsOf({ genre, year, director }) {
  const byEye = [genre, year].filter(Boolean).join(" · ")
  return byEye || director?.name || "Film"
}

function showStock(card, stock) {
  setStock(card.querySelector(".stock"), stock)
  card.querySelector(".add").disabled = stock === 0
}

async function addOne({ id, title }) {
  try {
    await addToCart(id)
    toast(`“${title}” is in the cart.`, { action: { text: "To the cart", href: "/cart" } })
  } catch (error) {
    toastProblem(error)
  }
}

/** The poster grows into that of the film's page, which already knows what it shows. */
function leaveFor(card, film) {
  rememberFilm(film)
  for (const other of document.querySelectorAll(".poster, .film-poster")) other.style.viewTransitionName = "none"
  card.querySelector(".poster").style.viewTransitionName = "poster"
}
