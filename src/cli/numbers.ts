// Numbers given as options, each within bounds: what is beyond them fails later, and worse.

import { InvalidArgumentError } from 'commander'

type Parse = (text: string) => number

/** A whole number, by default from 0 to the largest that is exact. */
export function wholeNumber(min = 0, max: number = Number.MAX_SAFE_INTEGER): Parse {
  const bounds = max === Number.MAX_SAFE_INTEGER ? `from ${min} on` : `from ${min} to ${max}`
  return (text) => {
    const value = Number(text)
    if (/^\d+$/.test(text) && value >= min && value <= max) return value
    throw new InvalidArgumentError(`It must be a whole number ${bounds}.`)
  }
}

/** Whole numbers between commas; an option that is given again adds to them. */
export function wholeNumbers(min = 0, max: number = Number.MAX_SAFE_INTEGER) {
  const parse = wholeNumber(min, max)
  return (text: string, before: number[]) => [...before, ...text.split(',').map(parse)]
}

/** A part of the whole, from 0 to 1. */
export function share(text: string): number {
  const value = decimal(text)
  if (value <= 1) return value
  throw new InvalidArgumentError('It must be a share, from 0 to 1.')
}

/** Once in a quarter of an hour, and more than any machine sends. */
const RATE_MIN = 0.001
const RATE_MAX = 1e9

/** So many a second; 0 stands for no limit. */
export function rate(text: string): number {
  const value = decimal(text)
  if (value === 0 || (value >= RATE_MIN && value <= RATE_MAX)) return value
  throw new InvalidArgumentError(`It must be 0 or a number from ${RATE_MIN} to ${RATE_MAX}.`)
}

/** NaN for what is no number from 0 on, written in digits. */
function decimal(text: string): number {
  return /^(\d+\.?\d*|\.\d+)$/.test(text) ? Number(text) : Number.NaN
}

/** A number from 0 on. */
export function positive(text: string): number {
  const value = decimal(text)
  if (value > 0) return value
  throw new InvalidArgumentError('It must be a number above 0.')
}

/** A number, of either sign. */
export function anyNumber(text: string): number {
  const value = Number(text)
  if (text.trim() === '' || !Number.isFinite(value)) {
    throw new InvalidArgumentError('It must be a number.')
  }
  return value
}

/** The shortest text that reads back as the same double. */
export function numberText(value: number): string {
  return Object.is(value, -0) ? '-0' : String(value)
}
