// The pages' own files and the chart library, all from this machine. TypeScript is turned into what
// a browser runs by Bun, once, when it is first asked for.

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Context, Hono } from 'hono'
import { etag } from 'hono/etag'
import { fromRoot } from '../paths.ts'

const PAGES = fromRoot('src/pages')
const UPLOT_FOLDER = fromRoot('node_modules/uplot/dist')
const TYPES: Readonly<Record<string, string>> = {
  html: 'text/html; charset=utf-8',
  css: 'text/css; charset=utf-8',
  svg: 'image/svg+xml',
  ts: 'text/javascript; charset=utf-8',
  js: 'text/javascript; charset=utf-8',
}

/** Files of pages, by the name that browsers ask for. */
const OWN = [
  'page.css',
  'icon.svg',
  'apply.ts',
  'ask.ts',
  'charts.ts',
  'decision-list.ts',
  'dom.ts',
  'explanation.ts',
  'format.ts',
  'letters.ts',
  'monitor.ts',
  'session.ts',
  'tables.ts',
  'theme-button.ts',
  'theme.ts',
]
const UPLOT: Readonly<Record<string, string>> = {
  'uplot.js': 'uPlot.iife.min.js',
  'uplot.css': 'uPlot.min.css',
}

/** Nothing from elsewhere, and no script or style within a page. Charts set styles by script. */
const CONTENT_SECURITY = [
  "default-src 'self'",
  "base-uri 'none'",
  "form-action 'self'",
  "frame-ancestors 'none'",
  "object-src 'none'",
].join('; ')

const cache = new Map<string, string>()

function contentOf(name: string): string {
  const known = cache.get(name)
  if (known !== undefined) return known
  const vendored = UPLOT[name]
  const path = vendored ? join(UPLOT_FOLDER, vendored) : join(PAGES, name)
  const text = readFileSync(path, 'utf8')
  const content = name.endsWith('.ts') ? transpiled(text) : text
  cache.set(name, content)
  return content
}

function transpiled(text: string): string {
  return new Bun.Transpiler({ loader: 'ts', target: 'browser' }).transformSync(text)
}

/** Answers with a page of src/pages. */
export function page(c: Context, name: string): Response {
  c.header('Content-Security-Policy', CONTENT_SECURITY)
  return answer(c, name)
}

function answer(c: Context, name: string): Response {
  c.header('Content-Type', TYPES[name.slice(name.lastIndexOf('.') + 1)]!)
  c.header('Cache-Control', 'no-cache')
  return c.body(contentOf(name))
}

/** Routes below /assets. */
export function makeAssets(): Hono {
  const app = new Hono()
  app.use(etag())
  for (const name of [...OWN, ...Object.keys(UPLOT)]) app.get(`/${name}`, (c) => answer(c, name))
  return app
}
