// Event-stream frames by the AWS SDK's own codec. `frames.mjs decode < BYTES` prints one JSON line for each frame: its
// headers, and its payload in base64. `frames.mjs encode COUNT` prints frames with headers of every type at random, one
// JSON line each: the frame in base64, and what it holds.

import { EventStreamCodec, Int64 } from '@smithy/core/event-streams';
import { buffer } from 'node:stream/consumers';

const codec = new EventStreamCodec(
  (bytes) => Buffer.from(bytes).toString('utf8'),
  (text) => new Uint8Array(Buffer.from(text, 'utf8')),
);
const base64 = (bytes) => Buffer.from(bytes).toString('base64');

async function decode() {
  const data = await buffer(process.stdin);
  for (let start = 0; start < data.length; ) {
    const size = data.readUInt32BE(start);
    const { headers, body } = codec.decode(new Uint8Array(data.subarray(start, start + size)));
    const shown = Object.fromEntries(Object.entries(headers).map(([name, { value }]) => [name, value]));
    console.log(JSON.stringify({ headers: shown, payload: base64(body) }));
    start += size;
  }
}

// Numbers that follow from the one before, so that a failure can be repeated.
let state = 20261124;
function random(below) {
  state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
  return Math.floor((state / 2 ** 32) * below);
}
const bytes = (longest) => Uint8Array.from({ length: random(longest + 1) }, () => random(256));
const hex = (some) => Buffer.from(some).toString('hex');
const signed = (bits) => random(2 ** bits) - 2 ** (bits - 1);

// The header as the codec takes it, and its value as the other side shows it.
const KINDS = {
  boolean: () => { const value = random(2) === 1; return [value, value]; },
  byte: () => { const value = signed(8); return [value, value]; },
  short: () => { const value = signed(16); return [value, value]; },
  integer: () => { const value = signed(32); return [value, value]; },
  long: () => { const value = signed(32) * 1000; return [Int64.fromNumber(value), value]; },
  binary: () => { const value = bytes(40); return [value, hex(value)]; },
  string: () => { const value = ['', 'a', 'wörld', '→ 𝛼', 'x'.repeat(random(300))][random(5)]; return [value, value]; },
  timestamp: () => { const value = random(2 ** 32) * 100; return [new Date(value), value]; },
  uuid: () => {
    const value = hex(Uint8Array.from({ length: 16 }, () => random(256)));
    return [value.replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-'), value];
  },
};

function encode(count) {
  for (let number = 0; number < count; number += 1) {
    const [headers, shown] = [{}, []];
    for (let at = random(6); at > 0; at -= 1) {
      const type = Object.keys(KINDS)[random(9)];
      const [value, seen] = KINDS[type]();
      headers[`h${at}`] = { type, value };
      shown.push([`h${at}`, type, seen]);
    }
    const body = bytes([0, 20, 3000][random(3)]);
    console.log(JSON.stringify({ frame: base64(codec.encode({ headers, body })), headers: shown, payload: base64(body) }));
  }
}

if (process.argv[2] === 'decode') await decode();
else encode(Number(process.argv[3]));
