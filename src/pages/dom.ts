// The little of a page's document that is written by hand.

export function element<T extends HTMLElement = HTMLElement>(id: string): T {
  const found = document.getElementById(id)
  if (!found) throw new Error(`the page has no #${id}`)
  return found as T
}

export function setText(id: string, text: string): void {
  const target = element(id)
  if (target.textContent !== text) target.textContent = text
}

export type Cell = {
  text: string
  /** Heads its row. */
  head?: boolean
  class?: string
  outcome?: string
  /** A bar of this share of the cell. */
  fill?: number
  /** What a click does, given the text: the cell is a button. */
  press?: (text: string) => void
}

export type Row = { cells: Cell[]; state?: string | undefined }

/** Makes a table's body show these rows, changing what differs: focus and selection stay. */
export function showRows(id: string, rows: readonly Row[]): void {
  const body = element<HTMLTableSectionElement>(id)
  while (body.rows.length > rows.length) body.deleteRow(-1)
  for (const [i, row] of rows.entries()) {
    const target = body.rows[i] ?? body.insertRow()
    if (row.state === undefined) delete target.dataset['state']
    else target.dataset['state'] = row.state
    for (const [j, cell] of row.cells.entries()) showCell(target, j, cell)
  }
}

function showCell(row: HTMLTableRowElement, index: number, cell: Cell): void {
  const target = row.cells[index] ?? row.appendChild(makeCell(cell))
  if (cell.fill !== undefined) {
    const bar = target.firstElementChild as HTMLElement
    bar.style.width = `${Math.round(100 * Math.min(1, cell.fill))}%`
    return
  }
  const holder = cell.press ? target.firstElementChild! : target
  if (holder.textContent !== cell.text) holder.textContent = cell.text
  if (cell.outcome !== undefined) target.dataset['outcome'] = cell.outcome
}

export function makeCell(cell: Cell): HTMLTableCellElement {
  const made = document.createElement(cell.head ? 'th' : 'td')
  if (cell.head) made.scope = 'row'
  if (cell.class) made.className = cell.class
  if (cell.outcome !== undefined) made.dataset['outcome'] = cell.outcome
  if (cell.fill !== undefined) {
    const bar = document.createElement('span')
    bar.className = 'fill'
    made.append(bar)
  } else if (cell.press) {
    const { press } = cell
    const button = document.createElement('button')
    button.type = 'button'
    button.textContent = cell.text
    button.addEventListener('click', () => press(button.textContent))
    made.append(button)
  } else {
    made.textContent = cell.text
  }
  return made
}

export function number(text: string): Cell {
  return { text, class: 'number' }
}
