/** The own review: written, changed, and shown in the list before there is an answer. */

import { client, isProblem } from "../client.js"
import { find } from "../dom.js"
import { clearProblem, onSubmit, showProblem } from "../form.js"
import { toast } from "../notices.js"

/** The second click of a double click must not land on what moves up to where the form was. */
const LINGERS_MS = 500
const CHANGED_ELSEWHERE = "You have changed this review on another device meanwhile. Look at it, then send it again."

const form = find("#review")
const invitation = find("#review-invitation")

let film
let own
let isEditing = false

onSubmit(form, send)
find("#review-cancel").addEventListener("click", () => {
  stopEditing()
  focusOwn()
})

/** @param review The own one, if there is one; then the form waits for `editOwnReview`. */
export function showOwnReview(ofFilm, review) {
  film = ofFilm
  own = review
  const { user } = client.auth
  const mayWrite = user !== null && !user.isAnonymous
  invitation.hidden = mayWrite
  find("a", invitation).href = `/sign-in?next=${encodeURIComponent(location.pathname + location.search)}`
  form.hidden = !mayWrite || (own !== undefined && !isEditing)
}

export function editOwnReview() {
  isEditing = true
  form.elements.stars.value = own.stars
  form.elements.body.value = own.body
  find("#review-title").textContent = "Change your review"
  find("#review-cancel").hidden = false
  form.hidden = false
  form.elements.body.focus()
}

/** Doesn't wait for the answer: the list shows the review at once, and takes it back when it is refused. */
async function send({ stars, body }) {
  const values = { stars: Number(stars), body: body.trim() }
  const sent = own ? client.reviews.update(own, values) : client.reviews.create({ filmId: film.id, ...values })
  const hadFocus = form.contains(document.activeElement)
  isEditing = true
  form.inert = true
  const lingering = setTimeout(() => {
    stopEditing()
    if (hadFocus) focusOwn()
  }, LINGERS_MS)
  sent.catch((error) => {
    clearTimeout(lingering)
    form.inert = false
    isEditing = own !== undefined
    form.elements.stars.value = stars
    form.elements.body.value = body
    form.hidden = false
    if (isProblem(error, "precondition_failed")) toast(CHANGED_ELSEWHERE, { kind: "failed" })
    else showProblem(form, error)
  })
}

function stopEditing() {
  isEditing = form.inert = false
  clearProblem(form)
  form.reset()
  form.hidden = own !== undefined
  find("#review-title").textContent = "Write a review"
  find("#review-cancel").hidden = true
}

function focusOwn() {
  document.querySelector(`[data-review="${own?.id}"] button`)?.focus()
}
