// Scores rows with a model.wasm, for Node: node score-standalone.mjs MODULE ROWS BATCH…
//
// ROWS holds doubles as they lie in memory. For each batch size a line is printed: the raw scores
// of all rows, given to the module so many at a time, as the hexadecimal digits of their bytes.

import { readFileSync } from 'node:fs'

const [modulePath, rowsPath, ...sizes] = process.argv.slice(2)
const { instance } = await WebAssembly.instantiate(readFileSync(modulePath))
const { features, memory, rows, score } = instance.exports
const bytes = readFileSync(rowsPath)
const rowBytes = features() * 8
const rowCount = bytes.length / rowBytes

for (const size of sizes.map(Number)) {
  let line = ''
  for (let from = 0; from < rowCount; from += size) {
    const count = Math.min(size, rowCount - from)
    const batch = bytes.subarray(from * rowBytes, (from + count) * rowBytes)
    const rowsAt = rows(count)
    new Uint8Array(memory.buffer).set(batch, rowsAt)
    line += Buffer.from(memory.buffer, score(count), count * 8).toString('hex')
  }
  console.log(line)
}
