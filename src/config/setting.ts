// What settings are made of: a type that checks, a default, a unit, and what it means.

import { isIP } from 'node:net'
import { z } from 'zod'

/** Numbers may come as text, from the environment. */
export function int(min: number, max: number) {
  const number = z.int().min(min).max(max)
  const isNumber = (v: unknown): v is string => typeof v === 'string' && /^-?\d+$/.test(v)
  return z.preprocess((v) => (isNumber(v) ? Number(v) : v), number)
}

export const text = z.string().min(1)
/** Kafka's rule: org.apache.kafka.common.internals.Topic.validate. */
export const topic = z
  .string()
  .regex(/^(?!\.{1,2}$)[a-zA-Z0-9._-]{1,249}$/, 'must be a valid topic name')

/** The last part of a name is no number (RFC 3696), so that a wrong IPv4 address is none. */
const HOST_NAME = /^(?!(.*\.)?\d+\.?$)[\w-]+(\.[\w-]+)*\.?$/
const isHost = (v: string) => isIP(v.replace(/^\[(.*)\]$/, '$1')) !== 0 || HOST_NAME.test(v)
export const host = z.string().refine(isHost, 'must be an IP address or a host name')

type Definition<T extends z.ZodType> = { type: T; default: z.output<T>; unit: string; doc: string }

export function setting<T extends z.ZodType>(
  type: T,
  value: z.output<T>,
  unit: string,
  doc: string,
): Definition<T> {
  return { type, default: value, unit, doc }
}

/** Booleans may come as text, from the environment. */
export const flag = z.preprocess(
  (v) => (v === 'true' || v === 'false' ? v === 'true' : v),
  z.boolean(),
)

/** Credentials in an address would end up in logs. */
const isAddress = (v: string) => v === '' || /^https?:\/\/[^/@]+(\/[^@]*)?$/.test(v)

/** Where an HTTP server answers, or ''. */
export const address = z
  .string()
  .refine(isAddress, 'must be http://… or https://…, without credentials')
