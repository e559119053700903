/** What people thought of a film, as they write it. */

import { client } from "../client.js"
import { find } from "../dom.js"
import { reviewItem } from "./review.js"
import { showOwnReview } from "./review-form.js"
import { showSummary } from "./summary.js"

const SHOWN = 100

export function showReviews({ id, title }) {
  const list = find("#reviews")
  let reviews = []
  let state

  client.auth.onAuthChange(() => state && show())
  client.reviews.live({ filmId: id, sort: "-createdAt", expand: ["author"], limit: SHOWN }, (now, nowState) => {
    reviews = now
    state = nowState
    show()
  })

  function show() {
    if (state.status === "loading") return
    find("#reviews-state").textContent =
      state.problem?.message ?? (reviews.length === 0 ? "Nobody has written yet." : "")
    const own = reviews.find((review) => isOwn(review, state))
    const focused = document.activeElement?.closest("[data-review]")
    const items = reviews.map((review) =>
      reviewItem(review, { isOwn: review === own, isPending: state.pending.has(review.id) }),
    )
    list.replaceChildren(...items)
    const same = focused && items.find(({ dataset }) => dataset.review === focused.dataset.review)
    if (focused) (same?.querySelector("button") ?? find("#reviews-title")).focus()
    showOwnReview({ id, title }, own)
    showSummary(id, reviews, state.hasMore)
  }
}

/** One that has no answer yet is the own one: the server has not put the author there. */
function isOwn({ id, authorId }, { pending }) {
  const { user } = client.auth
  return user !== null && (authorId === user.id || (authorId === undefined && pending.has(id)))
}
