// What is told of dead letters to whoever looks. The page reads these types too.

/** A letter for people: all as text, nothing of it to be run or followed. */
export type LetterView = {
  letter: string
  time: string
  class: string
  message: string
  /** Which byte of the value is at fault. */
  byte: number | null
  record: string | null
  key: string | null
  headers: [name: string, value: string][]
  /** Of the value; null where it had none. */
  bytes: number | null
  /** Bytes of a value that was left out for its size. */
  droppedBytes: number | null
  hex: string[]
  /** What it was read with, the fields up to the fault, and the fault. */
  schema: string
  fields: { byte: number; field: string; value: string }[]
  fault: string
}

export type Letters = {
  topic: string
  /** Newest first, a few of each class. */
  letters: LetterView[]
  /** Letters that were looked at, and partitions of how many. */
  looked: number
  partitions: [looked: number, all: number]
}

export type LettersAnswer = { letters: Letters } | { error: string }
