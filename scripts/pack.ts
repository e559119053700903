/** `npm run pack`: the package as it would be published, in `dist/`, checked by publint and attw. */

import { parseArgs } from "node:util"
import { checkPackage } from "./pack/check.ts"
import { packInto } from "./pack/pack.ts"

const { values: flags } = parseArgs({ options: { out: { type: "string", default: "dist" } } })
const { folder, tarball } = await packInto(flags.out)
const faults = await checkPackage(folder, tarball)
console.log(faults || `${tarball}\npublint and attw have nothing to say against it`)
process.exitCode = faults ? 1 : 0
