/** A server as a process: what it says of itself, and how it ends. */
import { type Logger, pino } from 'pino'
import pretty from 'pino-pretty'
import { type KeyValueServer, type ServeOptions, startServer } from './serve.ts'
import { StorageError } from './storage.ts'

const EXIT_FAILED = 1

/** Runs a server until a signal or a failure ends the process. @throws StartError */
export async function runServer(
  options: Omit<ServeOptions, 'logger' | 'onRemoved'>,
  isJson: boolean,
): Promise<void> {
  const logger = createLogger(isJson)
  let server: KeyValueServer | null = null
  let isEnding = false
  const end = async (exitCode: number, before?: () => Promise<void>) => {
    process.exitCode ||= exitCode
    if (isEnding) return
    isEnding = true
    await before?.()
    await server?.stop()
    process.exit()
  }
  process.once('uncaughtException', (error) => {
    // The disk failed: who waits was told "unknown", and that has to leave yet.
    if (error instanceof StorageError) logger.fatal(`${error.message}; it stops`)
    else logger.fatal(error)
    end(EXIT_FAILED)
  })
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.once(signal, () => {
      logger.info({ signal }, `stops at ${signal}`)
      // Who waits for a new leader would otherwise first have to miss the old one.
      end(0, () => server?.handOver() ?? Promise.resolve())
    })
  }
  if (options.tls) process.on('SIGHUP', () => server?.renewSecrets())
  const onRemoved = () => {
    logger.info('was removed from the cluster; it stops')
    end(0)
  }
  server = await startServer({ ...options, logger, onRemoved })
  server.join().catch((error) => {
    logger.fatal(error.message)
    end(EXIT_FAILED)
  })
}

/** On stderr: for people in a terminal, and else a JSON object a line. */
function createLogger(isJson: boolean): Logger {
  if (isJson || !process.stderr.isTTY) return pino(pino.destination(2))
  const stream = pretty({
    destination: 2,
    ignore: 'pid,hostname,id,raft,http,role,term,signal,isBlocked',
    translateTime: 'SYS:HH:MM:ss.l',
    sync: true,
  })
  return pino(stream)
}
