/** What every page has around it: the account, the cart's count, the theme, and how the connection is. */

import { watchCart } from "./cart.js"
import { client } from "./client.js"
import { api } from "./config.js"
import { find } from "./dom.js"
import { count } from "./format.js"

const STAFF = ["staff", "admin"]
/** A short gap isn't worth a word. */
const SAID_AFTER_MS = 800
/** What is still being sent by then has some trouble. */
const SLOW_AFTER_MS = 3_000

let saying

client.auth.onAuthChange(showAccount)
watchCart(showCart)
client.status.subscribe(showConnection)
showConnection()
find("#theme").addEventListener("click", switchTheme)
markCurrentPage()
linkToApi()

function showAccount(user) {
  const link = find("#account")
  const isSignedIn = user !== null && !user.isAnonymous
  const name = isSignedIn ? (user.name ?? user.email ?? "Account") : "Sign in"
  find("span", link).textContent = name
  link.href = isSignedIn ? "/account" : "/sign-in"
  link.setAttribute("aria-label", isSignedIn ? `Account of ${name}` : "Sign in")
  for (const item of document.querySelectorAll("[data-for=customers]")) item.hidden = user === null
  for (const item of document.querySelectorAll("[data-for=staff]"))
    item.hidden = !user?.roles.some((role) => STAFF.includes(role))
}

function showCart(lines) {
  const copies = lines.reduce((sum, { quantity }) => sum + quantity, 0)
  const badge = find("#cart .badge")
  const isMore = copies > Number(badge.textContent)
  badge.textContent = copies
  badge.hidden = copies === 0
  find("#cart").setAttribute("aria-label", `Cart, ${count(copies, "film")}`)
  if (isMore) badge.animate?.([{ scale: 1 }, { scale: 1.35 }, { scale: 1 }], { duration: 250 })
}

function showConnection() {
  const { isOnline, pending } = client.status.get()
  clearTimeout(saying)
  if (isOnline && pending === 0) sayConnection("")
  else if (isOnline) saying = setTimeout(sayConnection, SLOW_AFTER_MS, `${count(pending, "change")} still being sent …`)
  else saying = setTimeout(sayConnection, SAID_AFTER_MS, `There is no connection.${waitingText(pending)}`)
}

const waitingText = (pending) => (pending > 0 ? ` ${count(pending, "change")} will be sent when it is back.` : "")

function sayConnection(text) {
  const strip = find("#connection")
  if (text) strip.textContent = text
  strip.classList.toggle("is-shown", text !== "")
}

function switchTheme() {
  const root = document.documentElement
  const isDark =
    getComputedStyle(root).colorScheme === "dark" ||
    (!root.dataset.theme && matchMedia("(prefers-color-scheme: dark)").matches)
  root.dataset.theme = isDark ? "light" : "dark"
  try {
    localStorage.setItem("theme", root.dataset.theme)
  } catch {} // for this page, then
}

function markCurrentPage() {
  for (const link of document.querySelectorAll(".site-header a"))
    if (link.pathname === location.pathname) link.setAttribute("aria-current", "page")
}

/** Its documents are where the API is, which may be another origin than the pages'. */
function linkToApi() {
  for (const link of document.querySelectorAll(".site-footer a[href^='/docs'], .site-footer a[href^='/v1']"))
    link.href = api + link.getAttribute("href")
}
