// A set of Kafka offsets: a bit each, in pages that are there only where something is.

const PAGE_OFFSETS = 65_536

export class OffsetSet {
  private readonly pages = new Map<number, Uint32Array>()
  size = 0

  /** Returns whether it was not there before. */
  add(offset: number): boolean {
    const number = Math.floor(offset / PAGE_OFFSETS)
    let page = this.pages.get(number)
    if (!page) {
      page = new Uint32Array(PAGE_OFFSETS / 32)
      this.pages.set(number, page)
    }
    const within = offset % PAGE_OFFSETS
    const bit = (1 << (within & 31)) >>> 0
    if ((page[within >> 5]! & bit) !== 0) return false
    page[within >> 5]! |= bit
    this.size++
    return true
  }

  has(offset: number): boolean {
    const page = this.pages.get(Math.floor(offset / PAGE_OFFSETS))
    const within = offset % PAGE_OFFSETS
    return page !== undefined && ((page[within >> 5]! >>> (within & 31)) & 1) === 1
  }

  /** Returns whether it was there. */
  delete(offset: number): boolean {
    if (!this.has(offset)) return false
    const page = this.pages.get(Math.floor(offset / PAGE_OFFSETS))!
    const within = offset % PAGE_OFFSETS
    page[within >> 5]! &= ~(1 << (within & 31))
    this.size--
    return true
  }

  /** In ascending order, for sets that were filled so. */
  *values(): Generator<number> {
    for (const [number, page] of this.pages) {
      for (let within = 0; within < PAGE_OFFSETS; within++) {
        if (page[within >> 5] === 0) {
          within |= 31
          continue
        }
        if ((page[within >> 5]! >>> (within & 31)) & 1) yield number * PAGE_OFFSETS + within
      }
    }
  }
}
