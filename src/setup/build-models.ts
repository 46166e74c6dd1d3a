// Compiles models and prints one line of JSON for each: bun build-models.ts MODULE (SOURCE TARGET)…

import { buildModel, writeArtefact } from '../compiler/artefact.ts'
import { OperatingError } from '../errors.ts'
import { loadModule } from '../scorer/module.ts'

export type BuildResult =
  | { trees: number; bytes: number; probes: number }
  /** One sentence about the source; the models after it were not tried. */
  | { refused: string }

const [modulePath, ...folders] = process.argv.slice(2)

function print(result: BuildResult): void {
  console.log(JSON.stringify(result))
}

function buildAll(): void {
  const module = loadModule(modulePath!)
  for (let i = 0; i < folders.length; i += 2) {
    const { artefact, parity } = buildModel(folders[i]!, module)
    writeArtefact(artefact, folders[i + 1]!)
    const { trees, tables } = artefact.manifest
    print({ trees, bytes: tables.bytes, probes: parity.probes })
  }
}

try {
  buildAll()
} catch (error) {
  if (!(error instanceof OperatingError) || error.kind !== 'usage') throw error
  print({ refused: error.message })
  process.exitCode = 1
}
