/** What the platform itself costs: a Worker that does nothing, and one that answers a list's bytes out of a constant. */

const RECORD = JSON.stringify({
  id: "0".repeat(36),
  title: "Post",
  body: "The quick brown fox. ".repeat(10),
  at: "0".repeat(90),
})
const LIST = new TextEncoder().encode(`{"data":[${Array.from({ length: 20 }, () => RECORD).join(",")}]}`)
const INIT = { headers: { "Content-Type": "application/json" } }

export default {
  fetch: (request) => new Response(request.url.endsWith("/constant") ? LIST : "{}", INIT),
} satisfies ExportedHandler
