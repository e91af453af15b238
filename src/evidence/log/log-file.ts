import { close, fdatasync, ftruncate, open, write } from 'node:fs'
import { mkdir } from 'node:fs/promises'
import { dirname } from 'node:path'

/** One file that is only appended to. Every method fails as the system call does. */
export interface LogFile {
  /** All of it, or an error after which any part of it may stand in the file. */
  append(bytes: Uint8Array): Promise<void>
  sync(): Promise<void>
  /** Takes away what stands behind the first `size` bytes. */
  truncate(size: number): Promise<void>
  close(): Promise<void>
}

const settle =
  (resolve: () => void, reject: (error: Error) => void) =>
  (error: Error | null): void => {
    if (error === null) resolve()
    else reject(error)
  }

class DescriptorFile implements LogFile {
  readonly #descriptor: number
  #size = 0

  constructor(descriptor: number) {
    this.#descriptor = descriptor
  }

  append(bytes: Uint8Array): Promise<void> {
    return new Promise((resolve, reject) => {
      const next = (from: number): void => {
        write(this.#descriptor, bytes, from, bytes.length - from, this.#size, (error, written) => {
          if (error !== null) {
            reject(error)
            return
          }
          this.#size += written
          if (from + written >= bytes.length) resolve()
          else next(from + written)
        })
      }
      next(0)
    })
  }

  sync(): Promise<void> {
    return new Promise((resolve, reject) => fdatasync(this.#descriptor, settle(resolve, reject)))
  }

  truncate(size: number): Promise<void> {
    return new Promise((resolve, reject) =>
      ftruncate(
        this.#descriptor,
        size,
        settle(() => {
          this.#size = size
          resolve()
        }, reject),
      ),
    )
  }

  close(): Promise<void> {
    return new Promise((resolve, reject) => close(this.#descriptor, settle(resolve, reject)))
  }
}

/** Makes a file that is not there yet, with its folder; only this account may read it. */
export async function createLogFile(path: string): Promise<LogFile> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 })
  return new Promise((resolve, reject) => {
    open(path, 'wx', 0o600, (error, descriptor) => (error === null ? resolve(new DescriptorFile(descriptor)) : reject(error)))
  })
}
