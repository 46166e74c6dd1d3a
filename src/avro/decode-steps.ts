// Steps of a decode plan and how they lie in WebAssembly memory: the plan's own, then the blocks
// that it runs from within, then the tables of its steps.

import {
  STEP_ARGUMENT,
  STEP_BYTES,
  STEP_CODE,
  STEP_COLUMN,
  STEP_FIELD,
  STEP_MAXIMUM,
  STEP_MINIMUM,
} from '../../assembly/layout.ts'

export type Step = {
  code: number
  /** Byte offset in the row. */
  column?: number
  field: number
  argument?: number
  minimum?: number
  maximum?: number
  /** In place of the argument: steps elsewhere, or a table. */
  block?: Step[]
  table?: Uint8Array
}

/** Tables hold u64. */
const TABLE_ALIGNMENT = 8

/** The plan's bytes: STEP_BYTES a step, then the tables. */
export function encodeSteps(main: Step[]): Uint8Array {
  const starts = new Map<Step[], number>()
  const steps: Step[] = []
  const place = (block: Step[]) => {
    if (starts.has(block)) return
    starts.set(block, steps.length * STEP_BYTES)
    steps.push(...block)
    for (const step of block) if (step.block) place(step.block)
  }
  place(main)
  let size = steps.length * STEP_BYTES
  const tables = steps.map(({ table }) => {
    const start = size
    if (table) size += Math.ceil(table.length / TABLE_ALIGNMENT) * TABLE_ALIGNMENT
    return start
  })
  const bytes = new Uint8Array(size)
  const view = new DataView(bytes.buffer)
  for (const [i, step] of steps.entries()) {
    const at = i * STEP_BYTES
    const target = step.block ? starts.get(step.block)! : tables[i]!
    const argument = step.block || step.table ? (target - at) >>> 0 : (step.argument ?? 0)
    view.setUint32(at + STEP_CODE, step.code, true)
    view.setUint32(at + STEP_COLUMN, step.column ?? 0, true)
    view.setUint32(at + STEP_FIELD, step.field, true)
    view.setUint32(at + STEP_ARGUMENT, argument, true)
    view.setFloat64(at + STEP_MINIMUM, step.minimum ?? 0, true)
    view.setFloat64(at + STEP_MAXIMUM, step.maximum ?? 0, true)
    if (step.table) bytes.set(step.table, target)
  }
  return bytes
}
