// Work that may be wanted far more often than it can be done.

// Between the end of one and the beginning of the next, unless somebody asks for it.
const REST_MS = 400;

/**
 * Work that is done once at a time. After it there is a rest, of at least twice the time that it
 * took, so that it takes a third of the time at most, however often it is wanted.
 */
export class PacedWork {
  #current: AbortController | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #restUntil = 0;
  #isWanted = false;

  /**
   * @param work what is done
   * @param rest milliseconds of the shortest rest
   */
  constructor(
    readonly work: (signal: AbortSignal) => Promise<void>,
    readonly rest = REST_MS,
  ) {}

  /** Whether it is under way. */
  get isRunning(): boolean {
    return this.#current !== undefined;
  }

  /** Begins at once; what is under way is aborted. */
  async startNow(): Promise<void> {
    this.stop();
    const own = new AbortController();
    this.#current = own;
    const start = performance.now();
    await this.work(own.signal);
    if (own !== this.#current) return;
    const end = performance.now();
    this.#current = undefined;
    this.#restUntil = end + Math.max(this.rest, 2 * (end - start));
    if (this.#isWanted) this.startSoon();
  }

  /** Begins when what is under way has ended and the rest is over. */
  startSoon(): void {
    this.#isWanted = true;
    if (this.isRunning) return;
    this.#timer ??= setTimeout(() => this.startNow(), this.#restUntil - performance.now());
  }

  /** Aborts what is under way, and begins no more. */
  stop(): void {
    this.#current?.abort();
    this.#current = undefined;
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#isWanted = false;
  }
}
