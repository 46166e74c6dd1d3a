// Numbers for people.

const whole = new Intl.NumberFormat('en-US', { maximumFractionDigits: 0 })
const compact = new Intl.NumberFormat('en-US', { notation: 'compact', maximumFractionDigits: 1 })

export function count(value: number): string {
  return Math.abs(value) < 1e6 ? whole.format(value) : compact.format(value)
}

export function rate(value: number): string {
  return value < 10 ? value.toFixed(1).replace(/\.0$/, '') : count(value)
}

export function percent(share: number, digits = 1): string {
  return `${(100 * share).toFixed(digits)} %`
}

export function seconds(value: number | null): string {
  if (value === null) return '–'
  if (value < 1)
    return `${(value * 1000).toPrecision(value < 0.001 ? 1 : 3).replace(/\.0+$/, '')} ms`
  if (value < 120) return `${value.toFixed(1)} s`
  return value < 7200 ? `${Math.round(value / 60)} min` : `${Math.round(value / 3600)} h`
}

export function time(atMs: number): string {
  return new Date(atMs).toLocaleTimeString('en-GB')
}

/** DEBT_TO_INCOME_ABOVE_MAXIMUM as words: Debt to income above maximum. */
export function words(code: string): string {
  const text = code.toLowerCase().replaceAll('_', ' ')
  return text.charAt(0).toUpperCase() + text.slice(1)
}
