// The bare two hops: consumes the applications' topic and produces the same bytes to the decisions'
// topic, without deciding. A process of its own, as lean as it can be, with the clients configured
// as the worker's, but that it lingers for no longer than librdkafka's threads can sleep; what the
// worker adds is measured against it.
//
// bun bench/load/relay.ts BOOTSTRAP_SERVERS PARTITIONS

import { ptr } from 'bun:ffi'
import { loadConfig } from '../../src/config.ts'
import { consumerProperties, producerProperties } from '../../src/config/clients.ts'
import { BUILD } from '../../src/paths.ts'
import { libraryPath, openLibrary } from '../../src/rdkafka/library.ts'
import { Producer } from '../../src/rdkafka/producer.ts'
import { describeProperties } from '../../src/rdkafka/properties.ts'
import {
  MESSAGE_BYTES,
  MESSAGE_PARTITION,
  i32At,
  keySpan,
  valueSpan,
  writeMessage,
} from '../../src/rdkafka/structs.ts'
import { APPLICATIONS, DECISIONS } from '../support/broker.ts'
import { openConnection } from './connection.ts'
import { Messages } from './messages.ts'

const WAIT_MS = 100

const [bootstrapServers, count] = process.argv.slice(2)
const partitions = Number(count)
openLibrary(libraryPath(BUILD))
const config = loadConfig({
  file: false,
  environment: {},
  sets: [`bootstrap.servers=${bootstrapServers}`, 'delivery=at-least-once'],
  properties: describeProperties(),
})
const messages = new Messages(consumerProperties(config), APPLICATIONS, partitions)
const producer = new Producer({
  ...producerProperties(config),
  // The worker's own 5 are for batches that it does not send at once.
  'linger.ms': '1',
  'enable.idempotence': 'true',
})
producer.metadata(DECISIONS, 10_000)
openConnection(producer)
messages.settle()
process.stdout.write('ready\n')

const message = new Uint8Array(MESSAGE_BYTES)
const view = new DataView(message.buffer)
for (;;) {
  messages.take(WAIT_MS, forward)
  while (producer.poll(0)) continue
}

function forward(source: number): void {
  writeMessage(view, 0, keySpan(source), valueSpan(source))
  const partition = i32At(source, MESSAGE_PARTITION)
  while (producer.produceBatch(DECISIONS, partition, ptr(message), 1) === 0) producer.poll(1)
}
