declare namespace Cloudflare {
  interface Env {
    DB: D1Database
    CACHE: KVNamespace
    LIMITER: DurableObjectNamespace<import("selvedge/worker").Limiter>
    FEED: DurableObjectNamespace<import("./worker.ts").Feed>
    CLOCK: DurableObjectNamespace<import("./worker.ts").Clock>
    HUB: DurableObjectNamespace<import("./worker.ts").Hub>
    TOPIC: DurableObjectNamespace<import("./worker.ts").Topic>
    JOBS: Queue<{ id: string }>
    ASSETS: Fetcher
    /** At least 32 random characters; encrypts the signing keys. */
    SELVEDGE_SECRET: string
    /** `whsec_` and base64; the payment gateway signs by it. */
    PAYMENTS_WEBHOOK_SECRET: string
    /** Where reports and warnings go. */
    STAFF_MAIL?: string
  }
}
