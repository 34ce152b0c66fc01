/**
 * An actor that calls the host and never comes for what it answers. No part of the scenarios: it goes round the SDK.
 */

import { host } from '../../../guest-sdk/javascript/src/host.js';
import { actor, sleep } from 'pulsing-guest';

const JSON_WORD = 'json';
const REFUSED_MAX = 500;
const OPTIONS = { timeoutMs: null, idempotencyKey: null };
const NO_ARGS = { encoding: JSON_WORD, body: new Uint8Array() };

class Hoarder {
  static args = {
    tells: { peer: 'string', count: 'integer', bytes: 'integer' },
    asks: { peer: 'string', count: 'integer', bytes: 'integer' },
    writes: { count: 'integer', bytes: 'integer' },
    draws: { peer: 'string', method: 'string', count: 'integer' },
    falls: { words: 'string' },
    naps: { ms: 'integer' },
  };
  kept = [];

  /** Tells `peer` messages that nobody sends. */
  tells(peer, count, bytes) {
    const args = { encoding: JSON_WORD, body: new Uint8Array(bytes) };
    for (let at = 0; at < count; at += 1) this.kept.push(host.system.tell(0, peer, 'log', args, null));
  }

  /** Asks that nobody waits for. */
  asks(peer, count, bytes) {
    const args = { encoding: JSON_WORD, body: new Uint8Array(bytes) };
    for (let at = 0; at < count; at += 1) this.kept.push(host.system.ask(0, peer, 'log', args, OPTIONS));
  }

  /** Pieces of the body of a request that was never begun. */
  writes(count, bytes) {
    const piece = new Uint8Array(bytes);
    for (let at = 0; at < count; at += 1) this.kept.push(host.http.write(1, piece));
  }

  /** Opens streams, begins to draw on them and closes them, and waits for none of the draws. */
  async draws(peer, method, count) {
    let refused = 0;
    for (let at = 0; at < count; ) {
      const opening = host.system.streamOpen(0, peer, method, NO_ARGS, null, OPTIONS);
      const opened = await opening.read();
      opening.drop();
      if (opened.tag === 'err') {
        // The other one may not have come to close as many as were opened meanwhile.
        refused += 1;
        if (refused > REFUSED_MAX) throw new Error(JSON.stringify(opened.val));
        await sleep(10);
        continue;
      }
      at += 1;
      this.kept.push(host.system.streamNext(0, opened.val, 1));
      host.system.streamClose(opened.val);
    }
    await sleep(0);
    return count;
  }

  /** Writes to the log, and recurses until the stack ends. */
  falls(words) {
    console.log(words, { at: 1 });
    const deeper = (at) => deeper(at + 1) + 1;
    return deeper(0);
  }

  /** Makes a sleep and comes for it when it would be over, had it begun at once. */
  async naps(ms) {
    const napping = host.system.sleep(0, ms);
    await sleep(ms);
    const wasCutShort = await napping.read();
    napping.drop();
    return wasCutShort;
  }
}

export default actor(Hoarder);
