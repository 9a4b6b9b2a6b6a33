import type { Action, Recording } from './action.ts'

/** A run that a chapter links to, and what to say while it goes on. */
export interface Scene {
  readonly id: string
  readonly title: string
  readonly recording: Recording
  /** Where it stops to be read; times in ms of simulated time. */
  readonly captions: readonly { readonly at: number; readonly text: string }[]
}

const timeout = (at: number, server: number): Action => ({ do: 'timeout', at, server })
const crash = (at: number, server: number): Action => ({ do: 'crash', at, server })
const restart = (at: number, server: number): Action => ({ do: 'restart', at, server })

function submit(at: number, server: number, command: string): Action {
  return { do: 'submit', at, server, command }
}

function cut(at: number, server: number, others: readonly number[]): Action[] {
  return others.map((other) => ({ do: 'cut', at, server, other }))
}

function mend(at: number, server: number, others: readonly number[]): Action[] {
  return others.map((other) => ({ do: 'mend', at, server, other }))
}

const FIRST_ELECTION: Scene = {
  id: 'first-election',
  title: 'A first election',
  recording: { part: 1, servers: 5, seed: 1, actions: [] },
  captions: [
    {
      at: 0,
      text:
        'Five servers, all followers in term 0. Around each of them runs its election ' +
        'timer, and each timer runs for a different time. Press play.',
    },
    {
      at: 317.4,
      text:
        'Server 1 was the first whose timer ran out. It is a candidate in term 1, has ' +
        'voted for itself, and asks the others for their votes.',
    },
    {
      at: 345,
      text:
        'The others had not voted in term 1, so they vote for server 1, and start their ' +
        'timers anew. Their answers are on the way.',
    },
    {
      at: 368,
      text:
        'Three votes of five are a majority: server 1 leads term 1, and says so at once, ' +
        'with a heartbeat to everyone.',
    },
    {
      at: 700,
      text:
        'Every heartbeat starts the timers anew before they run out. So it goes on, until ' +
        'something happens to the leader. Make something happen: select it, and disconnect it.',
    },
  ],
}

const SPLIT_VOTE: Scene = {
  id: 'split-vote',
  title: 'A split vote',
  recording: {
    part: 1,
    servers: 4,
    seed: 5,
    actions: [timeout(100, 0), timeout(100, 1)],
  },
  captions: [
    { at: 0, text: 'Four servers. The timers of two will run out at the same moment.' },
    {
      at: 100,
      text: 'Servers 0 and 1 are both candidates in term 1. Who gets the other two votes?',
    },
    {
      at: 180,
      text:
        'Each got one. Two votes of four are no majority: term 1 has no leader, and will ' +
        'never have one. Their timers run anew, each for a different time.',
    },
    {
      at: 660,
      text:
        'The timer of server 2 ran out first, and nobody was in its way: it leads term 2. ' +
        'Chance resolves what a rule would have to forbid.',
    },
  ],
}

const OLD_LEADER: Scene = {
  id: 'old-leader-returns',
  title: 'An old leader returns',
  recording: {
    part: 2,
    servers: 5,
    seed: 1,
    actions: [
      timeout(100, 0),
      submit(250, 0, 'x=1'),
      { do: 'disconnect', at: 600, server: 0 },
      submit(640, 0, 'x=2'),
      timeout(700, 2),
      submit(850, 2, 'x=3'),
      { do: 'reconnect', at: 1300, server: 0 },
    ],
  },
  captions: [
    { at: 0, text: 'Server 0 will lead, take a command, and then lose its connection.' },
    {
      at: 590,
      text: 'x=1 is on all servers, and committed: a majority holds it.',
    },
    {
      at: 690,
      text:
        'Server 0 is cut off, and does not know. It took x=2, but nobody else gets it, so ' +
        'it cannot commit it.',
    },
    {
      at: 1290,
      text:
        'The others elected server 2, in term 2, and committed x=3. There are two leaders ' +
        'now, of different terms; only one of them has a majority.',
    },
    {
      at: 1700,
      text:
        'Server 0 came back, heard of term 2, and follows. x=2 was never committed; it had ' +
        'to give way to x=3.',
    },
  ],
}

/** Up to (c) of the paper's figure 8; its S1 to S5 are the servers 0 to 4. */
const FIGURE_8_START: readonly Action[] = [
  timeout(100, 0),
  submit(250, 0, 'a'),
  crash(600, 0),
  restart(610, 0),
  timeout(620, 0),
  ...cut(800, 0, [2, 3, 4]),
  submit(801, 0, 'b'),
  crash(850, 0),
  timeout(900, 4),
  ...cut(1000, 4, [0, 1, 2, 3]),
  submit(1001, 4, 'c'),
  crash(1060, 4),
  restart(1100, 0),
  ...mend(1100, 0, [2, 3]),
  timeout(1110, 0),
  timeout(1111, 0),
  ...cut(1150, 0, [3]),
]

const FIGURE_8_CAPTIONS = [
  {
    at: 0,
    text:
      'Figure 8 of the paper: why a leader does not commit entries of older terms by ' +
      'counting. First, entry a gets committed everywhere.',
  },
  {
    at: 849,
    text:
      '(a) Server 0 leads term 2. Its entry b got to server 1, and no further. Now it ' +
      'crashes.',
  },
  {
    at: 1059,
    text:
      '(b) Server 4 was elected in term 3, by the votes of 2, 3 and itself. It took c at ' +
      'the place of b. Now it crashes, too, before anyone gets c.',
  },
  {
    at: 1390,
    text:
      '(c) Server 0 is back and leads term 4. It gave b to server 2: b is on a majority, ' +
      '0, 1 and 2. It is not committed all the same, since it is of term 2.',
  },
]

const FIGURE_8: Scene = {
  id: 'figure-8',
  title: 'Figure 8: a majority is not enough',
  recording: {
    part: 3,
    servers: 5,
    seed: 1,
    actions: [
      ...FIGURE_8_START,
      crash(1400, 0),
      restart(1420, 4),
      ...mend(1420, 4, [0, 1, 2, 3]),
      timeout(1430, 4),
      timeout(1431, 4),
      submit(1700, 4, 'e'),
    ],
  },
  captions: [
    ...FIGURE_8_CAPTIONS,
    {
      at: 1690,
      text:
        '(d) Server 0 crashed, and server 4 was elected in term 5: its last entry, c, is ' +
        'of a later term than b. Now c replaces b everywhere, though b was on a majority. ' +
        'Had b been committed, the lamps would be red.',
    },
    {
      at: 1900,
      text:
        'With e, an entry of its own term, server 4 commits c as well. Compare the other ' +
        'end of the story: “Figure 8: an entry of one’s own term”.',
    },
  ],
}

const FIGURE_8_SAFE: Scene = {
  id: 'figure-8-safe',
  title: 'Figure 8: an entry of one’s own term',
  recording: {
    part: 3,
    servers: 5,
    seed: 1,
    actions: [
      ...FIGURE_8_START,
      submit(1400, 0, 'd'),
      crash(1500, 0),
      restart(1520, 4),
      ...mend(1520, 4, [0, 1, 2, 3]),
      timeout(1530, 4),
      timeout(1531, 4),
    ],
  },
  captions: [
    ...FIGURE_8_CAPTIONS,
    {
      at: 1499,
      text:
        '(e) This time server 0 takes d, of its own term 4, and a majority gets it. That ' +
        'commits d, and with it b.',
    },
    {
      at: 1600,
      text:
        'Server 4 asks for votes in vain: 1 and 2 hold an entry of term 4, its own log ' +
        'ends in term 3. Nobody who lacks d and b can win.',
    },
  ],
}

const FORGETS: Scene = {
  id: 'a-crash-forgets',
  title: 'What a crash forgets',
  recording: {
    part: 2,
    servers: 3,
    seed: 1,
    actions: [timeout(100, 0), crash(300, 1), restart(400, 1)],
  },
  captions: [
    {
      at: 0,
      text: 'Part 2 keeps all in memory. Here a server of it crashes, and comes back.',
    },
    {
      at: 399,
      text: 'Server 1 voted for server 0 in term 1, and crashed. Now it starts again.',
    },
    {
      at: 400,
      text:
        'Server 1 knows nothing of term 1, nor that it voted: it could vote a second time. ' +
        'A lamp is red. Part 3 keeps term, vote and log.',
    },
  ],
}

const LATE_ANSWER: Scene = {
  id: 'a-late-answer',
  title: 'An answer that is late',
  recording: {
    part: 5,
    servers: 3,
    seed: 1,
    actions: [
      timeout(100, 0),
      { do: 'ask', at: 400, what: 'put', key: 'x', value: 'a' },
      { do: 'hold', at: 800 },
      { do: 'ask', at: 900, what: 'append', key: 'x', value: 'b' },
      { do: 'release', at: 2300 },
    ],
  },
  captions: [
    {
      at: 0,
      text: 'Server 0 will lead. A client sets x to "a", and then appends "b" to it.',
    },
    {
      at: 890,
      text:
        'The put is done. From now on, what server 0 answers to the client is held back. ' +
        'The client does not know that, and appends.',
    },
    {
      at: 1000,
      text:
        'Entry 4 is committed and carried out: x is "ab" on server 0. The answer that says ' +
        'so is held back.',
    },
    {
      at: 2290,
      text:
        'For a second there was no answer, so the client asked again, under the same number: ' +
        'entry 5. In part 4 it would not dare to, and part 4 would append "b" twice.',
    },
    {
      at: 2500,
      text:
        'The answers were let through. Both say the same: the append was done once, as ' +
        'version 4, which is entry 4. Ask for x: it is "ab".',
    },
  ],
}

export const SCENES: readonly Scene[] = [
  FIRST_ELECTION,
  SPLIT_VOTE,
  OLD_LEADER,
  FORGETS,
  FIGURE_8,
  FIGURE_8_SAFE,
  LATE_ANSWER,
]

export function sceneOf(id: string): Scene | null {
  return SCENES.find((scene) => scene.id === id) ?? null
}
