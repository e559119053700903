/** One review in the list. */

import { client } from "../client.js"
import { element, icon } from "../dom.js"
import { timeAgo } from "../format.js"
import { ask, toastProblem } from "../notices.js"
import { editOwnReview } from "./review-form.js"

const STAFF = ["staff", "admin"]

export function reviewItem(review, { isOwn, isPending }) {
  const { id, stars, body, hidden, author, createdAt } = review
  const isStaff = client.auth.user?.roles.some((role) => STAFF.includes(role)) ?? false
  const name = isOwn ? "You" : (author?.name ?? "A visitor")
  const classes = ["review", isPending && "is-pending", hidden && "is-hidden"].filter(Boolean).join(" ")
  return element(
    "li",
    { class: classes, "data-review": id },
    element(
      "p",
      { class: "review-head" },
      element("strong", {}, name),
      starsOf(stars),
      element("time", { class: "faint", datetime: createdAt }, isPending ? "sending …" : timeAgo(createdAt)),
      hidden && element("span", { class: "tag warn" }, "Hidden by staff"),
    ),
    body && element("p", { class: "review-body" }, body),
    element(
      "p",
      { class: "actions" },
      isOwn && button("Edit", () => editOwnReview()),
      isOwn && button("Delete", () => deleteOwn(review)),
      isStaff && button(hidden ? "Show again" : "Hide", () => setHidden(review, !hidden), `the review of ${name}`),
    ),
  )
}

export function starsOf(stars) {
  return element(
    "span",
    { class: "stars-given" },
    Array.from({ length: 5 }, (_, index) => {
      const star = icon("star")
      star.classList.toggle("is-empty", index >= stars)
      return star
    }),
    element("span", { class: "unseen" }, `${stars} of 5 stars`),
  )
}

function button(text, run, of) {
  const node = element("button", { type: "button", class: "plain", onclick: run }, text)
  if (of) node.append(element("span", { class: "unseen" }, ` ${of}`))
  return node
}

async function deleteOwn({ id }) {
  const isSure = await ask({
    title: "Delete your review?",
    text: "It can’t be brought back.",
    yes: "Delete it",
    isDangerous: true,
  })
  if (isSure) client.reviews.delete(id).catch(toastProblem)
}

function setHidden({ id }, hidden) {
  client.reviews.update(id, { hidden }).catch(toastProblem)
}
