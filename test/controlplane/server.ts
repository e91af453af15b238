import { readFileSync, statSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { startTied, type TiedProcess } from './tied-process.ts'

/** A server that is started, found ready, stopped and started again. */
export interface ServerOptions {
  readonly name: string
  readonly command: string
  readonly args: readonly string[]
  readonly logFile: string
  /** Whether it serves; may reject while it does not yet. */
  isReady(): Promise<boolean>
}

/** The port that a server was to listen on was taken in the meantime. */
export class PortTaken extends Error {
  override readonly name = 'PortTaken'
}

const POLL_MS = 25
const READY_MS = 60_000
const TAIL_BYTES = 4_000

/** A server process, tied to the life of this process. */
export class Server {
  readonly #options: ServerOptions
  #process: TiedProcess | undefined

  constructor(options: ServerOptions) {
    this.#options = options
  }

  /** The process id while it runs. */
  get pid(): number | undefined {
    return this.#process?.ended() === undefined ? this.#process?.pid : undefined
  }

  /** Starts it and resolves when it is ready; the error has the end of its log. */
  async start(): Promise<void> {
    const { name, command, args, logFile } = this.#options
    if (this.pid !== undefined) throw new Error(`${name} runs already`)
    const logStart = statSync(logFile, { throwIfNoEntry: false })?.size ?? 0
    const process = await startTied(command, args, { logFile })
    this.#process = process
    for (const endMs = Date.now() + READY_MS; ; await sleep(POLL_MS)) {
      const outcome = process.ended()
      if (outcome !== undefined) {
        const log = tail(logFile, logStart)
        const message = `${name} ${outcome} before it was ready; the end of ${logFile}:\n${log}`
        throw log.includes('address already in use') ? new PortTaken(message) : new Error(message)
      }
      const isReady = this.#options.isReady().catch(() => false)
      if (await Promise.race([isReady, process.end.then(() => false)])) return
      if (Date.now() > endMs) {
        await process.stop()
        throw new Error(`${name} was not ready after ${READY_MS / 1000} s; the end of ${logFile}:\n${tail(logFile, logStart)}`)
      }
    }
  }

  /** Asks it to end and waits that long, or kills it at once; nothing happens if it does not run. */
  async stop(graceMs = 0): Promise<void> {
    await this.#process?.stop(graceMs)
  }

  /** Sends a signal to the process itself. */
  signal(signal: NodeJS.Signals): void {
    const { pid } = this
    if (pid === undefined) throw new Error(`${this.#options.name} does not run`)
    process.kill(pid, signal)
  }
}

/** The end of what was logged since a place, indented. */
function tail(file: string, from: number): string {
  return readFileSync(file).subarray(from).subarray(-TAIL_BYTES).toString('utf8').trimEnd().replaceAll(/^/gm, '    ')
}
