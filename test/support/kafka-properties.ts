// server.properties of a test's cluster: loopback only, small, and as strict as in production where
// that is what is tested (replicas in sync, no topics made by mistake).

import { join } from 'node:path'

export type Properties = Readonly<Record<string, string>>

/** A killed leader is replaced after about this time; with Kafka's own 9 s tests would wait. */
const FAST_FAILOVER: Properties = {
  'broker.session.timeout.ms': '4000',
  'broker.heartbeat.interval.ms': '1000',
}

export function clusterProperties(nodes: number): Properties {
  const replicas = String(nodes)
  const inSyncMin = String(nodes > 1 ? nodes - 1 : 1)
  return {
    'process.roles': 'broker,controller',
    'controller.listener.names': 'CONTROLLER',
    'inter.broker.listener.name': 'PLAINTEXT',
    'listener.security.protocol.map':
      'CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,SSL:SSL,SASL_PLAINTEXT:SASL_PLAINTEXT,SASL_SSL:SASL_SSL',
    'min.insync.replicas': inSyncMin,
    'offsets.topic.num.partitions': '5',
    'offsets.topic.replication.factor': replicas,
    'transaction.state.log.num.partitions': '5',
    'transaction.state.log.replication.factor': replicas,
    'transaction.state.log.min.isr': inSyncMin,
    'share.coordinator.state.topic.num.partitions': '1',
    'share.coordinator.state.topic.replication.factor': replicas,
    'share.coordinator.state.topic.min.isr': inSyncMin,
    'group.initial.rebalance.delay.ms': '0',
    'auto.create.topics.enable': 'false',
    ...(nodes > 1 && FAST_FAILOVER),
  }
}

export function nodeProperties(
  id: number,
  port: number,
  controllerPort: number,
  folder: string,
): Properties {
  return {
    'node.id': String(id),
    listeners: `PLAINTEXT://127.0.0.1:${port},CONTROLLER://127.0.0.1:${controllerPort}`,
    'advertised.listeners': `PLAINTEXT://127.0.0.1:${port}`,
    'log.dirs': join(folder, 'data'),
  }
}
