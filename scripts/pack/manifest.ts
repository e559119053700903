/** The published `package.json`, out of the project's own, whose entries are sources. */

export interface ProjectManifest {
  readonly name: string
  readonly version: string
  readonly description: string
  readonly license: string
  readonly exports: Readonly<Record<string, string>>
  readonly dependencies: Readonly<Record<string, string>>
}

/** The client runs wherever `fetch`, streams and Web Crypto are; what makes a Worker runs in workerd. */
const NODE = ">=20.3"
const REACT = ">=18"

export function manifest(project: ProjectManifest) {
  const { name, version, description, license, exports, dependencies } = project
  return {
    name,
    version,
    description,
    license,
    type: "module",
    sideEffects: false,
    engines: { node: NODE },
    exports: {
      ...Object.fromEntries(Object.entries(exports).map(([entry, source]) => [entry, compiled(source)])),
      "./package.json": "./package.json",
    },
    files: ["lib", "CHANGELOG.md"],
    dependencies,
    peerDependencies: { react: REACT },
    peerDependenciesMeta: { react: { optional: true } },
  }
}

/** `./src/client.ts` as `./lib/client.js`. */
function compiled(source: string): { types: string; default: string } {
  const path = source.replace("./src/", "./lib/").replace(/\.ts$/, "")
  return { types: `${path}.d.ts`, default: `${path}.js` }
}
