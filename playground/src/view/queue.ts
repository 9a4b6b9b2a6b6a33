/**
 * One thing after the other: to go back is to run everything anew, and what comes meanwhile
 * waits. Of several times that a slider asks for, the last one counts.
 */
export class Queue {
  private last: Promise<void> = Promise.resolve()
  private waiting = 0
  private wanted: number | null = null

  get isBusy(): boolean {
    return this.waiting > 0
  }

  add(work: () => void | Promise<void>): Promise<void> {
    this.waiting += 1
    this.last = this.last
      .catch(() => {})
      .then(work)
      .finally(() => {
        this.waiting -= 1
      })
    return this.last
  }

  slide(time: number, go: (time: number) => Promise<void>): void {
    const isAsked = this.wanted !== null
    this.wanted = time
    if (isAsked) return
    void this.add(async () => {
      const wanted = this.wanted ?? time
      this.wanted = null
      await go(wanted)
    })
  }
}
