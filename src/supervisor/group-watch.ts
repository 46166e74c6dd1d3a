// A member that may have missed what its group decided. Under KIP-848 the coordinator tells of a
// change once, with the answer to one heartbeat; a member whose heartbeat timed out must send a
// full one to be told again, which librdkafka 2.15 does not do. A partition that the lost answer
// gave is then served by nobody, and one that it wanted back blocks whoever shall have it, without
// an error. So a member that is told nothing for a while after a heartbeat timed out leaves and
// joins anew: who joins is told everything. That the coordinator could be asked does not help:
// librdkafka's request for it may abort the process when a broker goes
// (confluentinc/librdkafka#4605).

import type { Log } from '../log.ts'

/** What librdkafka logs when it waits no more for the answer to a heartbeat that it sent. */
const HEARTBEAT_LOST = /Timed out ConsumerGroupHeartbeatRequest in flight/

/**
 * How long a member waits for a rebalance, which tells it all that is its own. Heartbeats that go
 * on timing out begin it anew. It doubles with each time of joining anew, up to the most, as
 * brokers that are too slow for their heartbeats' interval would have the group do nothing else.
 */
const WAIT_MS_FIRST = 10_000
const WAIT_MS_MAX = 80_000
/** After so long without joining anew the wait is the first again. */
const CALM_MS = 600_000
/** The member of a group that is given nothing for so long has nothing to wait for. */
const IDLE_MS = 3000

export type GroupWatchContext = {
  log: Log
  /** Whether the coordinator has taken the member in, which has no partition. */
  isWithoutPartitions(): boolean
  /** Whether a rebalance is under way here, which goes on with what it has been told. */
  isLettingGo(): boolean
  /** Told of a member for which there is no partition. */
  onIdle(): void
  /** Leaves the group and joins it again. */
  rejoin(): void
}

export class GroupWatch {
  /** Times that the member joined anew. */
  rejoins = 0
  private readonly context: GroupWatchContext
  /** Whether it was given partitions since it joined; before that each heartbeat is a full one. */
  private isSettled = false
  /** When it shall join anew unless it is told something; 0: it has missed nothing. */
  private rejoinAtMs = 0
  private waitMs = WAIT_MS_FIRST
  private rejoinedAtMs = 0
  private memberSinceMs = 0

  constructor(context: GroupWatchContext) {
    this.context = context
  }

  /** To be told of every line that the consumer's librdkafka logs. */
  logged(message: string): void {
    if (!this.isSettled || !HEARTBEAT_LOST.test(message)) return
    if (Date.now() - this.rejoinedAtMs > CALM_MS) this.waitMs = WAIT_MS_FIRST
    // Whoever is first has all others told anew, so that they need not join too.
    this.rejoinAtMs = Date.now() + this.waitMs * (1 + Math.random() / 2)
  }

  /**
   * To be told of each rebalance.
   *
   * @param assign  whether partitions were given, else taken away
   */
  rebalanced(assign: boolean): void {
    if (assign) this.isSettled = true
    this.rejoinAtMs = 0
  }

  /** To be called now and then, while the member joins. */
  lookAtJoining(): void {
    if (!this.context.isWithoutPartitions()) this.memberSinceMs = 0
    else if (this.memberSinceMs === 0) this.memberSinceMs = Date.now()
    else if (Date.now() - this.memberSinceMs >= IDLE_MS) this.context.onIdle()
  }

  /** To be called now and then, while brokers answer. */
  look(): void {
    if (this.rejoinAtMs === 0 || Date.now() < this.rejoinAtMs) return
    if (this.context.isLettingGo()) {
      this.rejoinAtMs = Date.now() + this.waitMs
      return
    }
    this.waitMs = Math.min(2 * this.waitMs, WAIT_MS_MAX)
    this.rejoinedAtMs = Date.now()
    this.rejoinAtMs = 0
    this.memberSinceMs = 0
    this.isSettled = false
    this.rejoins++
    this.context.log.warn('the answer to a heartbeat was lost: the member joins the group anew')
    this.context.rejoin()
  }
}
