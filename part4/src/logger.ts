import { type Logger, pino } from 'pino'
import pretty from 'pino-pretty'

/** A logger on stderr: for people in a terminal, and else a JSON object a line. */
export function createLogger(isJson: boolean): Logger {
  if (isJson || !process.stderr.isTTY) return pino(pino.destination(2))
  const stream = pretty({
    destination: 2,
    ignore: 'pid,hostname,id,raft,http,role,term,signal,isBlocked',
    translateTime: 'SYS:HH:MM:ss.l',
    sync: true,
  })
  return pino(stream)
}
