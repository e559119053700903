declare namespace Cloudflare {
  interface Env {
    FIXTURE: D1Database
    /** Empty; `createReplicas` makes it a replica. */
    REPLICA: D1Database
    TEST_MIGRATIONS: import("cloudflare:test").D1Migration[]
    TEST_FIXTURE: string[]
    /** Not empty: property tests run their long form. */
    TEST_LONG: string
  }
}
