/**
 * Which room of tools/src may know which: an arrow that is not in this table fails `npm run
 * check`, and so does a circle, or a page that reaches for Node.
 */

/** The rooms, from the ground up, and the rooms that each may know. */
const MAY_KNOW = {
  cli: [],
  source: [],
  markdown: [],
  testlog: [],
  lab: ['testlog', 'histories'],
  parts: ['cli'],
  histories: ['cli'],
  browser: ['cli'],
  viz: ['cli', 'testlog', 'histories', 'browser'],
  linearizable: ['cli', 'histories', 'viz'],
  harness: ['cli', 'testlog', 'lab', 'viz'],
  explore: ['cli', 'testlog', 'lab', 'parts', 'viz'],
  gallery: ['cli', 'parts', 'explore'],
  puzzle: ['cli', 'source', 'lab', 'parts', 'explore'],
  dotest: ['cli', 'testlog', 'parts', 'harness', 'viz'],
  diff: ['cli', 'source', 'markdown', 'parts'],
  exercise: ['cli', 'source', 'parts'],
  grade: ['cli', 'testlog', 'lab', 'parts', 'explore', 'dotest', 'exercise', 'viz'],
  checks: ['cli', 'source', 'parts'],
  mutants: ['cli', 'source', 'parts'],
  processes: ['cli', 'testlog', 'lab', 'parts', 'viz'],
  chaos: ['cli', 'testlog', 'lab', 'histories', 'viz', 'processes'],
  cluster: ['cli', 'testlog', 'lab', 'histories', 'viz', 'processes', 'chaos'],
}

/** Within the timeline: they share viz/shared, and do not know each other. */
const ROOMS_OF_VIZ = ['viz/read', 'viz/write', 'viz/page']

/** What runs in a browser, where there is no Node. */
const IN_PAGES = '^(tools/src/(viz/page|viz/shared|lab|cluster/page)|playground/src)/'

/** Such a module is called `fs` or `fs/promises`; whatever else there is has an ending. */
const CORE_MODULE = '^[a-z_/]+$'

const forbidden = [
  {
    name: 'there must be no circle',
    from: { path: '^(tools|scripts|playground)/' },
    to: { circular: true },
  },
  {
    name: 'rooms must not know each other in a circle',
    scope: 'folder',
    from: { path: '^tools/' },
    to: { circular: true },
  },
  {
    name: 'tools/.dependency-cruiser.js must say what this room may know',
    from: { path: '^tools/src/', pathNot: folders(Object.keys(MAY_KNOW)) },
    to: {},
  },
  ...Object.entries(MAY_KNOW).map(([room, known]) => ({
    name: `${room} may know ${known.join(', ') || 'no other room'}`,
    from: { path: folders([room]) },
    to: { path: '^(tools|scripts|playground)/', pathNot: folders([room, ...known]) },
  })),
  ...ROOMS_OF_VIZ.map((room) => ({
    name: `${room} may know viz/shared`,
    from: { path: folders([room]) },
    to: { path: folders(['viz']), pathNot: folders([room, 'viz/shared']) },
  })),
  {
    name: 'a page must not reach for Node',
    from: { path: IN_PAGES },
    to: { path: CORE_MODULE, reachable: true },
  },
]

function folders(rooms) {
  return `^tools/src/(${rooms.join('|')})/`
}

export default {
  forbidden: forbidden.map((rule) => ({ ...rule, severity: 'error' })),
  options: {
    parser: 'swc',
    // Types count: no room is understood without those that it takes from others.
    tsPreCompilationDeps: true,
    // What a part imports is its own matter: its storage has one class that needs files.
    doNotFollow: { path: '(node_modules|^part[0-9]+)/' },
    // So that `tools/…` is found as Node finds it.
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'types', 'default'],
    },
  },
}
