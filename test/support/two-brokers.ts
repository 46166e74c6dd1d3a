import { MockCluster } from '../../src/rdkafka/mock-cluster.ts'
import { TOPICS } from './applications.ts'

/** The broker that a fault is put on. */
export const OTHER_BROKER = 2

/**
 * A mock cluster of two brokers and the worker's topics. All is with broker 1 but what is
 * elsewhere, with {@link OTHER_BROKER}: the decisions of partition 0, or the group's coordinator.
 */
export function twoBrokers(elsewhere: 'decisions' | 'group', partitions: number): MockCluster {
  const cluster = new MockCluster(2)
  for (const topic of Object.values(TOPICS)) {
    cluster.createTopic(topic, partitions)
    for (let p = 0; p < partitions; p++) cluster.setLeader(topic, p, 1)
  }
  if (elsewhere === 'decisions') cluster.setLeader(TOPICS.decisions, 0, OTHER_BROKER)
  cluster.setCoordinator('group', 'loanstream', elsewhere === 'group' ? OTHER_BROKER : 1)
  for (let p = 0; p < partitions; p++) {
    const id = `loanstream-loanstream-${TOPICS.applications}-${p}`
    cluster.setCoordinator('transaction', id, 1)
  }
  return cluster
}
