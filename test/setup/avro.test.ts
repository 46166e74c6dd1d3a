// The step for Apache Avro's jars: found or missing, and what the tests are told.

import { expect, test } from 'bun:test'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { avro, avroFactsPath } from '../../src/setup/avro.ts'
import { TemporaryFolder, contextOf } from './support.ts'

const JAR = 'cache/avro/1.12.1/avro.jar'

test('tells where Apache Avro is, and is done as long as it is there', async () => {
  using folder = new TemporaryFolder()
  folder.write({ [JAR]: '', 'jdk/bin/java': '', 'jdk/bin/javac': '' })
  const environment = { JAVA_HOME: join(folder.path, 'jdk') }
  const { context, said } = contextOf(folder.path, { environment })
  const step = avro(context)
  expect(step.isDone()).toBeFalse()
  await step.run()
  expect(said).toEqual([])
  const facts: unknown = JSON.parse(readFileSync(avroFactsPath(context.buildFolder), 'utf8'))
  expect(facts).toEqual({
    version: '1.12.1',
    java: join(folder.path, 'jdk/bin/java'),
    jarFolder: join(folder.path, 'cache/avro/1.12.1'),
  })
  expect(step.isDone()).toBeTrue()
  await Bun.$`rm ${folder.path}/jdk/bin/java`
  expect(step.isDone()).toBeFalse()
})

test('without Maven or jars the tests are told why, and nothing fails', async () => {
  using folder = new TemporaryFolder()
  // No program is found in an empty folder.
  const script = join(import.meta.dir, 'avro-step.ts')
  const child = Bun.spawn([process.execPath, script, folder.path], {
    env: { PATH: folder.path },
    stdout: 'pipe',
  })
  const said = await new Response(child.stdout).text()
  const reason = 'a Java development kit and Maven would be needed'
  expect(said).toBe(`setup: tests on Apache Avro are skipped: ${reason}\n`)
  expect(await child.exited).toBe(0)
})
