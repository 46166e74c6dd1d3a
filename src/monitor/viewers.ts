// Who watches, as server-sent events. A viewer who does not keep up loses frames, which are
// counted; nobody waits for anybody, and what waits for a viewer is bounded.

const FRAMES_MAX = 8
const VIEWERS_MAX = 64
/** Milliseconds after which a browser connects again. */
const RETRY_MS = 2000

const encoder = new TextEncoder()

/** An event of the stream (WHATWG HTML, section 9.2). */
export function eventBytes(name: string, data: unknown): Uint8Array {
  return encoder.encode(`event: ${name}\ndata: ${JSON.stringify(data)}\n\n`)
}

type Viewer = { signedIn: boolean; waiting: Uint8Array[]; wake: (() => void) | undefined }

export class Viewers {
  private readonly viewers = new Set<Viewer>()
  droppedFrames = 0

  get count(): number {
    return this.viewers.size
  }

  get isFull(): boolean {
    return this.viewers.size >= VIEWERS_MAX
  }

  /** A stream that begins with `hello` and gets every frame from now on. */
  add(signedIn: boolean, hello: Uint8Array): ReadableStream<Uint8Array> {
    const retry = encoder.encode(`retry: ${RETRY_MS}\n\n`)
    const viewer: Viewer = { signedIn, waiting: [retry, hello], wake: undefined }
    this.viewers.add(viewer)
    return new ReadableStream<Uint8Array>(
      {
        pull: async (controller) => {
          if (viewer.waiting.length === 0) {
            const { promise, resolve } = Promise.withResolvers<void>()
            viewer.wake = resolve
            await promise
          }
          const next = viewer.waiting.shift()
          if (next) controller.enqueue(next)
        },
        cancel: () => this.remove(viewer),
      },
      { highWaterMark: 0 },
    )
  }

  private remove(viewer: Viewer): void {
    this.viewers.delete(viewer)
    viewer.waiting.length = 0
    viewer.wake?.()
  }

  /** Gives a frame to all; each kind is encoded once, and only when somebody wants it. */
  send(frame: (signedIn: boolean) => Uint8Array): void {
    const encoded = new Map<boolean, Uint8Array>()
    for (const viewer of this.viewers) {
      if (viewer.waiting.length >= FRAMES_MAX) {
        this.droppedFrames++
        continue
      }
      const bytes = encoded.get(viewer.signedIn) ?? frame(viewer.signedIn)
      encoded.set(viewer.signedIn, bytes)
      viewer.waiting.push(bytes)
      viewer.wake?.()
    }
  }
}
