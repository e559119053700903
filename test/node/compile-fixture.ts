/** What TypeScript finds in the code of a guide. The engine's own code, which it imports, is left to `npm run types`. */

import { resolve } from "node:path"
import ts from "typescript"
import { PROJECT_ROOT } from "../../scripts/local-env.ts"

/** @returns The faults as the compiler tells them; empty when there are none. */
export function compile(folder: string): string {
  const config = {
    extends: resolve(PROJECT_ROOT, "tsconfig.json"),
    include: ["**/*.ts", "**/*.tsx"],
    compilerOptions: { jsx: "react-jsx" },
  }
  const { fileNames, options, errors } = ts.parseJsonConfigFileContent(config, ts.sys, folder)
  const program = ts.createProgram(fileNames, options)
  const files = fileNames.map((name) => program.getSourceFile(name)!)
  const faults = files.flatMap((file) => [
    ...program.getSyntacticDiagnostics(file),
    ...program.getSemanticDiagnostics(file),
  ])
  return ts.formatDiagnostics([...errors, ...program.getOptionsDiagnostics(), ...faults], {
    getCurrentDirectory: () => PROJECT_ROOT,
    getCanonicalFileName: (name) => name,
    getNewLine: () => "\n",
  })
}
