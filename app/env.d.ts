declare namespace Cloudflare {
  interface Env {
    DB: D1Database
    LIMITER: DurableObjectNamespace<import("selvedge/worker").Limiter>
    ASSETS: Fetcher
    /** At least 32 random characters; encrypts the signing keys. */
    SELVEDGE_SECRET: string
  }
}
