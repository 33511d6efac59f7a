// Work that may be wanted far more often than it can be done.

// Between the end of one and the beginning of the next, unless somebody asks for it.
const REST_MS = 400;
// After work there is a rest of at least so many times what it took.
const REST = 2;

/**
 * Work that is done once at a time. After it there is a rest, so that it takes a third of the time at
 * most, however often it is wanted. What nobody asked for takes turns with that of the whole page.
 */
export class PacedWork {
  #current: AbortController | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #restUntil = 0;
  #wanted: "no" | "soon" | "inTurn" = "no";

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

  /** When its rest is over. */
  get restUntil(): number {
    return this.#restUntil;
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
    this.#restUntil = end + Math.max(this.rest, REST * (end - start));
    if (this.#wanted === "soon") this.startSoon();
    if (this.#wanted === "inTurn") this.startInTurn();
  }

  /** Begins when what is under way has ended and the rest is over. */
  startSoon(): void {
    this.#wanted = "soon";
    if (this.isRunning) return;
    this.#timer ??= setTimeout(() => this.startNow(), this.#restUntil - performance.now());
  }

  /** Begins in the same way, but when no other of the page does and the rest after that is over. */
  startInTurn(): void {
    if (this.#wanted === "soon") return;
    this.#wanted = "inTurn";
    if (this.isRunning) return;
    waiting.add(this);
    takeTurns();
  }

  /** Aborts what is under way, and begins no more. */
  stop(): void {
    this.#current?.abort();
    this.#current = undefined;
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#wanted = "no";
    waiting.delete(this);
  }
}

const waiting = new Set<PacedWork>();
let turn: ReturnType<typeof setTimeout> | undefined;
let isTaken = false;
let freeAt = 0;

function takeTurns(): void {
  clearTimeout(turn);
  const [next] = [...waiting].sort((a, b) => a.restUntil - b.restUntil);
  if (!next || isTaken) return;
  turn = setTimeout(take, Math.max(freeAt, next.restUntil) - performance.now(), next);
}

async function take(next: PacedWork): Promise<void> {
  if (!waiting.has(next)) return takeTurns();
  isTaken = true;
  const start = performance.now();
  await next.startNow();
  const end = performance.now();
  isTaken = false;
  freeAt = end + REST * (end - start);
  takeTurns();
}
