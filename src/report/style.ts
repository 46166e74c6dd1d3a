// The look of a report's page: that of the pages of a worker, light and dark, and for paper.

const LIGHT = `
  --ground: #f5f7f8; --card: #ffffff; --line: #d9e0e4; --ink: #17242b; --quiet: #51626c;
  --accent: #155e75; --approved: #0b7a5b; --rejected: #b3372f; --referred: #b98a1d;
  --training: #a9b6bd; --warn: #fbe9d3; color-scheme: light;`

const DARK = `
  --ground: #10181d; --card: #182329; --line: #2c3b43; --ink: #e6edf0; --quiet: #a3b3bb;
  --accent: #67c5db; --approved: #4fcf9f; --rejected: #ff8d84; --referred: #e9bd55;
  --training: #66757e; --warn: #4a3417; color-scheme: dark;`

export const STYLE = `
:root {${LIGHT}
  font: 15px/1.45 system-ui, 'Segoe UI', Roboto, 'Liberation Sans', sans-serif; }
@media screen and (prefers-color-scheme: dark) { :root {${DARK} } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--ground); color: var(--ink); }
header, main { max-width: 84rem; margin: 0 auto; padding: 1rem clamp(0.8rem, 2vw, 2rem); }
main { display: grid; gap: 0.8rem; padding-top: 0; }
h1, h2, p, dl, dd, figure, ul { margin: 0; }
h1 { font-size: 1.3rem; }
h2 { font-size: 0.95rem; }
header p, .quiet { color: var(--quiet); font-size: 0.86rem; overflow-wrap: anywhere; }
section { background: var(--card); border: 1px solid var(--line); border-radius: 10px;
  padding: 0.9rem 1.1rem; display: grid; gap: 0.6rem; min-width: 0; }
section.warn { background: var(--warn); }
.figures { grid-template-columns: repeat(auto-fit, minmax(11rem, 1fr)); }
.figure h2::first-letter { text-transform: uppercase; }
.value { font-size: 1.8rem; font-variant-numeric: tabular-nums; color: var(--ink); }
[data-outcome='approved'] .value { color: var(--approved); }
[data-outcome='rejected'] .value { color: var(--rejected); }
dl { display: grid; grid-template-columns: max-content minmax(0, 1fr); gap: 0.2rem 1rem;
  font-size: 0.86rem; }
dt { color: var(--quiet); }
dd { overflow-wrap: anywhere; }
ul { padding-left: 1.2rem; font-size: 0.9rem; }
.charts { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(34rem, 100%), 1fr));
  gap: 1rem; }
figure { overflow-x: auto; min-width: 0; }
figure svg { display: block; width: 100%; min-width: 32rem; max-width: 46rem; height: auto; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-size: 0.86rem;
  font-variant-numeric: tabular-nums; }
th, td { text-align: left; padding: 0.25rem 0.9rem 0.25rem 0; border-bottom: 1px solid var(--line);
  white-space: nowrap; }
thead th { color: var(--quiet); font-weight: 500; }
tbody th { font-weight: 500; }
.number { text-align: right; }
small { color: var(--quiet); }
tr[data-state='bad'] > * { background: var(--warn); }
tr[data-state='bad'] small { color: var(--ink); }
@media print { section { break-inside: avoid; } }
`
