// The offsets of librdkafka's structures, held against what a C compiler makes of its header.

import { expect, test } from 'bun:test'
import { mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as layout from '../../assembly/layout.ts'
import { ROOT } from '../../src/paths.ts'
import * as structs from '../../src/rdkafka/structs.ts'

const HEADER = join(
  ROOT,
  'node_modules/@confluentinc/kafka-javascript/deps/librdkafka/src/rdkafka.h',
)

const EXPECTED: Readonly<Record<string, number>> = {
  'offsetof(rd_kafka_message_t, err)': layout.MESSAGE_ERR,
  'offsetof(rd_kafka_message_t, partition)': layout.MESSAGE_PARTITION,
  'offsetof(rd_kafka_message_t, payload)': layout.MESSAGE_PAYLOAD,
  'offsetof(rd_kafka_message_t, len)': layout.MESSAGE_LEN,
  'offsetof(rd_kafka_message_t, key)': layout.MESSAGE_KEY,
  'offsetof(rd_kafka_message_t, key_len)': layout.MESSAGE_KEY_LEN,
  'offsetof(rd_kafka_message_t, offset)': layout.MESSAGE_OFFSET,
  'offsetof(rd_kafka_message_t, _private)': layout.MESSAGE_PRIVATE,
  'sizeof(rd_kafka_message_t)': layout.MESSAGE_BYTES,
  'offsetof(rd_kafka_topic_partition_list_t, cnt)': structs.LIST_COUNT,
  'offsetof(rd_kafka_topic_partition_list_t, elems)': structs.LIST_ELEMENTS,
  'offsetof(rd_kafka_topic_partition_t, topic)': structs.PARTITION_TOPIC,
  'offsetof(rd_kafka_topic_partition_t, partition)': structs.PARTITION_NUMBER,
  'offsetof(rd_kafka_topic_partition_t, offset)': structs.PARTITION_OFFSET,
  'offsetof(rd_kafka_topic_partition_t, err)': structs.PARTITION_ERR,
  'sizeof(rd_kafka_topic_partition_t)': structs.PARTITION_BYTES,
  'offsetof(rd_kafka_metadata_t, topic_cnt)': structs.METADATA_TOPIC_COUNT,
  'offsetof(rd_kafka_metadata_t, topics)': structs.METADATA_TOPICS,
  'offsetof(rd_kafka_metadata_topic_t, topic)': structs.TOPIC_NAME,
  'offsetof(rd_kafka_metadata_topic_t, partition_cnt)': structs.TOPIC_PARTITION_COUNT,
  'offsetof(rd_kafka_metadata_topic_t, partitions)': structs.TOPIC_PARTITIONS,
  'offsetof(rd_kafka_metadata_topic_t, err)': structs.TOPIC_ERR,
  'offsetof(rd_kafka_metadata_partition_t, replica_cnt)': structs.METADATA_PARTITION_REPLICA_COUNT,
  'offsetof(rd_kafka_vu_t, vtype)': structs.VU_TYPE,
  'offsetof(rd_kafka_vu_t, u.mem.ptr)': structs.VU_VALUE,
  'offsetof(rd_kafka_vu_t, u.mem.size)': structs.VU_SIZE,
  'sizeof(rd_kafka_vu_t)': structs.VU_BYTES,
  RD_KAFKA_VTYPE_RKT: structs.VU_RKT,
  RD_KAFKA_VTYPE_PARTITION: structs.VU_PARTITION,
  RD_KAFKA_VTYPE_VALUE: structs.VU_VALUE_BYTES,
  RD_KAFKA_VTYPE_KEY: structs.VU_KEY,
  RD_KAFKA_VTYPE_MSGFLAGS: structs.VU_MSGFLAGS,
  RD_KAFKA_VTYPE_HEADERS: structs.VU_HEADERS,
}

const compiler = Bun.which('cc')

test.skipIf(!compiler)(
  `every offset is the C compiler's${compiler ? '' : ' (skipped: no C compiler)'}`,
  () => {
    const folder = mkdtempSync(join(tmpdir(), 'loanstream-structs-'))
    const prints = Object.keys(EXPECTED).map((e) => `printf("%ld\\n", (long)(${e}));`)
    const source = `#include <stddef.h>\n#include <stdio.h>\n#include "${HEADER}"\nint main(void) { ${prints.join('\n')} return 0; }\n`
    writeFileSync(join(folder, 'structs.c'), source)
    const program = join(folder, 'structs')
    const compiled = Bun.spawnSync([compiler!, join(folder, 'structs.c'), '-o', program])
    expect(compiled.stderr.toString()).toBe('')
    const values = Bun.spawnSync([program]).stdout.toString().trim().split('\n').map(Number)
    expect(Object.fromEntries(Object.keys(EXPECTED).map((e, i) => [e, values[i]]))).toEqual({
      ...EXPECTED,
    })
  },
)
