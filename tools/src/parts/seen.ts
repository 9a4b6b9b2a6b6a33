/** Where to read of the systems that had a mistake. Nothing here needs Node: pages show it. */

/** The repositories of those whose issues the gallery names, as in `etcd, issue 741`. */
const REPOSITORIES: Readonly<Record<string, string>> = {
  etcd: 'etcd-io/etcd',
  Consul: 'hashicorp/consul',
  'eliben/raft': 'eliben/raft',
  openraft: 'databendlabs/openraft',
  TiKV: 'tikv/tikv',
  LogCabin: 'logcabin/logcabin',
  Cockroach: 'cockroachdb/cockroach',
  'sofa-jraft': 'sofastack/sofa-jraft',
  Iggy: 'apache/iggy',
  Atomix: 'atomix/atomix',
  Camunda: 'camunda/camunda',
  NuRaft: 'eBay/NuRaft',
  'hashicorp/raft': 'hashicorp/raft',
  Copycat: 'atomix/copycat',
  rafter: 'andrewjstone/rafter',
  'canonical/raft': 'canonical/raft',
  RedisRaft: 'RedisLabs/redisraft',
  cowsql: 'cowsql/raft',
}

/** Those that are named without an issue. */
const PLACES: Readonly<Record<string, string>> = {
  'Students’ Guide to Raft': 'https://thesquareplanet.com/blog/students-guide-to-raft/',
  'PostgreSQL in 2018': 'https://wiki.postgresql.org/wiki/Fsync_Errors',
  Coyote: 'https://github.com/microsoft/coyote',
  liferaft: 'https://github.com/unshiftio/liferaft',
  RedisRaft: 'https://github.com/RedisLabs/redisraft',
  'eliben/raft, parts 1 and 2': 'https://github.com/eliben/raft',
  'the Go original': 'https://github.com/eliben/raft',
}

/** The addresses of the sources that a mistake's `seen` names, if it names any. */
export function sourcesOf(seen: string): string[] {
  const issues = Object.entries(REPOSITORIES).flatMap(([system, repository]) => {
    const found = [
      ...seen.matchAll(new RegExp(`${system}, (?:after )?issue (\\d+)`, 'g')),
    ]
    return found.map(([, number]) => `https://github.com/${repository}/issues/${number}`)
  })
  const places = Object.entries(PLACES).filter(([words]) => seen.includes(words))
  return [...new Set([...issues, ...places.map(([, address]) => address)])]
}
