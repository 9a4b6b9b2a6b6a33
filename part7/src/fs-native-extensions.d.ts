declare module 'fs-native-extensions' {
  /** Locks an open file; false when another opening of it has the lock. */
  export function tryLock(fd: number): boolean
  /** Gives the lock back, for all who have this opening of the file. */
  export function unlock(fd: number): void
}
