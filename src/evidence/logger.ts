import winston from 'winston'

export type LogFields = Readonly<Record<string, unknown>>

/** The program's log: constant messages, variable fields. Objects and their values never go in. */
export interface Logger {
  debug(message: string, fields?: LogFields): void
  info(message: string, fields?: LogFields): void
  warn(message: string, fields?: LogFields): void
  error(message: string, fields?: LogFields): void
}

const LEVELS: readonly string[] = ['debug', 'info', 'warn', 'error']

/** Makes a logger that writes JSON lines to standard error; an unknown level counts as `info`. */
export function makeLogger(level: string): Logger {
  const backend = winston.createLogger({
    level: LEVELS.includes(level) ? level : 'info',
    format: winston.format.combine(winston.format.timestamp(), winston.format.json()),
    transports: [new winston.transports.Stream({ stream: process.stderr })],
  })
  const write = (severity: string) => (message: string, fields?: LogFields) => {
    backend.log(severity, message, fields)
  }
  return { debug: write('debug'), info: write('info'), warn: write('warn'), error: write('error') }
}
