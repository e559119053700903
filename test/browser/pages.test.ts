/** Each page with something on it: nothing serious for axe-core, nothing in the log, nothing asked of another host. */

import { expect, test } from "vitest"
import { seriousFindings, tooWide } from "./checks.ts"
import { atRest, pagesOf } from "./page-list.ts"
import { withBrowser } from "./people.ts"

const { customer } = withBrowser()

test("no page of somebody who has reviewed, ordered and works here has a serious finding or is too wide", async () => {
  const { page, token } = await customer("Sam", { roles: ["staff"], viewport: { width: 390, height: 844 } })
  for (const path of await pagesOf.staff({ token })) {
    await page.goto(path)
    await atRest(page)
    expect(await seriousFindings(page), path).toEqual([])
    expect(await tooWide(page), path).toEqual([])
  }
})
