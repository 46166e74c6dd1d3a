// A table for a terminal: columns as wide as their widest cell, numbers to the right.

export function textTable(
  header: readonly string[],
  rows: readonly (readonly string[])[],
  numeric: ReadonlySet<string>,
): string[] {
  const widths = header.map((title, i) => {
    return Math.max(title.length, ...rows.map((row) => row[i]!.length))
  })
  return [header, ...rows].map((row) =>
    row
      .map((cell, i) =>
        numeric.has(header[i]!) ? cell.padStart(widths[i]!) : cell.padEnd(widths[i]!),
      )
      .join('  ')
      .trimEnd(),
  )
}
