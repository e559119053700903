/** Loaded before the scripts, which are TypeScript: an older Node would only say that it doesn't know `.ts`. */

const OLDEST = [22, 18]

const [major = 0, minor = 0] = process.versions.node.split(".").map(Number)

if (major < OLDEST[0] || (major === OLDEST[0] && minor < OLDEST[1])) {
  console.error(`Selvedge needs Node ${OLDEST.join(".")} or newer; this is ${process.versions.node}.
Run \`npm install\` without --omit=optional: it brings a Node of its own, which npm scripts such as \`npm run dev\` use.`)
  process.exit(1)
}
