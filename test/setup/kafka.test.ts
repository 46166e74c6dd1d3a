// The step for Kafka's jars: found, missing or too old, and what the tests are told.

import { expect, test } from 'bun:test'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import {
  kafka,
  kafkaFactsPath,
  majorOf,
  missingPrograms,
  parseJavaVersion,
} from '../../src/setup/kafka.ts'
import { TemporaryFolder, contextOf } from './support.ts'

const JARS = 'cache/kafka/4.3.1/kafka.jar'

test.each([
  ['openjdk version "17.0.15" 2025-04-15\nOpenJDK Runtime', '17.0.15', 17],
  ['java version "21" 2023-09-19 LTS', '21', 21],
  ['openjdk version "26-ea" 2026-03-17', '26-ea', 26],
  ['java version "1.8.0_292"', '1.8.0_292', 8],
  [
    'The operation couldn’t be completed. Unable to locate a Java Runtime.',
    'of no known version',
    0,
  ],
])('Java tells its version: %j', (text, version, major) => {
  expect(parseJavaVersion(text)).toBe(version)
  expect(majorOf(version)).toBe(major)
})

test('says which programs are missing; Maven only until the jars are there', () => {
  using folder = new TemporaryFolder()
  const { context } = contextOf(folder.path, { environment: {} })
  const has =
    (...names: string[]) =>
    (name: string) =>
      names.includes(name) ? name : null
  const skipped = 'tests on a real Kafka are skipped: '
  expect(missingPrograms(context, has('java', 'mvn'))).toBeUndefined()
  expect(missingPrograms(context, has('java'))).toBe(`${skipped}Maven would be needed`)
  const both = `${skipped}Java 17 or later and Maven would be needed`
  expect(missingPrograms(context, has())).toBe(both)
  folder.write({ [JARS]: '' })
  expect(missingPrograms(context, has('java'))).toBeUndefined()
})

test('takes the Java of JAVA_HOME first', () => {
  using folder = new TemporaryFolder()
  folder.write({ [JARS]: '', 'jdk/bin/java': '' })
  const environment = { JAVA_HOME: join(folder.path, 'jdk') }
  const { context } = contextOf(folder.path, { environment })
  expect(missingPrograms(context, () => null)).toBeUndefined()
})

test('a Java that is too old is a reason to skip, not a failure', async () => {
  using folder = new TemporaryFolder()
  const script = '#!/bin/sh\necho \'openjdk version "11.0.2"\' >&2\n'
  folder.write({ [JARS]: '', 'jdk/bin/java': script })
  await Bun.$`chmod +x ${folder.path}/jdk/bin/java`
  const environment = { ...process.env, JAVA_HOME: join(folder.path, 'jdk') }
  const { context, said } = contextOf(folder.path, { environment })
  const step = kafka(context)
  expect(step.isDone()).toBeFalse()
  await step.run()
  const reason =
    'tests on a real Kafka are skipped: Java 17 or later is needed and "java" is 11.0.2'
  expect(said).toEqual([`setup: ${reason}`])
  const facts: unknown = JSON.parse(readFileSync(kafkaFactsPath(context.buildFolder), 'utf8'))
  expect(facts).toEqual({ unavailable: reason })
})

test('tells where Kafka is, and is done as long as it is there', async () => {
  using folder = new TemporaryFolder()
  const script = '#!/bin/sh\necho \'openjdk version "17.0.15" 2025-04-15\' >&2\n'
  folder.write({ [JARS]: '', 'jdk/bin/java': script })
  await Bun.$`chmod +x ${folder.path}/jdk/bin/java`
  const environment = { ...process.env, JAVA_HOME: join(folder.path, 'jdk') }
  const { context, said } = contextOf(folder.path, { environment })
  const step = kafka(context)
  await step.run()
  expect(said).toEqual([])
  const facts: unknown = JSON.parse(readFileSync(kafkaFactsPath(context.buildFolder), 'utf8'))
  expect(facts).toMatchObject({ version: '4.3.1', javaVersion: '17.0.15' })
  expect(step.isDone()).toBeTrue()
  const path = kafkaFactsPath(context.buildFolder)
  const whole = readFileSync(path, 'utf8')
  writeFileSync(path, whole.slice(0, 20))
  expect(step.isDone()).toBeFalse()
  writeFileSync(path, whole)
  expect(step.isDone()).toBeTrue()
  await Bun.$`rm ${folder.path}/jdk/bin/java`
  expect(step.isDone()).toBeFalse()
})
