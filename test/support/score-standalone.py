"""Scores rows with a model.wasm in Wasmtime: the same as score-standalone.mjs beside it."""

import sys
from pathlib import Path

from wasmtime import Instance, Module, Store

module_path, rows_path, *sizes = sys.argv[1:]
store = Store()
exports = Instance(store, Module.from_file(store.engine, module_path), []).exports(store)
memory = exports["memory"]
data = Path(rows_path).read_bytes()
row_bytes = exports["features"](store) * 8
row_count = len(data) // row_bytes

for size in map(int, sizes):
    line = ""
    for start in range(0, row_count, size):
        count = min(size, row_count - start)
        rows_at = exports["rows"](store, count)
        memory.write(store, data[start * row_bytes : (start + count) * row_bytes], rows_at)
        margins_at = exports["score"](store, count)
        line += memory.read(store, margins_at, margins_at + count * 8).hex()
    print(line)
