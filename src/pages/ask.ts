// Questions to the worker that are answered in JSON.

/** @returns the answer, or what the worker says is wrong */
export async function ask<Answer>(path: string): Promise<Answer | { error: string }> {
  try {
    const response = await fetch(path)
    return (await response.json()) as Answer | { error: string }
  } catch {
    return { error: 'The worker does not answer.' }
  }
}
