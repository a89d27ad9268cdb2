/** The longest text of an address: IPv6 with an IPv4 tail. Longer text is no address. */
export const addressBytesMax = 45;

/**
 * The canonical text of an IP address: IPv4 as `203.0.113.9`, IPv6 as RFC 5952 writes it, an IPv4-mapped IPv6 address
 * as its IPv4 address, so that one peer has one spelling. Undefined for anything else: zones (`fe80::1%eth0`), ports,
 * octets with leading zeros and the shorthand of `inet_aton` are not addresses here.
 */
export function parseAddress(text: string): string | undefined {
  if (text.length > addressBytesMax) return undefined;
  if (!text.includes(":")) return isIpv4(text, 0) ? text : undefined;
  const groups = readIpv6(text);
  if (groups === undefined) return undefined;
  return isMapped(groups) ? printMapped(groups) : printIpv6(groups);
}

/** The network that limits count by: `203.0.113.0/24` or `2001:db8:0:1::/64`. Undefined when it is no address. */
export function networkOf(address: string): string | undefined {
  const canonical = parseAddress(address);
  if (canonical === undefined) return undefined;
  if (!canonical.includes(":")) return `${canonical.slice(0, canonical.lastIndexOf("."))}.0/24`;
  const groups = readIpv6(canonical);
  if (groups === undefined) return undefined;
  groups.fill(0, 4);
  return `${printIpv6(groups)}/64`;
}

/** True when the text from `start` on is a dotted quad of decimal octets without leading zeros. */
function isIpv4(text: string, start: number): boolean {
  let octets = 0;
  let digits = 0;
  let value = 0;
  for (let i = start; i <= text.length; i++) {
    const code = i < text.length ? text.charCodeAt(i) : 0x2e;
    if (code === 0x2e) {
      if (digits === 0) return false;
      octets++;
      digits = 0;
      value = 0;
    } else {
      if (code < 0x30 || code > 0x39 || (digits > 0 && value === 0)) return false;
      value = value * 10 + code - 0x30;
      digits++;
      if (value > 255) return false;
    }
  }
  return octets === 4;
}

/** The eight groups of an IPv6 address (RFC 4291 2.2), or undefined. */
function readIpv6(text: string): Uint16Array | undefined {
  const groups = new Uint16Array(8);
  let count = 0;
  let gap = -1;
  let i = 0;
  if (text.startsWith("::")) {
    gap = 0;
    i = 2;
  }
  while (i < text.length) {
    if (count === 8) return undefined;
    let end = i;
    let value = 0;
    for (; end < text.length; end++) {
      const code = text.charCodeAt(end);
      const lower = code | 0x20;
      if (code >= 0x30 && code <= 0x39) value = value * 16 + code - 0x30;
      else if (lower >= 0x61 && lower <= 0x66) value = value * 16 + lower - 0x57;
      else break;
    }
    if (end < text.length && text.charCodeAt(end) === 0x2e) {
      if (count > 6 || !isIpv4(text, i)) return undefined;
      const [a = 0, b = 0, c = 0, d = 0] = text.slice(i).split(".").map(Number);
      groups[count++] = a * 256 + b;
      groups[count++] = c * 256 + d;
      i = text.length;
      break;
    }
    if (end === i || end - i > 4) return undefined;
    groups[count++] = value;
    if (end === text.length) {
      i = end;
      break;
    }
    if (text.charCodeAt(end) !== 0x3a) return undefined;
    i = end + 1;
    if (i === text.length) return undefined; // one colon at the end
    if (text.charCodeAt(i) === 0x3a) {
      if (gap >= 0) return undefined;
      gap = count;
      i++;
    }
  }
  if (gap < 0) return count === 8 ? groups : undefined;
  if (count === 8) return undefined; // `::` stands for at least one group
  groups.copyWithin(8 - (count - gap), gap, count);
  groups.fill(0, gap, 8 - (count - gap));
  return groups;
}

/** RFC 4291 2.5.5.2: `::ffff:0:0/96`. */
function isMapped(groups: Uint16Array): boolean {
  for (let i = 0; i < 5; i++) if (groups[i] !== 0) return false;
  return groups[5] === 0xffff;
}

function printMapped(groups: Uint16Array): string {
  const high = groups[6] ?? 0;
  const low = groups[7] ?? 0;
  return `${high >> 8}.${high & 0xff}.${low >> 8}.${low & 0xff}`;
}

/** RFC 5952 4: lower case, no leading zeros, the first longest run of two or more zero groups as `::`. */
function printIpv6(groups: Uint16Array): string {
  let bestStart = -1;
  let bestLength = 1;
  for (let i = 0; i < 8; i++) {
    let length = 0;
    while (i + length < 8 && groups[i + length] === 0) length++;
    if (length > bestLength) {
      bestStart = i;
      bestLength = length;
    }
    i += length;
  }
  let text = "";
  for (let i = 0; i < 8; i++) {
    if (i === bestStart) {
      text += "::";
      i += bestLength - 1;
    } else {
      if (text !== "" && !text.endsWith(":")) text += ":";
      text += (groups[i] ?? 0).toString(16);
    }
  }
  return text;
}
