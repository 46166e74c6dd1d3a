// Pictures drawn by Vega, without a browser.

import type { Spec } from 'vega'

/** Draws a picture as SVG. */
export async function renderSvg(spec: Spec): Promise<string> {
  // Only for a picture: it is a large package.
  const vega = await import('vega')
  const view = new vega.View(vega.parse(spec), { renderer: 'none' })
  try {
    return await view.toSVG()
  } finally {
    view.finalize()
  }
}
