import { cloudflareTest, readD1Migrations } from "@cloudflare/vitest-plugin"
import { defineConfig } from "vitest/config"
import { planMigration } from "./scripts/migrate/plan.ts"
import { EMPTY } from "./scripts/migrate/table-schema.ts"
import type { Backend } from "./src/index.ts"
import { engineTables } from "./src/schema/engine-tables.ts"
import { backend } from "./test/fixture/backend.ts"
import { backend as liveBackend } from "./test/live/app/backend.ts"

/** What `npm run test:browser` asks for; `npm test` has the short ones. */
const BROWSER_TESTS: Readonly<Record<string, string>> = {
  all: "test/browser/**/*.test.ts",
  screenshots: "test/browser/screenshots/*.ts",
}

/** Tests of the engine run in workerd on real D1; tests of scripts and of whole processes run in Node. */
export default defineConfig({
  test: {
    projects: [
      {
        plugins: [
          cloudflareTest(async () => ({
            wrangler: { configPath: "./wrangler.toml" },
            miniflare: {
              bindings: {
                SELVEDGE_SECRET: "a secret for tests, with more than 32 characters",
                TEST_MIGRATIONS: await readD1Migrations("./migrations"),
                TEST_FIXTURE: (await planFixture(backend)).statements,
                TEST_LONG: process.env.SELVEDGE_LONG ?? "",
              },
              d1Databases: ["FIXTURE", "REPLICA"],
            },
          })),
        ],
        test: {
          name: "workerd",
          include: [
            "src/**/*.test.ts",
            "test/db/**/*.test.ts",
            "test/geo/**/*.test.ts",
            "test/http/**/*.test.ts",
            "test/auth/**/*.test.ts",
            "test/cache/**/*.test.ts",
            "test/jobs/**/*.test.ts",
            "test/limits/**/*.test.ts",
            "test/webhooks/**/*.test.ts",
            "test/property/**/*.test.ts",
          ],
          setupFiles: ["./test/setup.ts"],
          isolate: false,
          maxWorkers: 2, // each has a workerd and databases of its own
          testTimeout: 30_000,
        },
      },
      {
        plugins: [
          cloudflareTest(async () => ({
            wrangler: { configPath: "./test/live/app/wrangler.toml" },
            miniflare: {
              bindings: {
                SELVEDGE_SECRET: "a secret for tests, with more than 32 characters",
                TEST_FIXTURE: (await planFixture(liveBackend)).statements,
                TEST_LONG: process.env.SELVEDGE_LONG ?? "",
              },
              d1Databases: ["REPLICA"],
            },
          })),
        ],
        test: {
          name: "live",
          include: ["test/live/**/*.test.ts"],
          setupFiles: ["./test/live/setup.ts"],
          isolate: false,
          maxWorkers: 2,
          testTimeout: 30_000,
          sequence: { groupOrder: 1 },
        },
      },
      {
        test: {
          name: "node",
          include: ["test/node/**/*.test.ts", "test/client/**/*.test.ts"],
          testTimeout: 120_000,
          hookTimeout: 120_000,
          expect: { poll: { timeout: 20_000 } },
          maxWorkers: 2,
          sequence: { groupOrder: 2 },
        },
      },
      {
        test: {
          name: "browser",
          include: [BROWSER_TESTS[process.env.SELVEDGE_BROWSER ?? ""] ?? "test/browser/*.test.ts"],
          globalSetup: "./test/browser/global-setup.ts",
          testTimeout: 120_000,
          hookTimeout: 120_000,
          expect: { poll: { timeout: 20_000 } },
          maxWorkers: 1, // a browser and the shop's server are two more
          sequence: { groupOrder: 3 },
        },
      },
    ],
  },
})

function planFixture(backend: Pick<Backend, "collections" | "tables">) {
  const collections = [...backend.collections.values()]
  return planMigration({
    previous: EMPTY,
    tables: [...Object.values(engineTables), ...backend.tables],
    search: new Map(collections.map((collection) => [collection.table.name, collection.search])),
  })
}
