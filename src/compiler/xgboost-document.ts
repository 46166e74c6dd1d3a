// A value of an XGBoost model with its JSON path, which errors name.

import { usageError } from '../errors.ts'

export class Place {
  readonly value: unknown
  readonly path: string
  private readonly file: string

  constructor(value: unknown, file: string, path = '') {
    this.value = value
    this.file = file
    this.path = path
  }

  get(key: string): Place {
    const found = this.find(key)
    if (!found) throw this.error(`has no ${key}`)
    return found
  }

  /** The member of that name, if there is one. */
  find(key: string): Place | undefined {
    const { value } = this
    if (typeof value !== 'object' || value === null || Array.isArray(value)) {
      throw this.error('is no object')
    }
    const member = Object.getOwnPropertyDescriptor(value, key)
    if (!member) return undefined
    return new Place(member.value, this.file, this.path === '' ? key : `${this.path}.${key}`)
  }

  array(): Place[] {
    if (!Array.isArray(this.value)) throw this.error('is no array')
    return this.value.map((value: unknown, i) => new Place(value, this.file, `${this.path}[${i}]`))
  }

  text(): string {
    if (typeof this.value !== 'string') throw this.error('is no text')
    return this.value
  }

  /** A whole number from 0 on; XGBoost writes its parameters as texts. */
  count(): number {
    const { value } = this
    const count = typeof value === 'string' && /^[0-9]+$/.test(value) ? Number(value) : value
    if (typeof count !== 'number' || !Number.isSafeInteger(count) || count < 0) {
      throw this.error(`${JSON.stringify(value)} is no count`)
    }
    return count
  }

  /** So many numbers; entries are not looked at. */
  entries(count: number): readonly unknown[] {
    if (!Array.isArray(this.value)) throw this.error('is no array')
    if (this.value.length !== count) {
      throw this.error(`holds ${this.value.length} values, ${count} are due`)
    }
    return this.value
  }

  error(what: string) {
    const path = this.path === '' ? '' : `${this.path}: `
    return usageError('model', `${this.file}: ${path}${what}`)
  }
}
