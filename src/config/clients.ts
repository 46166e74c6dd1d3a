// librdkafka's properties of each client: our defaults, what was given, what cannot be changed.

import type { Config } from '../config.ts'

/**
 * A broker that hangs keeps its connections and says nothing: these tell soon that others lead its
 * partitions now. librdkafka's own would take up to a minute, and five.
 */
const FAILOVER = {
  'socket.timeout.ms': '10000',
  'topic.metadata.refresh.interval.ms': '10000',
}

/** Bytes of an answer to a fetch. */
const ANSWER_BYTES = 1 << 20

/** The consumer's properties: our defaults, then what was given, then what cannot be changed. */
export function consumerProperties(config: Config): Record<string, string> {
  const given = config.consumer
  // The next-generation protocol (KIP-848) assigns on the broker, which has these settings.
  const isNextGeneration = given['group.protocol']?.toLowerCase() === 'consumer'
  const strategy: Record<string, string> = isNextGeneration
    ? {}
    : {
        'partition.assignment.strategy': 'cooperative-sticky',
        // A member hears of a rebalance with its heartbeat: the default of 3000 is a gap of as long
        // in the decisions of partitions that are handed over.
        'heartbeat.interval.ms': '150',
      }
  return {
    'group.id': 'loanstream',
    'auto.offset.reset': 'earliest',
    ...strategy,
    // Once queued.min.messages are queued the next fetch waits for this long; its default of 1000
    // starves a worker this fast.
    'fetch.queue.backoff.ms': '5',
    // There is one fetch a broker, and a partition whose queue was full when it began is not in it:
    // while all others have nothing, the broker keeps it for so long, and the queue runs dry.
    'fetch.wait.max.ms': '20',
    // An answer stays in memory until the last record of it is decided, so large ones of many
    // partitions cost more than many small ones.
    // librdkafka refuses less than a record may have.
    'fetch.max.bytes': String(Math.max(ANSWER_BYTES, Number(given['message.max.bytes']) || 0)),
    'max.partition.fetch.bytes': '524288',
    // Each partition has its own queue, so these bound memory per partition.
    'queued.min.messages': '5000',
    'queued.max.messages.kbytes': '16384',
    ...FAILOVER,
    'socket.nagle.disable': 'true',
    // Tells how far a partition can be read, which health rests on.
    'statistics.interval.ms': '1000',
    ...given,
    'enable.auto.commit': 'false',
    'enable.auto.offset.store': 'false',
    'enable.partition.eof': 'true',
    'isolation.level': 'read_committed',
    ...(isNextGeneration ? { log_level: notices(given['log_level']) } : {}),
  }
}

/** That a heartbeat timed out is told by a notice, which group-watch.ts rests on. */
function notices(level = '6'): string {
  return Number(level) < 5 ? '5' : level
}

/**
 * Those of a reader that assigns itself partitions, such as `replay`: no member of the group, nor
 * of any other, so that nothing of the group's can change.
 */
export function readerProperties(config: Config): Record<string, string> {
  const { 'group.instance.id': _, ...properties } = consumerProperties(config)
  return {
    ...properties,
    'group.id': `${properties['group.id']}-reader`,
  }
}

/** Longest that a record waits for company, whatever the interval of commits. */
const LINGER_MS_MAX = 1000

/**
 * How long a producer lets a batch that is not full wait. An idempotent one has one request a
 * partition out, and while records that are past their linger wait behind it, librdkafka's thread
 * asks again and again (seen: half of its CPU). In a transaction nobody sees a record before the
 * commit, which sends what is left; so only full batches go before that. librdkafka refuses to
 * linger for as long as a record may live.
 */
function lingerMs({ settings, producer }: Config): number {
  const isExact = settings.delivery === 'exactly-once'
  const longestMs = Math.max(settings['commit.interval.ms'], settings['commit.interval.behind.ms'])
  const wanted = isExact ? Math.min(longestMs, LINGER_MS_MAX) : 5
  // The alias is the name that the property goes by here; 0 is for ever.
  const lifeMs = Number(producer['delivery.timeout.ms'] ?? 0)
  return lifeMs > 0 ? Math.min(wanted, lifeMs / 2) : wanted
}

/** The producer's properties, without those of its delivery. */
export function producerProperties(config: Config): Record<string, string> {
  return {
    'linger.ms': String(lingerMs(config)),
    // A transaction's offsets that meet the markers of the one before are refused, and would wait
    // for 100 ms; the wait doubles each time.
    'retry.backoff.ms': '20',
    // How large a record may be is the topic's to say (max.message.bytes), not ours.
    'message.max.bytes': '1000000000',
    // As many decisions as batch.size takes; a transaction waits for what is more than lingers.
    'batch.num.messages': '4000',
    'queue.buffering.max.messages': '200000',
    'queue.buffering.max.kbytes': '131072',
    ...FAILOVER,
    'socket.nagle.disable': 'true',
    ...config.producer,
  }
}

/** Those of a challenger's producer: a queue that bounds what a broken topic costs in memory. */
export function challengerProperties(config: Config): Record<string, string> {
  return {
    ...producerProperties(config),
    'queue.buffering.max.messages': '100000',
    'queue.buffering.max.kbytes': '65536',
  }
}
