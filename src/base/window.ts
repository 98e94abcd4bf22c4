/** How many bytes may be on their way to a reader that reports what it has taken. */
export class Window {
  #free: number;
  #wake: (() => void) | null = null;
  #closed = false;

  constructor(bytes: number) {
    this.#free = bytes;
  }

  /** Waits until so many bytes may be sent; false: the reader is gone. One sender at a time. */
  async take(bytes: number): Promise<boolean> {
    while (this.#free < bytes && !this.#closed) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    this.#free -= bytes;
    return !this.#closed;
  }

  /** The reader has taken them. */
  give(bytes: number): void {
    this.#free += bytes;
    this.#wake?.();
  }

  close(): void {
    this.#closed = true;
    this.#wake?.();
  }
}
