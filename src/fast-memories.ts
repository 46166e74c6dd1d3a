// JavaScriptCore gives only the first four WebAssembly memories of a process an address range that
// needs no bounds checks; code for the others is compiled anew and takes 1.45 times as long. A
// worker has a memory a thread, and as many again after each change of model. The limit is read
// from the environment when the process starts, so the process starts once more, as itself.

const LIMIT = 'BUN_JSC_maxNumWasmFastMemories'
/** Each takes 4 GB of address space, none of memory, from 47 bits. */
const MEMORIES = '256'

/** Replaces the process by the same command under a higher limit, unless there is one set. */
export function allowFastMemories(environment: NodeJS.ProcessEnv): void {
  if (environment[LIMIT] !== undefined || !process.execve) return
  const command = [process.execPath, ...process.execArgv, ...process.argv.slice(1)]
  process.execve(process.execPath, command, withFastMemories(environment))
}

/** An environment to start a process in that may have many engines. */
export function withFastMemories(environment: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return { [LIMIT]: MEMORIES, ...environment }
}
