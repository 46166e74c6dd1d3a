// The bare two hops: consumes the applications' topic and produces the same bytes to the decisions'
// topic, without deciding. A process of its own, as plain as it can be, with the clients configured
// as the worker's; what the worker adds is measured against it.
//
// bun bench/support/relay.ts BOOTSTRAP_SERVERS PARTITIONS

import { loadConfig } from '../../src/config.ts'
import { consumerProperties, producerProperties } from '../../src/config/clients.ts'
import { BUILD } from '../../src/paths.ts'
import { libraryPath, openLibrary } from '../../src/rdkafka/library.ts'
import { Producer } from '../../src/rdkafka/producer.ts'
import { describeProperties } from '../../src/rdkafka/properties.ts'
import { RecordReader } from '../../src/rdkafka/record-reader.ts'
import { APPLICATIONS, DECISIONS } from './broker.ts'

const [bootstrapServers, partitions] = process.argv.slice(2)
openLibrary(libraryPath(BUILD))
const config = loadConfig({
  file: false,
  environment: {},
  sets: [`bootstrap.servers=${bootstrapServers}`, 'delivery=at-least-once'],
  properties: describeProperties(),
})
const all = Array.from({ length: Number(partitions) }, (_, i) => i)
const reader = new RecordReader(consumerProperties(config), APPLICATIONS, all, 'latest')
const producer = new Producer({ ...producerProperties(config), 'enable.idempotence': 'true' })
producer.metadata(DECISIONS, 10_000)
while (reader.ended.size < all.length) reader.read(100)
process.stdout.write('ready\n')
for (;;) {
  for (const { partition, key, value } of reader.read(100)) {
    while (!producer.produce(DECISIONS, partition, key, value!)) producer.poll(1)
  }
  producer.poll(0)
}
