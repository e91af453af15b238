import { DatabaseSync } from 'node:sqlite'
import { setTimeout as sleep } from 'node:timers/promises'
import { isNativeError } from 'node:util/types'

const SQLITE_BUSY = 5
const POLL_MS = 200

/**
 * Runs work while no other process (or caller) runs work under the same lock file; `onWait` is told once if it has to wait.
 * The lock is SQLite's lock on an empty database, that is, the kernel's: it is free the moment its holder dies, so that there is no
 * such thing as a stale one, and no guess about process ids or times.
 */
export async function exclusively<T>(lockFile: string, onWait: () => void, work: () => Promise<T>): Promise<T> {
  const lock = new DatabaseSync(lockFile)
  try {
    for (let isWaiting = false; !acquire(lock); isWaiting = true) {
      if (!isWaiting) onWait()
      await sleep(POLL_MS)
    }
    return await work()
  } finally {
    lock.close()
  }
}

function acquire(lock: DatabaseSync): boolean {
  try {
    lock.exec('BEGIN EXCLUSIVE')
    return true
  } catch (error) {
    if (isNativeError(error) && 'errcode' in error && error.errcode === SQLITE_BUSY) return false
    throw error
  }
}
