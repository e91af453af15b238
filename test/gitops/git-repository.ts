import { execFile } from 'node:child_process'
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'

const run = promisify(execFile)
const PERSON = { GIT_AUTHOR_NAME: 'author', GIT_AUTHOR_EMAIL: 'author@example', GIT_COMMITTER_NAME: 'author', GIT_COMMITTER_EMAIL: 'author@example' }

/** A bare Git repository on disk, and a checkout by which it is changed as by merged pull requests. */
export class GitRepository {
  readonly #checkout: string
  /** What a client calls it. */
  readonly url: string

  private constructor(bare: string, checkout: string) {
    this.url = `file://${bare}`
    this.#checkout = checkout
  }

  /** Makes both under a folder. */
  static async create(folder: string): Promise<GitRepository> {
    const bare = join(folder, 'repository.git')
    const checkout = join(folder, 'checkout')
    await run('git', ['init', '-q', '--bare', '-b', 'main', bare])
    await run('git', ['clone', '-q', bare, checkout])
    const repository = new GitRepository(bare, checkout)
    await repository.#git('checkout', '-q', '-b', 'main')
    return repository
  }

  async #git(...args: readonly string[]): Promise<string> {
    return (await run('git', [...args], { cwd: this.#checkout, env: { ...process.env, ...PERSON } })).stdout.trim()
  }

  /** Commits files by path, `undefined` for one that goes, and pushes; gives the revision. */
  async commit(subject: string, files: Readonly<Record<string, string | undefined>>): Promise<string> {
    for (const [path, text] of Object.entries(files)) {
      const file = join(this.#checkout, path)
      if (text === undefined) rmSync(file)
      else {
        mkdirSync(dirname(file), { recursive: true })
        writeFileSync(file, text)
      }
    }
    await this.#git('add', '-A')
    await this.#git('commit', '-q', '-m', subject)
    return this.#push()
  }

  /** Commits the opposite of a revision, and pushes. */
  async revert(revision: string): Promise<string> {
    await this.#git('revert', '--no-edit', revision)
    return this.#push()
  }

  async #push(): Promise<string> {
    await this.#git('push', '-q', 'origin', 'main')
    return this.#git('rev-parse', 'HEAD')
  }
}
