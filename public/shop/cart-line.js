/** One line of the cart. */

import { find } from "./dom.js"
import { money } from "./format.js"
import { poster } from "./poster.js"

/** @param refusal What a checkout has said of the film. */
export function showLine(item, { film }, { quantity, refusal }) {
  const link = find("a", item)
  const input = find("input", item)
  const title = film?.title ?? "A film"
  link.textContent = title
  if (film) link.href = `/film?id=${film.id}`
  const picture = find(".line-poster", item)
  if (film && !picture.hasChildNodes()) picture.append(poster(film))
  find(".facts", item).textContent = film
    ? [film.year, film.genre, `${money(film.priceCents)} each`].filter(Boolean).join(" · ")
    : ""
  find("legend", item).textContent = `Copies of ${title}`
  find(".remove", item).setAttribute("aria-label", `Remove ${title}`)
  if (document.activeElement !== input || Number(input.value) !== quantity) input.value = quantity
  find("[data-step='-1']", item).disabled = quantity <= 1
  find("[data-step='1']", item).disabled = quantity >= 99
  find(".line-price", item).textContent = film ? money(film.priceCents * quantity) : ""
  warn(item, shortage(film, quantity) || (refusal ? sentence(refusal) : ""))
  item.classList.toggle("is-refused", Boolean(refusal))
}

function shortage(film, quantity) {
  if (!film || film.stock >= quantity) return ""
  return film.stock === 0 ? "Sold out. Take it out to order the rest." : `Only ${film.stock} left.`
}

function warn(item, text) {
  const place = find(".warning", item)
  const input = find("input", item)
  place.id = `warning-${item.dataset.id}`
  place.textContent = text
  place.hidden = text === ""
  if (text) input.setAttribute("aria-describedby", place.id)
  else input.removeAttribute("aria-describedby")
  input.setAttribute("aria-invalid", String(text !== ""))
}

function sentence(text) {
  return `${text[0].toUpperCase()}${text.slice(1)}.`
}
