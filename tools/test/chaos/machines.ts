/** Run in namespaces of its own by namespaces.test.ts: what came of it, as JSON. */
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { request } from 'undici'
import { Cluster } from '../../src/processes/cluster.ts'
import { Namespaces } from '../../src/processes/namespaces.ts'
import { folderWithin, runWithin } from '../../src/processes/own-namespaces.ts'
import { programOf } from '../../src/processes/program.ts'

const LONG_MS = 40_000

process.exitCode = folderWithin() === null ? await runWithin() : await observe()

async function observe(): Promise<number> {
  const namespaces = new Namespaces([0, 1, 2])
  const faults: string[] = []
  const deaths: number[] = []
  const cluster = await Cluster.start({
    program: programOf('part6'),
    servers: 3,
    folder: mkdtempSync(join(folderWithin() ?? '', 'machines-')),
    namespaces,
    // Far above what a busy machine takes to answer.
    serveArgs: ['--election-timeout', '1000-2000'],
    usualPorts: true,
    onLine: ({ event }) => event.event === 'fault' && faults.push(event.msg),
    onDeath: (id) => deaths.push(id),
  })
  const seen: Record<string, unknown> = {}
  const first = await cluster.elected()

  cluster.harm(first, 'no cable', 'x', (all) => all.setCable(first, false))
  const leadsNow = async () => {
    const leader = await cluster.leader()
    return leader !== null && leader !== first ? leader : null
  }
  await until(leadsNow)
  seen.isSilentWithoutCable = (await cluster.status(first)) === null
  cluster.harm(first, 'cable', 'x', (all) => all.setCable(first, true))
  seen.isHeardAgain = (await until(() => cluster.status(first))) !== null

  cluster.cut({ from: 0, to: 1 })
  seen.hearsOverTheCutLink = await hears(1, { from: 0, namespaces })
  seen.hearsTheOtherWay = await hears(0, { from: 1, namespaces })
  cluster.mend({ from: 0, to: 1 })
  seen.hearsAfterwards = await hears(1, { from: 0, namespaces })

  const victim = await cluster.elected()
  cluster.fillDisk(victim)
  const put = async (value: string) => {
    // Whoever leads by now takes it, and all must store it.
    const asked = { method: 'PUT', body: value } as const
    const urls = cluster.ids.map((id) => `http://${cluster.address(id)}/kv/key`)
    await Promise.all(urls.map((url) => request(url, asked).catch(() => {})))
    return cluster.condition(victim) === 'is down' || null
  }
  seen.endsWithoutRoom = await until(() => put('x'.repeat(8_192)))
  cluster.emptyDisk(victim)
  seen.comesBackWithRoom = (await until(() => cluster.status(victim))) !== null
  if (namespaces.hasClocks) {
    namespaces.setClock(victim, 7_200)
    // A process looks at the file of its clock once a second.
    seen.hoursAhead = await until(async () => {
      const { headers } = await request(`http://${cluster.address(victim)}/status`)
      const aheadMs = Date.parse(String(headers.date)) - Date.now()
      return Math.round(aheadMs / 3_600_000) || null
    })
  }
  // Whoever has spoken to the bridge goes on to, when machines have joined.
  const before = bridge()
  for (const id of [3, 4, 5, 6, 7, 8]) namespaces.add(id)
  seen.bridgeIsAsBefore = bridge() === before
  // It hears that it is cut off when nobody waits for its answer any more.
  cluster.standStill(victim)
  seen.saysThatItIsCutOff = await cluster.block(victim)
  cluster.goOn(victim)
  await until(async () => (await cluster.status(victim))?.blocked || null)
  await cluster.heal()
  seen.tellsOfThreads = /^server 0, process \d+\n {2}node \S/.test(
    cluster.describeProcesses(),
  )
  seen.isCutOff = (await until(() => cluster.status(victim))).blocked
  seen.deaths = deaths
  await cluster.close()
  process.stdout.write(`${JSON.stringify(seen)}\n`)
  return 0
}

/** Whether a packet arrives. TCP would tell less: its packets have to go both ways. */
async function hears(
  to: number,
  { from, namespaces }: { from: number; namespaces: Namespaces },
): Promise<boolean> {
  const script = `
    const socket = require('node:dgram').createSocket('udp4')
    socket.bind(99, () => console.log('listens'))
    socket.on('message', () => process.exit(0))
    setTimeout(() => process.exit(1), 2_000)`
  const inNamespace = (id: number) => ['netns', 'exec', `server-${id}`]
  const ear = spawn('ip', [...inNamespace(to), process.execPath, '-e', script])
  const ended = once(ear, 'exit')
  await once(ear.stdout, 'data')
  const say = `echo word >/dev/udp/${namespaces.hostOf(to)}/99`
  spawnSync('ip', [...inNamespace(from), 'bash', '-c', say])
  const [code] = await ended
  return code === 0
}

/** Its address is that of a device, unless it has one of its own. */
function bridge(): string {
  const { stdout } = spawnSync('ip', ['-o', 'link', 'show', 'raft'], {
    encoding: 'utf8',
  })
  return /link\/ether \S+/.exec(stdout)?.[0] ?? 'none'
}

async function until<T>(look: () => Promise<T | null>): Promise<T> {
  const deadline = performance.now() + LONG_MS
  for (;;) {
    const found = await look()
    if (found !== null) return found
    if (performance.now() > deadline) throw new Error(`it has not come about: ${look}`)
    await sleep(50)
  }
}
