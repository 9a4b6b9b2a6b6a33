/**
 * Draws the figures of the chapters: `npm run figures` writes docs/public/figures/*.svg.
 *
 * Each is readable by itself, in a light page and in a dark one, with nothing loaded from
 * elsewhere. All lengths are in the units of the picture, which is 720 wide.
 */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { crc32 } from 'node:zlib'

const WIDTH = 720

/** Roles and terms have the timeline's colours, so that they look the same everywhere. */
const STYLE = `
  svg { color-scheme: light dark }
  .card { fill: #ffffff; stroke: #d5d9e0 }
  .box { fill: #f3f5f8; stroke: #8a93a3 }
  .none { fill: none; stroke: #8a93a3; stroke-dasharray: 4 3 }
  .wire { fill: none; stroke: #5b6474; stroke-width: 1.5 }
  .mark { fill: none; stroke: #c2410c; stroke-width: 2 }
  .tip { fill: #5b6474 }
  text { font: 14px system-ui, sans-serif; fill: #1d2430 }
  .small { font-size: 12px; fill: #4d5666 }
  .code { font-family: ui-monospace, monospace; font-size: 13px }
  .strong { font-weight: 600 }
  .note { fill: #b03a08; font-size: 12px }
  .t1 { fill: #f6e3a1; stroke: #94761a } .t2 { fill: #bfe5cb; stroke: #3a8055 }
  .t3 { fill: #f4c9b0; stroke: #ad6238 } .t4 { fill: #dccbec; stroke: #7d5aa6 }
  .follower { fill: #dfeaf8; stroke: #7d9dc2 } .candidate { fill: #f6d28a; stroke: #b06f00 }
  .leader { fill: #92d5b8; stroke: #0b6e4b }
  @media (prefers-color-scheme: dark) {
    .card { fill: #16191f; stroke: #343a46 }
    .box { fill: #232830; stroke: #77808f }
    .none { stroke: #77808f }
    .wire { stroke: #a5aebd } .tip { fill: #a5aebd }
    .mark { stroke: #fb923c }
    text { fill: #e8ebf0 } .small { fill: #b3bbc8 } .note { fill: #fdba74 }
    .t1 { fill: #5c4c12; stroke: #cbb04f } .t2 { fill: #1f5233; stroke: #6fbf8d }
    .t3 { fill: #663821; stroke: #d99a76 } .t4 { fill: #4a3466; stroke: #b095d6 }
    .follower { fill: #1f3654; stroke: #6d96c9 } .candidate { fill: #5d4512; stroke: #e5ab3b }
    .leader { fill: #14583e; stroke: #52c797 }
  }`

interface Figure {
  readonly name: string
  readonly height: number
  /** What a reader who cannot see it is told. */
  readonly title: string
  readonly draw: () => string[]
}

const FIGURES: readonly Figure[] = [
  {
    name: 'machines',
    height: 276,
    title: 'Copies of a state machine, fed by equal logs',
    draw: machines,
  },
  {
    name: 'terms',
    height: 190,
    title: 'Time is divided into terms; each begins with an election',
    draw: terms,
  },
  {
    name: 'roles',
    height: 290,
    title: 'The roles of a server, and what moves it from one to another',
    draw: roles,
  },
  {
    name: 'log',
    height: 300,
    title: 'Three logs of terms and commands, and the commit index',
    draw: logs,
  },
  {
    name: 'figure-8',
    height: 330,
    title: 'Why an entry of an older term is not committed by counting',
    draw: figure8,
  },
  {
    name: 'conflict',
    height: 330,
    title: 'Going back by whole terms after a conflict',
    draw: conflict,
  },
  {
    name: 'turns',
    height: 396,
    title: 'A command’s way through the turns of three event loops',
    draw: turns,
  },
  {
    name: 'record',
    height: 230,
    title: 'Records of the storage file, and a torn tail',
    draw: record,
  },
  {
    name: 'majorities',
    height: 200,
    title: 'From three servers to five at once, and from three to four',
    draw: majorities,
  },
  {
    name: 'two-changes',
    height: 318,
    title: 'Two changes of one configuration, with majorities that do not meet',
    draw: twoChanges,
  },
  {
    name: 'rooms',
    height: 424,
    title: 'The rooms of the laboratory: each knows only what stands below it',
    draw: rooms,
  },
]

/** A client’s command on its way into equal logs, and from each to a state machine. */
function machines(): string[] {
  const out: string[] = []
  out.push(
    box(24, 120, 96, 56, 'box'),
    label(72, 145, 'client'),
    label(72, 164, 'x = 3', 'code small'),
  )
  const names = ['leader', 'follower', 'follower']
  names.forEach((name, i) => {
    const y = 40 + i * 84
    out.push(box(200, y - 18, 490, 68, i === 0 ? 'leader' : 'follower'))
    out.push(label(250, y + 21, name, 'strong'))
    out.push(
      ...cells(310, y, [
        [1, 'x=1'],
        [1, 'y=2'],
        [1, 'x=3'],
      ]),
    )
    out.push(
      arrow([
        [484, y + 16],
        [542, y + 16],
      ]),
    )
    out.push(
      box(546, y - 6, 128, 44, 'box'),
      label(610, y + 13, 'state machine', 'small'),
    )
    out.push(label(610, y + 30, 'x=3  y=2', 'code small'))
  })
  out.push(
    arrow([
      [120, 136],
      [160, 136],
      [160, 56],
      [196, 56],
    ]),
  )
  out.push(label(396, 16, 'the log', 'small'))
  out.push(
    arrow([
      [216, 92],
      [216, 104],
    ]),
    arrow([
      [204, 92],
      [204, 98],
      [188, 98],
      [188, 224],
      [196, 224],
    ]),
  )
  return out
}

function terms(): string[] {
  const out = [
    label(24, 30, 'time', 'small', 'start'),
    arrow([
      [60, 26],
      [690, 26],
    ]),
  ]
  const spans: [string, number, number, number][] = [
    ['term 1', 24, 40, 140],
    ['term 2', 212, 60, 160],
    ['term 3', 440, 56, 0],
    ['term 4', 504, 44, 140],
  ]
  for (const [name, x, election, leading] of spans) {
    out.push(box(x, 60, election, 48, 'candidate'))
    if (leading > 0) out.push(box(x + election, 60, leading, 48, 'leader'))
    out.push(label(x + (election + leading) / 2, 130, name))
  }
  out.push(label(468, 152, 'split vote:', 'note'), label(468, 168, 'no leader', 'note'))
  out.push(
    box(24, 152, 14, 14, 'candidate'),
    label(46, 164, 'election', 'small', 'start'),
  )
  out.push(
    box(112, 152, 14, 14, 'leader'),
    label(134, 164, 'one leader at most, and heartbeats', 'small', 'start'),
  )
  return out
}

function roles(): string[] {
  const y = 150
  return [
    circle(122, y, 56, 'follower'),
    label(122, y + 5, 'Follower', 'strong'),
    circle(366, y, 56, 'candidate'),
    label(366, y + 5, 'Candidate', 'strong'),
    circle(610, y, 56, 'leader'),
    label(610, y + 5, 'Leader', 'strong'),
    arrow([
      [24, y],
      [62, y],
    ]),
    label(40, y - 12, 'start', 'code small'),
    arrow([
      [176, y - 14],
      [310, y - 14],
    ]),
    label(244, y - 44, 'heard no leader', 'small'),
    label(244, y - 26, 'startElection', 'code small'),
    arrow([
      [422, y - 14],
      [554, y - 14],
    ]),
    label(488, y - 44, 'votes of a majority', 'small'),
    label(488, y - 26, 'becomeLeader', 'code small'),
    arrow([
      [312, y + 16],
      [178, y + 16],
    ]),
    label(244, y + 38, 'a leader, or', 'small'),
    label(244, y + 54, 'a higher term', 'small'),
    label(244, y + 72, 'becomeFollower', 'code small'),
    curve('M 402 107 C 392 40, 340 40, 332 103'),
    label(366, 40, 'split vote: the next term', 'small'),
    label(366, 22, 'startElection', 'code small'),
    curve('M 590 204 C 540 290, 200 290, 144 206'),
    label(400, 236, 'a higher term', 'small'),
    label(400, 253, 'becomeFollower', 'code small'),
    label(700, 274, 'from any role, stop(): Dead', 'small', 'end'),
  ]
}

function logs(): string[] {
  const out: string[] = []
  const rows: [string, [number, string][]][] = [
    [
      'leader of term 3',
      [
        [1, 'x=3'],
        [1, 'y=1'],
        [1, 'y=9'],
        [2, 'x=2'],
        [3, 'x=0'],
        [3, 'y=7'],
      ],
    ],
    [
      'follower',
      [
        [1, 'x=3'],
        [1, 'y=1'],
        [1, 'y=9'],
        [2, 'x=2'],
        [3, 'x=0'],
      ],
    ],
    [
      'follower, was away',
      [
        [1, 'x=3'],
        [1, 'y=1'],
        [1, 'y=9'],
      ],
    ],
  ]
  for (let i = 1; i <= 6; i += 1)
    out.push(label(196 + (i - 1) * 60, 44, `${i}`, 'small'))
  out.push(label(24, 44, 'index', 'small', 'start'))
  rows.forEach(([name, entries], i) => {
    out.push(label(24, 83 + i * 62, name, 'small', 'start'))
    out.push(...cells(168, 60 + i * 62, entries, 60))
  })
  out.push(path('M 466 52 V 238', 'mark'), label(466, 256, 'commitIndex = 5', 'note'))
  out.push(label(466, 272, 'on two of three, in the leader’s term', 'note'))

  out.push(
    label(600, 136, 'nextIndex 6', 'code small'),
    label(600, 154, 'matchIndex 5', 'code small'),
  )
  out.push(
    label(600, 198, 'nextIndex 4', 'code small'),
    label(600, 216, 'matchIndex 3', 'code small'),
  )

  out.push(label(600, 82, 'knows of the others:', 'small'))
  return out
}

function figure8(): string[] {
  const out: string[] = []
  const steps: [string, number, (number | null)[][]][] = [
    ['a', 0, [[1, 2], [1, 2], [1], [1], [1]]],
    ['b', 4, [[1, 2], [1, 2], [1], [1], [1, 3]]],
    ['c', 0, [[1, 2, 4], [1, 2], [1, 2], [1], [1, 3]]],
    [
      'd',
      4,
      [
        [1, 3],
        [1, 3],
        [1, 3],
        [1, 3],
        [1, 3],
      ],
    ],
    ['e', 0, [[1, 2, 4], [1, 2, 4], [1, 2, 4], [1], [1, 3]]],
  ]
  for (let server = 0; server < 5; server += 1) {
    out.push(label(24, 75 + server * 40, `server ${server}`, 'small', 'start'))
  }
  steps.forEach(([name, leader, servers], i) => {
    const x = 96 + i * 124
    out.push(label(x + 45, 36, name, 'strong'))
    servers.forEach((log, server) => {
      const y = 56 + server * 40
      if (server === leader)
        out.push(
          path(`M ${x - 8} ${y - 3} H ${x + 98} V ${y + 31} H ${x - 8} Z`, 'mark'),
        )
      log.forEach((term, at) => {
        out.push(
          box(x + at * 30, y, 30, 28, `t${term}`),
          label(x + at * 30 + 15, y + 19, `${term}`, 'code'),
        )
      })
    })
  })
  out.push(
    label(
      24,
      286,
      'Entries by their term; the leader has a frame. In c, the entry of term 2 is on a majority.',
      'small',
      'start',
    ),
  )
  out.push(
    label(
      24,
      306,
      'In d it is overwritten all the same. In e it cannot be: an entry of the leader’s own term 4 covers it.',
      'small',
      'start',
    ),
  )
  return out
}

function conflict(): string[] {
  const out: string[] = []
  const leader = [1, 1, 1, 4, 4, 4, 4, 4, 4, 4]
  const follower = [1, 1, 1, 2, 2, 2, 3, 3, 3, 3]
  const row = (y: number, log: readonly number[]) =>
    log.map(
      (term, i) =>
        box(150 + i * 50, y, 50, 34, `t${term}`) +
        label(175 + i * 50, y + 22, `${term}`, 'code'),
    )
  for (let i = 1; i <= 10; i += 1) out.push(label(125 + i * 50, 36, `${i}`, 'small'))
  out.push(label(24, 70, 'leader', 'strong', 'start'), ...row(48, leader))
  out.push(label(24, 124, 'follower', 'strong', 'start'), ...row(102, follower))
  const ask = (from: number, y: number, text: string, note: string) => {
    const x = 125 + from * 50
    out.push(
      arrow([
        [x, y],
        [x, 140],
      ]),
      label(24, y + 4, text, 'small', 'start'),
    )
    out.push(
      label(x + (from > 7 ? -10 : 10), y + 4, note, 'small', from > 7 ? 'end' : 'start'),
    )
  }
  ask(10, 176, 'prevLogIndex 10', 'conflictTerm 3, conflictIndex 7')

  ask(6, 222, 'prevLogIndex 6', 'conflictTerm 2, conflictIndex 4')
  ask(
    3,
    262,
    'prevLogIndex 3',
    'both have term 1 here: the leader sends entries 4 to 10',
  )
  out.push(
    label(
      24,
      302,
      'Three messages for two terms that the leader does not have. One entry back at a time, it would be eight.',
      'small',
      'start',
    ),
  )
  return out
}

function turns(): string[] {
  const out: string[] = []
  const lanes: [string, number, string][] = [
    ['leader', 40, 'leader'],
    ['follower', 170, 'follower'],
    ['client', 290, 'box'],
  ]
  for (const [name, y] of lanes) {
    out.push(
      label(24, y + 30, name, 'strong', 'start'),
      path(`M 100 ${y + 25} H 700`, 'wire'),
    )
  }
  const turn = (x: number, y: number, w: number, kind: string, lines: string[]) => {
    out.push(box(x, y, w, 52, kind))
    lines.forEach((line, i) => {
      out.push(
        label(x + w / 2, y + 21 + i * 18 + (lines.length === 1 ? 9 : 0), line, 'code'),
      )
    })
  }
  turn(108, 40, 92, 'leader', ['submit(a)', 'submit(b)'])
  turn(222, 40, 88, 'leader', ['send', 'a, b'])
  turn(326, 40, 88, 'leader', ['sync once'])
  turn(304, 170, 158, 'follower', ['storeEntries, sync', 'answer'])
  turn(440, 40, 140, 'leader', ['onAppendReply', 'commit, apply'])
  turn(604, 170, 96, 'follower', ['commit', 'apply'])
  turn(584, 290, 116, 'box', ['a, b done'])
  out.push(
    arrow([
      [200, 66],
      [218, 66],
    ]),
    label(211, 28, 'setTimeout 0', 'code small'),
  )
  out.push(
    arrow([
      [290, 92],
      [326, 166],
    ]),
    label(296, 136, 'AppendEntries', 'small', 'end'),
  )
  out.push(
    arrow([
      [430, 170],
      [470, 96],
    ]),
    label(470, 142, 'success', 'small', 'start'),
  )
  out.push(
    arrow([
      [568, 92],
      [618, 166],
    ]),
    label(610, 130, 'next heartbeat', 'small', 'start'),
  )
  out.push(path('M 520 92 V 305 H 576', 'wire'), head(582, 305, 0))
  out.push(
    arrow([
      [124, 290],
      [124, 96],
    ]),
    label(134, 270, 'commands', 'small', 'start'),
  )

  out.push(
    label(
      24,
      378,
      'Each box is one turn of an event loop: nothing comes between its lines.',
      'small',
      'start',
    ),
  )
  return out
}

function record(): string[] {
  const out: string[] = []
  const records = [
    '{"term":1,"votedFor":0}',
    '{"index":1,"term":1,"command":"x=1"}',
    '{"index":2,"term":1,"command":"y=2"}',
  ]
  let offset = 0
  let synced = 0
  records.forEach((json, i) => {
    const y = 48 + i * 44
    const isTorn = i === records.length - 1
    const text = `${json.length} ${synced} ${json}`
    const checksum = crc32(text, offset).toString(16).padStart(8, '0')
    offset += checksum.length + text.length + 2
    // The vote was synced by itself; both entries are of one write.
    if (i === 0) synced = offset
    const [length, before] = text.split(' ', 2)
    out.push(box(24, y, 92, 34, 't1'), label(70, y + 22, checksum, 'code'))
    out.push(box(116, y, 48, 34, 't3'), label(140, y + 22, `${length}`, 'code'))
    out.push(box(164, y, 48, 34, 't4'), label(188, y + 22, `${before}`, 'code'))
    out.push(box(212, y, isTorn ? 170 : 330, 34, 'box'))
    out.push(label(222, y + 22, isTorn ? json.slice(0, 18) : json, 'code', 'start'))
    if (isTorn) return
    out.push(box(542, y, 34, 34, 't2'), label(559, y + 22, '\\n', 'code'))
  })
  out.push(
    label(70, 36, 'CRC-32', 'small'),
    label(140, 36, 'length', 'small'),
    label(188, 36, 'synced', 'small'),
    label(377, 36, 'the record, as JSON', 'small'),
    label(559, 36, 'end', 'small'),
    label(590, 70, 'term and vote', 'small', 'start'),
    label(590, 114, 'entry 1', 'small', 'start'),
    path('M 382 128 L 376 140 L 388 150 L 376 162 L 382 178', 'mark'),
    label(400, 158, 'torn: shorter than its length. Dropped.', 'note', 'start'),
    label(
      24,
      208,
      'A record that was cut off is torn. One that has its length and does not match: the file is refused.',
      'small',
      'start',
    ),
  )
  return out
}

/** Entries of a log, side by side: the term above the command. */
/** Why one server at a time: majorities of two configurations. */
function majorities(): string[] {
  const out: string[] = []
  const server = (x: number, id: number, isNew: boolean) => {
    out.push(circle(x, 92, 20, isNew ? 'candidate' : 'follower'))
    out.push(label(x, 97, `${id}`, 'strong'))
  }
  out.push(label(180, 28, 'from three to five at once', 'strong'))
  for (let id = 0; id < 5; id += 1) server(56 + id * 60, id, id > 2)
  out.push(path('M 28 62 H 144 V 122 H 28 Z', 'mark'))
  out.push(path('M 148 62 H 324 V 122 H 148 Z', 'wire'))
  out.push(label(86, 144, 'two of the old three', 'note'))
  out.push(label(236, 144, 'three of the new five', 'small'))
  out.push(label(180, 176, 'nobody is in both: two leaders of one term', 'note'))

  out.push(label(546, 28, 'from three to four', 'strong'))
  for (let id = 0; id < 4; id += 1) server(456 + id * 60, id, id > 2)
  out.push(path('M 428 56 H 544 V 128 H 428 Z', 'mark'))
  out.push(path('M 488 62 H 664 V 122 H 488 Z', 'wire'))
  out.push(label(470, 150, 'two of the old three', 'note'))
  out.push(label(618, 144, 'three of the new four', 'small'))
  out.push(label(546, 176, 'server 1 is in both, and has one vote', 'small'))
  return out
}

/** The flaw of 2015: leaders of terms 1 and 2 both change the configuration {0, 1, 2, 3}. */
function twoChanges(): string[] {
  const out: string[] = [
    label(292, 26, 'server 1, leader of term 1,', 'small'),
    label(292, 42, 'and of term 3', 'small'),
    label(540, 26, 'server 0, leader of term 2:', 'small'),
    label(540, 42, 'its entry is committed', 'small'),
  ]
  const cases: [string, string, number[], string, number[], string][] = [
    [
      'an addition',
      'and a removal',
      [4, 1, 3],
      'adds 4: 3 of 5',
      [0, 2],
      'removes 1: 2 of 3',
    ],
    ['two additions', '', [4, 1, 3], 'adds 4: 3 of 5', [0, 2, 5], 'adds 5: 3 of 5'],
    ['two removals', '', [1, 3], 'removes 0: 2 of 3', [0, 2], 'removes 1: 2 of 3'],
  ]
  cases.forEach(([name, rest, left, leftText, right, rightText], i) => {
    const y = 82 + i * 86
    out.push(label(24, y + (rest ? -4 : 5), name, 'strong', 'start'))
    if (rest) out.push(label(24, y + 15, rest, 'strong', 'start'))
    for (const [ids, center] of [
      [left, 292],
      [right, 540],
    ] as const) {
      ids.forEach((id, at) => {
        const x = center + (at - (ids.length - 1) / 2) * 52
        const isLeader = id < 2
        out.push(
          circle(x, y, 18, isLeader ? 'leader' : id > 3 ? 'candidate' : 'follower'),
        )
        out.push(label(x, y + 5, `${id}`, 'strong'))
      })
      const half = ids.length * 26 + 6
      const kind = center < 400 ? 'mark' : 'wire'
      out.push(
        path(`M ${center - half} ${y - 26} h ${2 * half} v 52 h ${-2 * half} Z`, kind),
      )
    }
    out.push(
      label(292, y + 44, leftText, 'note'),
      label(540, y + 44, rightText, 'small'),
    )
  })
  return out
}

function cells(x: number, y: number, entries: [number, string][], width = 56): string[] {
  return entries.flatMap(([term, command], i) => [
    box(x + i * width, y, width, 36, `t${term}`),
    label(x + i * width + width / 2, y + 15, `${term}`, 'small'),
    label(x + i * width + width / 2, y + 30, command, 'code'),
  ])
}

/** Rooms on floors: each may know some of those that stand lower, and none above. */
function rooms(): string[] {
  const room = (x: number, y: number, width: number, name: string, does: string) => [
    box(x, y, width, 54, 'box'),
    label(x + width / 2, y + 23, name, 'code strong'),
    label(x + width / 2, y + 42, does, 'small'),
  ]
  return [
    ...room(24, 20, 288, 'grade exercise', 'what a reader writes, and how far it is'),
    ...room(24, 86, 136, 'dotest', 'one test, its page'),
    ...room(176, 86, 136, 'gallery puzzle', 'known mistakes'),
    ...room(328, 86, 200, 'checks diff mutants', 'a part and the next'),
    ...room(24, 152, 100, 'harness', 'scenarios'),
    ...room(136, 152, 116, 'explore', 'thousands of seeds'),
    ...room(264, 152, 120, 'playground', 'in a browser'),
    ...room(396, 152, 132, 'cluster chaos', 'real processes'),
    box(24, 218, 352, 54, 'leader'),
    label(200, 241, 'lab', 'code strong'),
    label(200, 260, 'time, network, machines, disks, faults, rules', 'small'),
    ...room(392, 218, 136, 'viz', 'the timeline'),
    box(24, 284, 504, 54, 'follower'),
    label(276, 307, 'testlog', 'code strong'),
    label(276, 326, 'the lines that a run writes, for all who read them', 'small'),
    ...room(
      24,
      350,
      504,
      'cli source markdown parts histories browser',
      'what several rooms share',
    ),
    box(576, 86, 120, 186, 'candidate'),
    label(636, 146, 'partN', 'code strong'),
    label(636, 174, 'src', 'code'),
    label(636, 192, 'the lesson', 'small'),
    label(636, 224, 'test/lab.ts', 'code'),
    label(636, 242, 'tells the lab', 'small'),
    label(636, 258, 'what the part is', 'small'),
  ]
}

function box(x: number, y: number, width: number, height: number, kind: string): string {
  return `<rect class="${kind}" x="${x}" y="${y}" width="${width}" height="${height}" rx="3"/>`
}

function circle(x: number, y: number, radius: number, kind: string): string {
  return `<circle class="${kind}" cx="${x}" cy="${y}" r="${radius}"/>`
}

function label(
  x: number,
  y: number,
  text: string,
  kind = '',
  anchor = 'middle',
): string {
  const escaped = text.replace(/&/g, '&amp;').replace(/</g, '&lt;')
  const look = kind ? ` class="${kind}"` : ''
  return `<text${look} x="${x}" y="${y}" text-anchor="${anchor}">${escaped}</text>`
}

function path(d: string, kind: string): string {
  return `<path class="${kind}" d="${d}"/>`
}

/** A line through points, with a head at its end. */
function arrow(points: [number, number][]): string {
  const d = points.map(([x, y], i) => `${i === 0 ? 'M' : 'L'} ${x} ${y}`).join(' ')
  const [[x1, y1], [x2, y2]] = points.slice(-2) as [[number, number], [number, number]]
  return path(d, 'wire') + head(x2, y2, Math.atan2(y2 - y1, x2 - x1))
}

/** A curve `M … C …`, with a head that points as its last control point says. */
function curve(d: string): string {
  const [x1, y1, x2, y2] = (d.match(/-?\d+/g) ?? []).slice(-4).map(Number) as number[]
  const angle = Math.atan2((y2 ?? 0) - (y1 ?? 0), (x2 ?? 0) - (x1 ?? 0))
  return path(d, 'wire') + head(x2 ?? 0, y2 ?? 0, angle)
}

function head(x: number, y: number, angle: number): string {
  const degrees = Math.round((angle * 180) / Math.PI)
  return `<path class="tip" d="M 0 0 L -9 -4.5 L -9 4.5 Z" transform="translate(${x} ${y}) rotate(${degrees})"/>`
}

function render({ height, title, draw }: Figure): string {
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" height="${height}" role="img" aria-label="${title}">`,
    `<title>${title}</title>`,
    `<style>${STYLE}\n</style>`,
    `<rect class="card" x="0.5" y="0.5" width="${WIDTH - 1}" height="${height - 1}" rx="8"/>`,
    ...draw(),
    '</svg>\n',
  ].join('\n')
}

const folder = join(import.meta.dirname, '../docs/public/figures')
mkdirSync(folder, { recursive: true })
for (const figure of FIGURES) {
  writeFileSync(join(folder, `${figure.name}.svg`), render(figure))
}
