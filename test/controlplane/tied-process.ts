import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, openSync } from 'node:fs'
import { Socket } from 'node:net'

/**
 * The shell is replaced by the command, and a second shell waits for the end of file on descriptor 3, a socket whose other end only
 * our process holds: however our process ends, by SIGKILL too, the kernel closes it, and the whole process group is killed.
 */
const COMMAND = '(read -r _ <&3; kill -9 -$$) >/dev/null 2>&1 & exec "$@" 3<&-'

/** Waits for the same end of file and removes a folder, again and again while processes that are just being killed write into it. */
const JANITOR = 'read -r _ <&3; n=0; until rm -rf "$1" 2>/dev/null || [ $n -ge 50 ]; do n=$((n+1)); sleep 0.1; done'

/** How a command is started. */
export interface TiedOptions {
  readonly cwd?: string
  readonly env?: NodeJS.ProcessEnv
  /** The file that standard output and standard error are appended to; without it they are streams of `child`. */
  readonly logFile?: string
  /** Text for its standard input, which is empty otherwise. */
  readonly input?: string
}

/** A child process that cannot outlive this process, however this one ends, and does not keep it alive either. */
export interface TiedProcess {
  readonly pid: number
  readonly child: ChildProcess
  /** How it ended, in words, or undefined while it runs. */
  ended(): string | undefined
  /** Resolves, with how it ended, once it has. */
  readonly end: Promise<string>
  /** Lets it end: asks first and waits `graceMs` if that is given, then cuts the tie; resolves when it is gone. */
  stop(graceMs?: number): Promise<void>
}

/** Starts a command, tied to this process, in a session of its own: a Ctrl-C in the terminal does not reach it directly. */
export function startTied(command: string, args: readonly string[], options: TiedOptions = {}): Promise<TiedProcess> {
  return start(COMMAND, [command, ...args], options)
}

/** Starts a process that removes a folder when this process ends, or when it is stopped. */
export function startJanitor(folder: string): Promise<TiedProcess> {
  return start(JANITOR, [folder], { logFile: '/dev/null' })
}

async function start(script: string, args: readonly string[], { cwd, env, logFile, input }: TiedOptions): Promise<TiedProcess> {
  const output = logFile === undefined ? 'pipe' : openSync(logFile, 'a', 0o600)
  const child = spawn('/bin/sh', ['-c', script, 'sh', ...args], {
    cwd,
    env,
    detached: true,
    stdio: [input === undefined ? 'ignore' : 'pipe', output, output, 'pipe'],
  })
  const tie = child.stdio[3]
  let outcome: string | undefined
  const end = new Promise<string>((resolve) => {
    child.once('exit', (code, signal) => {
      outcome = signal === null ? `ended with code ${code}` : `ended by ${signal}`
      tie?.destroy()
      resolve(outcome)
    })
  })
  try {
    await once(child, 'spawn')
  } finally {
    if (typeof output === 'number') closeSync(output)
  }
  // A command may end without reading all of its input.
  child.stdin?.on('error', () => undefined).end(input)
  child.unref()
  if (tie instanceof Socket) tie.unref()
  const { pid } = child
  if (pid === undefined) throw new Error(`\`${args[0]}\` has no process id`)
  return {
    pid,
    child,
    end,
    ended: () => outcome,
    stop: async (graceMs = 0) => {
      if (outcome !== undefined) return
      child.ref()
      if (graceMs > 0) {
        child.kill('SIGTERM')
        const timer = setTimeout(() => tie?.destroy(), graceMs)
        await end
        clearTimeout(timer)
      } else {
        tie?.destroy()
        await end
      }
    },
  }
}
