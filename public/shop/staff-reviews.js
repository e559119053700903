/** The newest reviews, live, each with a switch that hides it. */

import { client } from "./client.js"
import { element, find } from "./dom.js"
import { timeAgo } from "./format.js"
import { toastProblem } from "./notices.js"
import { emptyState, errorState } from "./states.js"

const SHOWN = 20

export function showReviews() {
  const list = find("#reviews")
  const query = { sort: "-createdAt", limit: SHOWN, expand: ["film", "author"] }
  list.append(element("li", { class: "skeleton review-skeleton" }))
  client.reviews.live(query, (reviews, { status, problem, pending }) => {
    if (status === "loading") return
    const focused = document.activeElement?.closest("#reviews li")?.dataset.id
    if (status === "failed")
      list.replaceChildren(
        element(
          "li",
          {},
          errorState("The reviews can’t be shown", problem, () => location.reload()),
        ),
      )
    else if (reviews.length === 0)
      list.replaceChildren(
        element("li", {}, emptyState("No reviews yet", "The first one shows here the moment it is written.")),
      )
    else list.replaceChildren(...reviews.map((review) => reviewItem(review, pending.has(review.id))))
    if (focused) list.querySelector(`[data-id="${focused}"] button`)?.focus()
  })
}

function reviewItem(review, isPending) {
  const { id, hidden, stars, body, createdAt, film, author } = review
  const toggle = () => client.reviews.update(review, { hidden: !hidden }).catch(toastProblem)
  return element(
    "li",
    { class: `review ${hidden ? "is-hidden" : ""} ${isPending ? "is-pending" : ""}`, "data-id": id },
    element(
      "p",
      { class: "review-head" },
      element("strong", {}, film ? element("a", { href: `/film?id=${film.id}` }, film.title) : "A film"),
      element(
        "span",
        { class: "stars", role: "img", "aria-label": `${stars} of 5 stars` },
        "★".repeat(stars) + "☆".repeat(5 - stars),
      ),
      hidden && element("span", { class: "tag bad" }, "Hidden"),
    ),
    body && element("p", { class: "review-body" }, body),
    element(
      "p",
      { class: "review-foot" },
      element("span", { class: "faint" }, `${author?.name ?? "Somebody"}, ${timeAgo(createdAt)}`),
      element("button", { type: "button", class: "plain", onclick: toggle }, hidden ? "Show it again" : "Hide it"),
    ),
  )
}
