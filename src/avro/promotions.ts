// What a writer's primitive type may be read as. Source: Avro 1.12 specification, "Schema
// Resolution".

import type { PrimitiveName } from './schema.ts'

export const PROMOTIONS: Readonly<{ [type in PrimitiveName]: readonly PrimitiveName[] }> = {
  null: ['null'],
  boolean: ['boolean'],
  int: ['int', 'long', 'float', 'double'],
  long: ['long', 'float', 'double'],
  float: ['float', 'double'],
  double: ['double'],
  bytes: ['bytes', 'string'],
  string: ['string', 'bytes'],
}
