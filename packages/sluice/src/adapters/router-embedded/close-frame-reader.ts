/** What a close frame without a code stands for (RFC 6455, 7.1.5). */
const noStatus = 1005;
const closeOpcode = 8;

/**
 * Looks through the frames of one direction of a WebSocket for the close frame, in whatever pieces they come. It steps over payloads by their
 * length and keeps at most one frame's head: nothing is held back, nothing piles up.
 */
export class CloseFrameReader {
  readonly #head = Buffer.alloc(16);
  #headLength = 0;
  #skip = 0;
  #lost = false;

  /** The code of the close frame, once it has come; the bytes behind it are nobody's. */
  read(chunk: Buffer): number | undefined {
    let at = 0;
    while (!this.#lost && at < chunk.length) {
      if (this.#skip > 0) {
        const step = Math.min(this.#skip, chunk.length - at);
        this.#skip -= step;
        at += step;
        continue;
      }
      this.#head[this.#headLength] = chunk[at] ?? 0;
      this.#headLength += 1;
      at += 1;
      const code = this.#frame();
      if (code !== undefined) return code;
    }
    return undefined;
  }

  /** Looks at the head as far as it has come: steps over the payload once its length is known, and reads the code of a close frame. */
  #frame(): number | undefined {
    const head = this.#head;
    if (this.#headLength < 2) return undefined;
    const [first = 0, second = 0] = head;
    const opcode = first & 0x0f;
    const short = second & 0x7f;
    const lengthBytes = short === 126 ? 2 : short === 127 ? 8 : 0;
    const masked = (second & 0x80) !== 0;
    const whole = 2 + lengthBytes + (masked ? 4 : 0);
    if (opcode === closeOpcode) return this.#close({ short, whole, masked });
    if (this.#headLength < whole) return undefined;
    const length = lengthBytes === 0 ? short : lengthBytes === 2 ? head.readUInt16BE(2) : Number(head.readBigUInt64BE(2));
    // No frame is that long: these are no frames, or not ours to understand.
    this.#lost = length > Number.MAX_SAFE_INTEGER || (opcode > 2 && opcode < closeOpcode) || opcode > 10;
    this.#skip = length;
    this.#headLength = 0;
    return undefined;
  }

  #close({ short, whole, masked }: { readonly short: number; readonly whole: number; readonly masked: boolean }): number | undefined {
    if (short < 2) return noStatus;
    if (this.#headLength < whole + 2) return undefined;
    const mask = (at: number): number => (masked ? (this.#head[whole - 4 + at] ?? 0) : 0);
    return (((this.#head[whole] ?? 0) ^ mask(0)) << 8) | ((this.#head[whole + 1] ?? 0) ^ mask(1));
  }
}
