/** Price and stock as they are now, and the way into the cart. */

import { addToCart, MOST_COPIES, watchCart } from "../cart.js"
import { element, find } from "../dom.js"
import { markChange, setStock } from "../film-card.js"
import { onSubmit } from "../form.js"
import { count, money } from "../format.js"
import { toast } from "../notices.js"

const form = find("#buy")
const price = find("#price")
const stock = find("#stock")
const button = find("button", form)

let film

export function showBuying(now) {
  film = now
  price.textContent = money(film.priceCents)
  showStock()
  find("#party").href = `/room?id=${encodeURIComponent(film.id)}`
  onSubmit(form, putIntoCart)
  watchCart(showInCart)
}

/** Takes over what has changed, and marks it. */
export function updateBuying(now) {
  const before = film
  film = { ...film, ...now }
  if (before.priceCents !== film.priceCents) {
    price.textContent = money(film.priceCents)
    markChange(price)
  }
  if (before.stock === film.stock) return
  showStock()
  markChange(stock)
}

function showStock() {
  const isSoldOut = film.stock === 0
  setStock(stock, film.stock)
  button.disabled = isSoldOut
  button.textContent = isSoldOut ? "Sold out" : "Add to cart"
  form.elements.quantity.max = Math.max(1, Math.min(MOST_COPIES, film.stock))
  form.elements.quantity.disabled = isSoldOut
}

async function putIntoCart({ quantity }) {
  await addToCart(film.id, Number(quantity))
  form.elements.quantity.value = 1
  toast(`“${film.title}” is in the cart.`, { action: { text: "To the cart", href: "/cart" } })
}

function showInCart(lines) {
  const line = lines.find(({ filmId }) => filmId === film.id)
  const link = line && element("a", { href: "/cart" }, `${count(line.quantity, "copy", "copies")} in your cart`)
  find("#in-cart").replaceChildren(link ?? "")
}
