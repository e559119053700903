/** The shop's page: lists films out of the API next door. */

const PAGE = 12
const TYPING_MS = 250
const FIELDS = "title,year,genre,rating,priceCents,stock,director.name"

const form = document.querySelector("#search")
const list = document.querySelector("#films")
const status = document.querySelector("#status")
const more = document.querySelector("#more")
const request = document.querySelector("#request")
const template = document.querySelector("#film")

/** The request whose answer is wanted: an older one that comes in late is dropped. */
let latest
let next = null
let typing

form.addEventListener("submit", (event) => {
  event.preventDefault()
  showFilms()
})
form.addEventListener("input", () => {
  clearTimeout(typing)
  typing = setTimeout(showFilms, TYPING_MS)
})
more.addEventListener("click", () => showFilms({ after: next }))

showFilms()
showGenres()

async function showFilms({ after } = {}) {
  const url = filmsUrl(after)
  latest?.abort()
  latest = new AbortController()
  const { signal } = latest
  request.href = url
  request.firstElementChild.textContent = `GET ${decodeURIComponent(url)}`
  more.disabled = true
  try {
    const { data, page } = await get(url, signal)
    if (!after) list.replaceChildren()
    list.append(...data.map(filmItem))
    next = page.next
    say(list.children.length === 0 ? "No film matches. Try other words, or another genre." : "")
  } catch (error) {
    if (signal.aborted) return
    if (!after) list.replaceChildren()
    say(`The films can't be shown: ${error.message}`, "failed")
  }
  more.hidden = next === null || list.children.length === 0
  more.disabled = false
}

async function showGenres() {
  const answer = await get("/v1/films?aggregate=count&group=genre&limit=50").catch(() => ({ data: [] }))
  const genres = answer.data.filter(({ group }) => group.genre !== null)
  form.elements.genre.append(...genres.map(({ group, count }) => new Option(`${group.genre} (${count})`, group.genre)))
}

function filmsUrl(after) {
  const { q, genre } = Object.fromEntries(new FormData(form))
  const parameters = new URLSearchParams({ fields: FIELDS, limit: PAGE })
  if (q.trim()) parameters.set("q", q.trim())
  else parameters.set("sort", "-rating")
  if (genre) parameters.set("genre", genre)
  if (after) parameters.set("after", after)
  return `/v1/films?${parameters}`
}

async function get(url, signal) {
  const response = await fetch(url, { signal }).catch((error) => {
    throw signal?.aborted ? error : new Error("the server doesn't answer.")
  })
  const body = await response.json().catch(() => ({}))
  if (!response.ok) throw new Error(body.detail ?? `the server answered ${response.status}.`)
  return body
}

function filmItem({ title, year, genre, rating, priceCents, stock, director }) {
  const item = template.content.cloneNode(true)
  const put = (selector, text) => {
    item.querySelector(selector).textContent = text
  }
  put("h2", title)
  put(".rating", rating?.toFixed(1) ?? "–")
  put(".facts", [year, genre, director?.name].filter(Boolean).join(" · "))
  put(".amount", (priceCents / 100).toLocaleString("en", { style: "currency", currency: "USD" }))
  put(".stock", stock === 0 ? "sold out" : `${stock} left`)
  return item
}

function say(text, kind = "") {
  status.textContent = text
  status.className = kind
}
