// The API of the intake as OpenAPI 3.1, from the same fields that the form has.

import { type FormField, ID_FIELD, TIME_FIELD, isWhole, rangeText } from './fields.ts'

const PROBLEM = 'application/problem+json'

/** @param version  the program's */
export function openApi(fields: readonly FormField[], version: string): object {
  const problem = (description: string) => ({
    description,
    content: { [PROBLEM]: { schema: { $ref: '#/components/schemas/Problem' } } },
  })
  const answer = (description: string, schema: string) => ({
    description,
    content: { 'application/json': { schema: { $ref: `#/components/schemas/${schema}` } } },
  })
  const answers = {
    '200': answer('Decided.', 'Decision'),
    '202': answer('Accepted, not decided yet: ask at Location.', 'Pending'),
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'loanstream intake',
      version,
      description: 'One application for a loan in, its decision out.',
    },
    paths: {
      '/applications': {
        post: {
          operationId: 'apply',
          summary: 'Send one application and wait for its decision',
          parameters: [
            {
              name: 'Idempotency-Key',
              in: 'header',
              description: 'The same key and body again is the same application, sent once.',
              schema: { type: 'string', minLength: 1, maxLength: 255 },
            },
          ],
          requestBody: {
            required: true,
            content: {
              'application/json': {
                schema: { $ref: '#/components/schemas/Application' },
                example: exampleOf(fields),
              },
            },
          },
          responses: {
            ...answers,
            '400': problem('The body is no JSON object, or the key is no key.'),
            '413': problem('The body is too large.'),
            '415': problem('The body is not application/json.'),
            '422': problem('Fields are wrong, or the key was used for another application.'),
            '503': problem('No broker took the application: send it again.'),
          },
        },
      },
      '/applications/{id}': {
        get: {
          operationId: 'answer',
          summary: 'The decision on an application that this process took',
          parameters: [{ name: 'id', in: 'path', required: true, schema: { type: 'string' } }],
          responses: { ...answers, '404': problem('This process took no such application.') },
        },
      },
    },
    components: { schemas: schemasOf(fields) },
  }
}

function schemasOf(fields: readonly FormField[]): object {
  const text = { type: 'string' }
  return {
    Application: {
      type: 'object',
      properties: Object.fromEntries(fields.map((field) => [field.name, propertyOf(field)])),
      required: fields.filter(isRequired).map(({ name }) => name),
      additionalProperties: false,
    },
    Decision: {
      type: 'object',
      properties: {
        status: { const: 'decided' },
        application_id: text,
        decision: { enum: ['approved', 'rejected', 'referred'] },
        probability_of_default: { type: 'number' },
        score: { type: 'integer' },
        reasons: {
          type: 'array',
          items: {
            type: 'object',
            properties: { code: text, text, fields: { type: 'array', items: text } },
          },
        },
        model: { ...text, description: 'SHA-256' },
        policy: { ...text, description: 'SHA-256' },
      },
    },
    Pending: {
      type: 'object',
      properties: { status: { const: 'pending' }, application_id: text },
    },
    Problem: {
      type: 'object',
      description: 'RFC 9457',
      properties: {
        type: text,
        title: text,
        status: { type: 'integer' },
        detail: text,
        errors: {
          type: 'array',
          items: {
            type: 'object',
            properties: { pointer: text, detail: text, range: text },
          },
        },
      },
    },
  }
}

/** What is neither filled in here nor has a default. */
function isRequired({ name, default: value }: FormField): boolean {
  return value === undefined && name !== ID_FIELD && name !== TIME_FIELD
}

function propertyOf(field: FormField): object {
  const { doc, unit, least, most, isAbove, nullable, example, symbols } = field
  const base = field.type === 'boolean' ? 'boolean' : typeOf(field)
  const range = rangeText(field)
  const parts = [doc, unit === '' ? '' : `Unit: ${unit}.`, range === '' ? '' : `Range: ${range}.`]
  return {
    type: nullable ? [base, 'null'] : base,
    description: parts.filter((part) => part !== '').join(' '),
    ...(least === undefined ? {} : isAbove ? { exclusiveMinimum: least } : { minimum: least }),
    ...(most === undefined ? {} : { maximum: most }),
    ...(symbols.length > 0 ? { enum: nullable ? [...symbols, null] : symbols } : {}),
    ...(field.default === undefined ? {} : { default: field.default }),
    examples: [example],
  }
}

function typeOf(field: FormField): string {
  if (isWhole(field)) return 'integer'
  return field.type === 'string' || field.type === 'enum' ? 'string' : 'number'
}

/** A whole application as a sender would write it. */
export function exampleOf(fields: readonly FormField[]): object {
  const own = fields.filter(({ name }) => name !== ID_FIELD && name !== TIME_FIELD)
  return Object.fromEntries(own.map(({ name, example }) => [name, example]))
}
