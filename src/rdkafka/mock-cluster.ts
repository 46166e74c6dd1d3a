// librdkafka's in-process mock cluster: brokers on loopback that speak the real protocol, with
// groups, transactions and fault injection. It keeps 5 MB or 100,000 records a partition and drops
// older ones without a word: good for the demo and for fault tests, never for data.

import type { Pointer } from 'bun:ffi'
import { assert } from '../errors.ts'
import { PRODUCER, makeClient } from './conf.ts'
import { throwCode } from './error.ts'
import { cString, rd } from './library.ts'

/** Kafka's API keys, for pushErrors (kafka.apache.org, protocol guide). */
export const API_KEYS = {
  Produce: 0,
  Fetch: 1,
  OffsetCommit: 8,
  OffsetFetch: 9,
  FindCoordinator: 10,
  JoinGroup: 11,
  Heartbeat: 12,
  SyncGroup: 14,
  InitProducerId: 22,
  AddPartitionsToTxn: 24,
  AddOffsetsToTxn: 25,
  EndTxn: 26,
  TxnOffsetCommit: 28,
} as const

export class MockCluster implements Disposable {
  private readonly client: Pointer
  private readonly cluster: Pointer
  readonly bootstrapServers: string
  readonly brokers: number

  constructor(brokers = 1) {
    this.brokers = brokers
    // The cluster lives in a client, which does nothing else.
    this.client = makeClient(PRODUCER, { 'client.id': 'mock', log_level: '0' }, 0)
    const cluster = rd.rd_kafka_mock_cluster_new(this.client, brokers)
    assert(cluster, 'librdkafka makes a mock cluster')
    this.cluster = cluster
    rd.rd_kafka_mock_group_initial_rebalance_delay_ms(cluster, 0)
    this.bootstrapServers = String(rd.rd_kafka_mock_cluster_bootstraps(cluster))
  }

  createTopic(topic: string, partitions: number): void {
    const code = rd.rd_kafka_mock_topic_create(
      this.cluster,
      cString(topic),
      partitions,
      this.brokers,
    )
    throwCode(code, `create topic ${topic}`)
  }

  /** The next requests of a kind fail with these error codes, one each. */
  pushErrors(api: keyof typeof API_KEYS, codes: readonly number[]): void {
    const errors = Int32Array.from(codes)
    rd.rd_kafka_mock_push_request_errors_array(this.cluster, API_KEYS[api], codes.length, errors)
  }

  /** Every request about the topic fails with the error; 0 ends it. */
  setTopicError(topic: string, code: number): void {
    rd.rd_kafka_mock_topic_set_error(this.cluster, cString(topic), code)
  }

  /** Has a broker, numbered from 1, lead a partition. */
  setLeader(topic: string, partition: number, broker: number): void {
    const code = rd.rd_kafka_mock_partition_set_leader(
      this.cluster,
      cString(topic),
      partition,
      broker,
    )
    throwCode(code, `leader of ${topic}`)
  }

  /** Has a broker coordinate a group or the transactions of an id. */
  setCoordinator(kind: 'group' | 'transaction', name: string, broker: number): void {
    const code = rd.rd_kafka_mock_coordinator_set(
      this.cluster,
      cString(kind),
      cString(name),
      broker,
    )
    throwCode(code, `coordinator of ${name}`)
  }

  setBrokerDown(broker: number): void {
    rd.rd_kafka_mock_broker_set_down(this.cluster, broker)
  }

  setBrokerUp(broker: number): void {
    rd.rd_kafka_mock_broker_set_up(this.cluster, broker)
  }

  /** Every answer of the broker takes so long. */
  setBrokerLatency(broker: number, latencyMs: number): void {
    rd.rd_kafka_mock_broker_set_rtt(this.cluster, broker, latencyMs)
  }

  [Symbol.dispose](): void {
    rd.rd_kafka_mock_cluster_destroy(this.cluster)
    rd.rd_kafka_destroy(this.client)
  }
}
