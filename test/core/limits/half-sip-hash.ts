/** HalfSipHash-2-4 with 64 bits of output over bytes, written from its definition with no regard to speed: the oracle. */
export function halfSipHash(bytes: readonly number[], k0: number, k1: number): { low: number; high: number } {
  const rotate = (value: number, by: number): number => ((value << by) | (value >>> (32 - by))) >>> 0;
  const v = [k0, k1 ^ 0xee, k0 ^ 0x6c796765, k1 ^ 0x74656462].map((word) => word >>> 0) as [
    number,
    number,
    number,
    number,
  ];
  const rounds = (count: number): void => {
    for (let i = 0; i < count; i++) {
      v[0] = (v[0] + v[1]) >>> 0;
      v[1] = (rotate(v[1], 5) ^ v[0]) >>> 0;
      v[0] = rotate(v[0], 16);
      v[2] = (v[2] + v[3]) >>> 0;
      v[3] = (rotate(v[3], 8) ^ v[2]) >>> 0;
      v[0] = (v[0] + v[3]) >>> 0;
      v[3] = (rotate(v[3], 7) ^ v[0]) >>> 0;
      v[2] = (v[2] + v[1]) >>> 0;
      v[1] = (rotate(v[1], 13) ^ v[2]) >>> 0;
      v[2] = rotate(v[2], 16);
    }
  };
  const padded = [...bytes];
  while (padded.length % 4 !== 3) padded.push(0);
  padded.push(bytes.length & 0xff);
  for (let at = 0; at < padded.length; at += 4) {
    const word = padded.slice(at, at + 4).reduceRight((sum, byte) => sum * 256 + byte, 0) >>> 0;
    v[3] = (v[3] ^ word) >>> 0;
    rounds(2);
    v[0] = (v[0] ^ word) >>> 0;
  }
  v[2] = (v[2] ^ 0xee) >>> 0;
  rounds(4);
  const low = (v[1] ^ v[3]) | 0;
  v[1] = (v[1] ^ 0xdd) >>> 0;
  rounds(4);
  return { low, high: (v[1] ^ v[3]) | 0 };
}
