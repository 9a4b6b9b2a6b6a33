/** What the laboratory must know of this part, and all that it knows. */
import type { Part, View } from 'tools/lab'
import { ConsensusModule } from '../src/raft.ts'

/** The state of Figure 2, as far as this part has it: there is no log yet. */
class ServerView implements View {
  readonly commitIndex = 0
  readonly lastApplied = 0
  readonly firstIndex = 1
  readonly lastIndex = 0
  private readonly server: ConsensusModule

  constructor(server: ConsensusModule) {
    this.server = server
  }

  get term() {
    return this.server.currentTerm
  }

  get votedFor() {
    return this.server.votedFor
  }

  get role() {
    return this.server.role
  }

  entryAt() {
    return undefined
  }
}

export const part: Part<ConsensusModule> = {
  rpcs: {
    RequestVote: 'requestVote',
    AppendEntries: 'appendEntries',
  },
  transport: 'calls',
  build: (surroundings) => new ConsensusModule(surroundings),
  view: (server) => new ServerView(server),
}
