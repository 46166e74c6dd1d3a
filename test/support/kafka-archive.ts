// Java's class-data archive for Kafka, kept in the set-up's cache from one start to the next.

import { copyFileSync, mkdirSync, renameSync, statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { KafkaInstallation } from '../../src/setup/kafka.ts'

/**
 * The archive of the classes that a broker loads, for this Java and these jars: Java reads it much
 * faster than the jars. The first broker on a machine writes it when it ends in good order.
 */
export class Archive {
  /** For programs that start when there is an archive. */
  readonly readFlags: readonly string[]
  /** For the first broker, when there is none. */
  readonly writeFlags: readonly string[]
  readonly isDue: boolean
  private readonly path: string
  private readonly written: string

  constructor({ version, javaVersion, archiveFolder }: KafkaInstallation, folder: string) {
    this.path = join(archiveFolder, `kafka-${version}-java-${javaVersion}-${process.arch}.jsa`)
    this.written = join(folder, 'classes.jsa')
    this.isDue = !statSync(this.path, { throwIfNoEntry: false })
    // Java itself checks that an archive fits, and does without if not.
    this.readFlags = this.isDue ? [] : ['-Xshare:auto', `-XX:SharedArchiveFile=${this.path}`]
    this.writeFlags = this.isDue ? [`-XX:ArchiveClassesAtExit=${this.written}`] : []
  }

  /** Keeps what was written for the next start; as a whole, as others may do the same. */
  keep(): void {
    if (!this.isDue || !statSync(this.written, { throwIfNoEntry: false })) return
    const temporary = `${this.path}.${process.pid}.tmp`
    mkdirSync(dirname(this.path), { recursive: true })
    copyFileSync(this.written, temporary)
    renameSync(temporary, this.path)
  }
}
