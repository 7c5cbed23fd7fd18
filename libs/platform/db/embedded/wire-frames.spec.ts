import { frame, FrameReader, queryFrame } from './wire-frames.js';

it('cuts messages alike however they arrive', () => {
  const bytes = Buffer.concat([queryFrame('SELECT 1'), frame('S'), queryFrame('x'.repeat(5_000))]);
  for (const size of [1, 2, 7, 4096, bytes.length]) {
    const reader = new FrameReader();
    const found: string[] = [];
    for (let at = 0; at < bytes.length; at += size) {
      reader.push(bytes.subarray(at, at + size));
      for (let message = reader.next(10_000); message; message = reader.next(10_000)) found.push(message.type + message.bytes.length);
    }
    expect(found).toEqual(['Q14', 'S5', 'Q5006']);
  }
});

it('refuses a message beyond the bound before it has arrived', () => {
  const reader = new FrameReader();
  reader.push(Buffer.from('Q\x7f\xff\xff\xff', 'latin1'));
  expect(() => reader.next(1_000)).toThrow(expect.objectContaining({ sqlState: '54000' }));
});

it('refuses a length shorter than itself', () => {
  const reader = new FrameReader();
  reader.push(Buffer.from([81, 0, 0, 0, 3]));
  expect(() => reader.next(1_000)).toThrow(expect.objectContaining({ sqlState: '08P01' }));
});
