// One request of Kafka's protocol, by hand: what a broker knows of its cluster. It needs no client,
// so it can ask one particular broker, and nothing of ours is under test in it.

/** Metadata's number and version; brokers up to now all speak it. */
const API_KEY = 3
const API_VERSION = 1
const ANSWER_BYTES_MAX = 1 << 20

export type ClusterView = {
  /** Ids of the brokers that are registered and alive, ascending. */
  brokers: number[]
  /** By topic, the leader's id of each partition, -1 where there is none right now. */
  leaders: Map<string, number[]>
}

/**
 * Asks the broker behind a loopback port.
 *
 * @throws Error when it does not answer within the time
 */
export async function askBroker(port: number, timeoutMs: number): Promise<ClusterView> {
  const answer = Promise.withResolvers<Uint8Array>()
  let received: Uint8Array = new Uint8Array()
  const socket = await Bun.connect({
    hostname: '127.0.0.1',
    port,
    socket: {
      open: (to) => void to.write(request()),
      data: (_, chunk) => {
        received = Buffer.concat([received, chunk])
        if (isWhole(received)) answer.resolve(received)
        if (received.length > ANSWER_BYTES_MAX) answer.reject(new Error('the answer is too long'))
      },
      close: () => answer.reject(new Error('the broker closed the connection')),
      error: (_, error) => answer.reject(error),
    },
  })
  const timer = setTimeout(() => answer.reject(new Error('no answer')), timeoutMs)
  try {
    return parse(await answer.promise)
  } finally {
    clearTimeout(timer)
    socket.terminate()
  }
}

/**
 * Size => INT32, then
 * Request header v1 => api_key INT16, api_version INT16, correlation_id INT32, client_id STRING
 * Metadata request v1 => topics ARRAY, null for all
 */
function request(): Uint8Array {
  const header = Buffer.alloc(4 + 2 + 2 + 4 + 2 + 4)
  header.writeInt32BE(header.length - 4, 0)
  header.writeInt16BE(API_KEY, 4)
  header.writeInt16BE(API_VERSION, 6)
  header.writeInt16BE(-1, 12)
  header.writeInt32BE(-1, 14)
  return header
}

function isWhole(answer: Uint8Array): boolean {
  return answer.length >= 4 && answer.length >= 4 + Buffer.from(answer).readInt32BE(0)
}

/**
 * Size, correlation_id INT32, then
 * Metadata response v1 => brokers ARRAY of (node_id INT32, host STRING, port INT32, rack STRING),
 *   controller_id INT32,
 *   topics ARRAY of (error INT16, name STRING, is_internal BOOLEAN, partitions ARRAY of
 *     (error INT16, index INT32, leader INT32, replicas ARRAY of INT32, isr ARRAY of INT32))
 */
function parse(answer: Uint8Array): ClusterView {
  const bytes = Buffer.from(answer)
  let at = 8
  const int16 = () => bytes.readInt16BE((at += 2) - 2)
  const int32 = () => bytes.readInt32BE((at += 4) - 4)
  const text = () => {
    const length = Math.max(0, int16())
    return bytes.toString('utf8', at, (at += length))
  }
  const array = <T>(read: () => T): T[] => Array.from({ length: Math.max(0, int32()) }, read)

  const brokers = array(() => {
    const id = int32()
    text()
    int32()
    text()
    return id
  })
  int32()
  const topics = array(() => {
    int16()
    const name = text()
    at += 1
    const leaders = array(() => {
      int16()
      const index = int32()
      const leader = int32()
      array(int32)
      array(int32)
      return { index, leader }
    })
    const byIndex = leaders.sort((a, b) => a.index - b.index).map(({ leader }) => leader)
    return [name, byIndex] as const
  })
  return { brokers: brokers.sort((a, b) => a - b), leaders: new Map(topics) }
}
