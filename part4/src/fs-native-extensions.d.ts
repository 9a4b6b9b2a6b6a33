declare module 'fs-native-extensions' {
  /** Locks an open file; false when another opening of it has the lock. */
  export function tryLock(fd: number): boolean
}
