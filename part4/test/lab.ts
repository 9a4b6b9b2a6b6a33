/** What the laboratory must know of this part, and all that it knows. */
import type { Part, View } from 'tools/lab'
import { ConsensusModule } from '../src/raft.ts'
import { FileStorage, MemoryStorage } from '../src/storage.ts'

/** The state of Figure 2. */
class ServerView implements View {
  readonly firstIndex = 1
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

  get commitIndex() {
    return this.server.commitIndex
  }

  get lastApplied() {
    return this.server.lastApplied
  }

  get lastIndex() {
    return this.server.log.length
  }

  entryAt(index: number) {
    return this.server.log[index - 1]
  }
}

export const part: Part<ConsensusModule> = {
  rpcs: {
    RequestVote: 'requestVote',
    AppendEntries: 'appendEntries',
  },
  transport: 'stream',
  build: (surroundings) => new ConsensusModule(surroundings),
  view: (server) => new ServerView(server),
  submit: (server, command) => server.submit(command),
  storage: {
    newDisk: () => new MemoryStorage(),
    openFile: (path) => new FileStorage(path),
    syncs: ['saveTermAndVote', 'sync'],
  },
}
