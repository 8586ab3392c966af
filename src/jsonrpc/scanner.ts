/**
 * The envelope scan: one pass over the bytes of a JSON-RPC message that accepts what `JSON.parse` accepts and remembers
 * where the envelope's values stand. Nothing is decoded, built or copied. It can stop at any byte and go on with the next chunk.
 */

import { decodeName, LONGEST_NAME, mayMatter, SLOT, SLOT_COUNT, slotOf } from './member-names.ts';
import { SHORT_RUN, skipPlainRun } from './plain-run.ts';
import { NO_LIMITS, type ScanFault, type ScanLimits } from './scan-limits.ts';
import { IS_DIGIT, IS_ESCAPED, IS_HEX, isNumberEnd, LITERALS, S, STRING_STOP } from './scan-tables.ts';

/** Longest answer id that is kept while its over-long line is thrown away, in bytes. */
const KEPT_ID = 64;

export class Scanner {
  /** Start and end of every slot's value; start is -1 while it has not been seen. */
  readonly starts = new Int32Array(SLOT_COUNT);
  readonly ends = new Int32Array(SLOT_COUNT);
  /** Line feeds or carriage returns stand between tokens. */
  breaks = false;
  fault: ScanFault | undefined;
  faultText = '';
  /** Bytes of the top-level `id` value, kept only when `keepId` was asked for. */
  idText = '';

  #state: number = S.value;
  #offset = 0;
  #depth = 0;
  #tracked = 0;
  #elements = 0;
  #stack = new Uint8Array(128);
  readonly #slotAt = new Int32Array(4);
  #stringIsKey = false;
  #keyStart = 0;
  #keyCarry = '';
  #keyOdd = false;
  #hexLeft = 0;
  #literal = 0;
  #literalAt = 0;
  #limits: ScanLimits = NO_LIMITS;
  #keepId = false;

  reset(limits: ScanLimits, keepId = false): void {
    this.starts.fill(-1);
    this.ends.fill(-1);
    this.breaks = false;
    this.fault = undefined;
    this.idText = '';
    this.#state = S.value;
    this.#offset = 0;
    this.#depth = 0;
    this.#tracked = 0;
    this.#elements = 0;
    this.#slotAt.fill(0);
    this.#stringIsKey = false;
    this.#keyCarry = '';
    this.#limits = limits;
    this.#keepId = keepId;
  }

  /** The root value has ended (trailing white space aside). */
  get done(): boolean {
    return (
      this.fault === undefined && (this.#state === S.done || (this.#depth === 0 && isNumberEnd(this.#state)))
    );
  }

  /** Positions are counted from 0 at the first byte fed, unless the caller sets where the buffer begins in the message. */
  seek(offset: number): void {
    this.#offset = offset;
  }

  /**
   * Takes the bytes `from` to `to`. Returns the index after the last byte taken: `to`, or less when a fault was found or
   * (with `stopAtEnd`) the root value ended before.
   */
  feed(buf: Buffer, from: number, to: number, stopAtEnd = false): number {
    const shift = this.#offset - from;
    const starts = this.starts;
    const ends = this.ends;
    const slotAt = this.#slotAt;
    let state = this.#state;
    let depth = this.#depth;
    let i = from;

    scan: while (i < to) {
      let c = buf[i] as number;
      switch (state) {
        case S.string: {
          if (this.#stringIsKey) {
            while (c !== 0x22 && c !== 0x5c && c >= 0x20) {
              if (c >= 0x80) this.#keyOdd = true;
              if (++i === to) break scan;
              c = buf[i] as number;
            }
          } else {
            const soon = i + SHORT_RUN;
            while (STRING_STOP[c] === 0) {
              if (++i === soon) i = skipPlainRun(buf, i, to);
              if (i === to) break scan;
              c = buf[i] as number;
            }
          }
          if (c === 0x22) {
            i++;
            if (this.#stringIsKey) {
              this.#stringIsKey = false;
              state = S.colon;
              if (!this.#endKey(buf, from, i - 1, shift, depth)) break scan;
            } else {
              state = S.afterValue;
              if (depth <= 3 && slotAt[depth] !== 0) ends[slotAt[depth] as number] = i + shift;
              if (depth === 0) state = S.done;
            }
          } else if (c === 0x5c) {
            this.#keyOdd = true;
            i++;
            state = S.escape;
          } else {
            this.#fail('syntax', 'control character in a string');
            break scan;
          }
          break;
        }
        case S.escape:
          if (c === 0x75) {
            this.#hexLeft = 4;
            state = S.hex;
          } else if (IS_ESCAPED[c] === 1) state = S.string;
          else {
            this.#fail('syntax', 'bad escape in a string');
            break scan;
          }
          i++;
          break;
        case S.hex:
          if (IS_HEX[c] === 0) {
            this.#fail('syntax', 'bad \\u escape in a string');
            break scan;
          }
          i++;
          if (--this.#hexLeft === 0) state = S.string;
          break;
        case S.zero:
        case S.int:
        case S.fraction:
        case S.exponentDigits:
          if (state !== S.zero) {
            while (IS_DIGIT[c] === 1) {
              if (++i === to) break scan;
              c = buf[i] as number;
            }
          }
          if (c === 0x2e && (state === S.zero || state === S.int)) {
            state = S.dot;
            i++;
          } else if ((c === 0x65 || c === 0x45) && state !== S.exponentDigits) {
            state = S.exponent;
            i++;
          } else {
            // The number ended before this byte, which is looked at again as what follows a value.
            if (depth <= 3 && slotAt[depth] !== 0) ends[slotAt[depth] as number] = i + shift;
            state = depth === 0 ? S.done : S.afterValue;
          }
          break;
        case S.minus:
        case S.dot:
        case S.exponent:
        case S.exponentSign:
          if (IS_DIGIT[c] === 1) {
            if (state === S.minus) state = c === 0x30 ? S.zero : S.int;
            else state = state === S.dot ? S.fraction : S.exponentDigits;
          } else if (state === S.exponent && (c === 0x2b || c === 0x2d)) state = S.exponentSign;
          else {
            this.#fail('syntax', 'bad number');
            break scan;
          }
          i++;
          break;
        case S.literal: {
          const literal = LITERALS[this.#literal] as Buffer;
          if (c !== literal[this.#literalAt]) {
            this.#fail('syntax', 'bad literal');
            break scan;
          }
          i++;
          if (++this.#literalAt === literal.length) {
            if (depth <= 3 && slotAt[depth] !== 0) ends[slotAt[depth] as number] = i + shift;
            state = depth === 0 ? S.done : S.afterValue;
          }
          break;
        }
        default: {
          // Between tokens: white space first.
          if (state === S.done && stopAtEnd) break scan;
          if (c === 0x20 || c === 0x09) {
            i++;
            break;
          }
          if (c === 0x0a || c === 0x0d) {
            this.breaks = true;
            i++;
            break;
          }
          switch (state) {
            case S.keyOrEnd:
            case S.key:
              if (c === 0x22) {
                i++;
                this.#stringIsKey = true;
                this.#keyStart = i + shift;
                this.#keyCarry = '';
                this.#keyOdd = false;
                state = S.string;
                if (++this.#elements > this.#limits.elements) {
                  this.#fail('limit', 'too many members and elements');
                  break scan;
                }
              } else if (c === 0x7d && state === S.keyOrEnd) {
                i++;
                if (depth === this.#tracked) this.#tracked--;
                depth--;
                if (depth <= 3 && slotAt[depth] !== 0) ends[slotAt[depth] as number] = i + shift;
                state = depth === 0 ? S.done : S.afterValue;
              } else {
                this.#fail('syntax', 'expected a member name');
                break scan;
              }
              break;
            case S.colon:
              if (c !== 0x3a) {
                this.#fail('syntax', 'expected a colon');
                break scan;
              }
              i++;
              state = S.value;
              break;
            case S.afterValue:
              if (c === 0x2c) {
                i++;
                if (this.#stack[depth] === 1) {
                  state = S.key;
                  if (depth <= 3) slotAt[depth] = 0;
                } else {
                  state = S.value;
                  if (++this.#elements > this.#limits.elements) {
                    this.#fail('limit', 'too many members and elements');
                    break scan;
                  }
                }
              } else if (c === 0x7d || c === 0x5d) {
                if ((c === 0x7d ? 1 : 0) !== this.#stack[depth]) {
                  this.#fail('syntax', 'mismatched bracket');
                  break scan;
                }
                i++;
                if (depth <= 3) slotAt[depth] = 0;
                if (depth === this.#tracked) this.#tracked--;
                depth--;
                if (depth <= 3 && slotAt[depth] !== 0) ends[slotAt[depth] as number] = i + shift;
                state = depth === 0 ? S.done : S.afterValue;
              } else {
                this.#fail('syntax', 'expected a comma or a closing bracket');
                break scan;
              }
              break;
            case S.done:
              this.#fail('syntax', 'text after the message');
              break scan;
            default: {
              // S.value or S.valueOrEnd
              if (c === 0x5d && state === S.valueOrEnd) {
                i++;
                depth--;
                if (depth <= 3 && slotAt[depth] !== 0) ends[slotAt[depth] as number] = i + shift;
                state = depth === 0 ? S.done : S.afterValue;
                break;
              }
              if (state === S.valueOrEnd && ++this.#elements > this.#limits.elements) {
                this.#fail('limit', 'too many members and elements');
                break scan;
              }
              const slot = depth <= 3 ? (slotAt[depth] as number) : 0;
              if (slot !== 0) starts[slot] = i + shift;
              if (c === 0x22) {
                i++;
                state = S.string;
              } else if (c === 0x7b || c === 0x5b) {
                i++;
                if (++depth > this.#limits.depth) {
                  this.#fail('limit', 'nested too deeply');
                  break scan;
                }
                if (depth >= this.#stack.length) this.#growStack();
                if (depth <= 3) slotAt[depth] = 0;
                if (c === 0x7b) {
                  this.#stack[depth] = 1;
                  state = S.keyOrEnd;
                  if (
                    this.#tracked === depth - 1 &&
                    (depth === 1 || slot === SLOT.params || slot === SLOT.meta)
                  )
                    this.#tracked = depth;
                } else {
                  this.#stack[depth] = 0;
                  state = S.valueOrEnd;
                }
              } else if (IS_DIGIT[c] === 1) {
                i++;
                state = c === 0x30 ? S.zero : S.int;
              } else if (c === 0x2d) {
                i++;
                state = S.minus;
              } else if (c === 0x74 || c === 0x66 || c === 0x6e) {
                this.#literal = c === 0x74 ? 0 : c === 0x66 ? 1 : 2;
                this.#literalAt = 0;
                state = S.literal;
              } else {
                this.#fail('syntax', 'expected a value');
                break scan;
              }
            }
          }
        }
      }
    }

    if (this.#keepId) this.#carryId(buf, from, i, shift);
    if (this.#stringIsKey && this.#tracked === depth) this.#carryKey(buf, from, i, shift);
    this.#state = state;
    this.#depth = depth;
    this.#offset = i + shift;
    return i;
  }

  /** Call after the last byte: a message that is not complete becomes a fault. */
  finish(): void {
    if (this.fault !== undefined) return;
    if (this.#state === S.done) return;
    if (this.#depth === 0 && isNumberEnd(this.#state)) return;
    this.#fail('syntax', 'the text ends too early');
  }

  #growStack(): void {
    const stack = new Uint8Array(this.#stack.length * 2);
    stack.set(this.#stack);
    this.#stack = stack;
  }

  #fail(fault: ScanFault, text: string): void {
    this.fault = fault;
    this.faultText = text;
  }

  /** A member name ended at `end` (index in `buf`). Returns false on a fault. */
  #endKey(buf: Buffer, from: number, end: number, shift: number, depth: number): boolean {
    if (depth !== this.#tracked || depth > 3) return true;
    const start = this.#keyStart - shift;
    const carried = this.#keyCarry !== '';
    const odd = this.#keyOdd;
    let slot: number | string;
    if (!odd && !carried) {
      if (!mayMatter(end - start, depth)) return true;
      slot = slotOf(buf.toString('latin1', start, end), depth, false);
    } else {
      const raw = this.#keyCarry + buf.toString('latin1', Math.max(from, start), end);
      slot = slotOf(odd ? decodeName(raw) : raw, depth, odd);
    }
    if (typeof slot === 'string') {
      this.#fail('envelope', slot);
      return false;
    }
    if (slot > 0 && (this.starts[slot] as number) >= 0) {
      this.#fail('envelope', 'a member that the envelope needs stands twice');
      return false;
    }
    this.#slotAt[depth] = slot;
    return true;
  }

  #carryKey(buf: Buffer, from: number, to: number, shift: number): void {
    const start = Math.max(from, this.#keyStart - shift);
    // A name that is longer than any tracked one even when every byte is an escape cannot matter: its head is enough to differ.
    if (this.#keyCarry.length > LONGEST_NAME * 6) return;
    this.#keyCarry += buf.toString('latin1', start, Math.min(to, start + LONGEST_NAME * 6 + 1));
  }

  #carryId(buf: Buffer, from: number, to: number, shift: number): void {
    const start = this.starts[SLOT.id] as number;
    if (start < 0 || this.idText.length > KEPT_ID) return;
    const end = this.ends[SLOT.id] as number;
    const first = Math.max(from, start - shift);
    const last = end < 0 ? to : Math.min(to, end - shift);
    if (last > first) this.idText += buf.toString('latin1', first, Math.min(last, first + KEPT_ID + 1));
  }
}
