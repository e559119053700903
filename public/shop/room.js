/** A film's watch party: what people say, and who is there. */

import { client, isProblem } from "./client.js"
import { element, find } from "./dom.js"
import { signInPath } from "./next.js"
import { poster } from "./poster.js"
import { showFaces } from "./room-faces.js"
import { showRooms } from "./room-list.js"
import { openLog } from "./room-log.js"
import { emptyState, errorState } from "./states.js"

const MOST_CHARACTERS = 2_000
const COUNTED_FROM = 1_800

const filmId = new URLSearchParams(location.search).get("id")
const log = openLog()
const box = find("#text")
/** Said here and not confirmed yet, or failed, in order. */
let unsent = []
let said = 0
/** Messages of this page that have come back. */
const arrived = new Set()
let room
let owner

find("#say").addEventListener("submit", (event) => {
  event.preventDefault()
  say()
})
box.addEventListener("keydown", (event) => {
  if (event.key !== "Enter" || event.shiftKey || event.isComposing) return
  event.preventDefault()
  say()
})
box.addEventListener("input", () => {
  const left = MOST_CHARACTERS - box.value.length
  find("#left").textContent = box.value.length < COUNTED_FROM ? "" : `${left} characters left`
})
find("#as-guest").addEventListener("click", async ({ target }) => {
  target.disabled = true
  try {
    await client.auth.signInAnonymously()
    box.focus()
  } catch (error) {
    showTrouble("failed", error)
  }
  target.disabled = false
})

if (filmId) await enter()
else await showRooms(find("#place"))

async function enter() {
  find("#place").replaceChildren(element("div", { class: "skeleton talk-skeleton" }))
  try {
    const film = await client.films.get(filmId, { fields: ["id", "title", "year", "genre", "director.name"] })
    showFilm(film)
  } catch (error) {
    return showMissing(error)
  }
  find("#place").replaceChildren()
  find("#room").hidden = false
  client.auth.onAuthChange(join)
}

function join(user) {
  find("#join").hidden = user !== null
  find("#messages").dataset.empty = user ? "" : "Come in to hear what is said."
  find("#say").hidden = user === null
  find("#sign-in").href = signInPath()
  if (room && user?.id === owner) return
  owner = user?.id
  unsent = [] // somebody else's
  room?.leave()
  room = undefined
  if (!user) return
  room = client.channel(`room:${filmId}`, { presence: { name: user.name ?? "Guest" } })
  room.subscribe(show)
  show()
}

function show() {
  if (!room) return
  const { status, problem, messages, members } = room.get()
  forgetArrived(messages)
  log.show(messages, unsent, { ownId: owner, retry: send, drop })
  showFaces(members, owner)
  showTrouble(status, problem)
}

/**
 * What was sent without an answer may have arrived: an own message of the same text, later than what was known when it was
 * said. Each stands for one.
 */
function forgetArrived(messages) {
  unsent = unsent.filter(({ text, after, seq }) => {
    const isIt = (one) => !arrived.has(one.seq) && one.from.id === owner && one.seq > after && one.data.text === text
    const found = messages.find(seq ? (one) => one.seq === seq : isIt)
    if (found) arrived.add(found.seq)
    return !found
  })
}

function say() {
  const text = box.value.trim()
  box.focus()
  if (text === "" || !room) return
  box.value = ""
  find("#left").textContent = ""
  const after = room.get().messages.at(-1)?.seq ?? ""
  const message = { id: `unsent ${++said}`, text, after }
  unsent = [...unsent, message]
  log.goToEnd()
  send(message)
}

async function send(message) {
  replace(message.id, { failed: undefined })
  try {
    const { seq } = await room.publish("message", { text: message.text })
    replace(message.id, { seq })
  } catch (error) {
    const mayBeThere = isProblem(error, "unreachable")
    replace(message.id, { failed: mayBeThere ? "Perhaps not sent." : error.message })
  }
}

function replace(id, patch) {
  unsent = unsent.map((message) => (message.id === id ? { ...message, ...patch } : message))
  show()
}

function drop({ id }) {
  unsent = unsent.filter((message) => message.id !== id)
  show()
}

function showFilm(film) {
  const { id, title, year } = film
  document.title = `${title} · Watch party · Selvedge Films`
  find("#film").textContent = year ? `${title} (${year})` : title
  find("#film").href = `/film?id=${id}`
  find("#poster").append(poster(film))
}

function showTrouble(status, problem) {
  const texts = {
    joining: "Opening the room …",
    offline: "The room can’t be reached at the moment. What you write is kept until you can send it again.",
    failed: isProblem(problem, "unreachable")
      ? "Talk needs a WebSocket, and your network lets none through. The rest of the shop works without; come here from another network."
      : problem && `This room can’t be joined: ${problem.message}`,
  }
  const place = find("#trouble")
  const text = texts[status] ?? ""
  if (place.textContent !== text) place.textContent = text
  place.hidden = text === ""
  find("#say").hidden = !room || status === "failed"
  if (status !== "joined") find("#messages").dataset.empty = ""
  else find("#messages").dataset.empty = "Nobody has said anything yet. You could."
}

function showMissing(error) {
  const rooms = element("a", { class: "button", href: "/room" }, "All rooms")
  const state = isProblem(error, "not_found")
    ? emptyState("There is no such room", "Each film has one; this film isn’t there.", rooms)
    : errorState("The room can’t be shown", error, () => location.reload())
  find("#place").replaceChildren(element("h1", { class: "unseen" }, "Watch party"), state)
}
