// Step 7, for tests: a real schema registry, Apicurio, which speaks Confluent's REST interface, and
// build/apicurio.json, which tells test/support/registry.ts where it is. Version 3 needs Java 21.

import type { Context, Step } from './context.ts'
import { jarFactsPath, jarStep } from './jars.ts'
import type { Jars } from './maven.ts'

const APICURIO_VERSION = '2.6.13.Final'

const JARS: Jars = {
  name: 'Apicurio',
  version: APICURIO_VERSION,
  artifacts: [['io.apicurio', 'apicurio-registry-app', APICURIO_VERSION, 'all']],
}

export function registry(context: Context): Step {
  return jarStep(context, { jars: JARS, skips: 'tests on a real schema registry' })
}

export function registryFactsPath(buildFolder: string): string {
  return jarFactsPath(buildFolder, JARS)
}
