/** One field of a message as a descriptor tells it. */
export interface DescribedField {
  readonly number: number;
  /** `FieldDescriptorProto.Type`. */
  readonly type: number;
  /** 1 optional, 3 repeated. */
  readonly label: number;
  /** `.package.Message` for messages and enums. */
  readonly typeName: string;
  /** Name of the oneof it belongs to; a proto3 `optional` is none. */
  readonly oneof: string | undefined;
}

/** Fields by `package.Message.field`. */
export type Described = ReadonlyMap<string, DescribedField>;

/**
 * Finds the serialized FileDescriptorProtos that a C++ program carries and calls back with each. They begin with
 * field 1, the name of the file, and end where no field of that message can begin.
 */
export function eachDescriptor(program: Buffer, wanted: ReadonlySet<string>, found: (file: Buffer) => void): void {
  for (const name of wanted) {
    const start = Buffer.concat([Buffer.from([0x0a, name.length]), Buffer.from(name, "latin1"), Buffer.from([0x12])]);
    for (let at = program.indexOf(start); at >= 0; at = program.indexOf(start, at + 1)) {
      found(program.subarray(at, endOf(program, at)));
    }
  }
}

/** Reads the fields of all messages of a FileDescriptorProto into `fields`. */
export function readDescriptor(file: Buffer, fields: Map<string, DescribedField>): void {
  const packageName = textOf(file, 2) ?? "";
  for (const message of partsOf(file, 4)) readMessage(message, packageName, fields);
}

function readMessage(message: Buffer, scope: string, fields: Map<string, DescribedField>): void {
  const name = `${scope}.${textOf(message, 1) ?? ""}`;
  const oneofs = partsOf(message, 8).map((oneof) => textOf(oneof, 1) ?? "");
  for (const field of partsOf(message, 2)) {
    const oneofIndex = numberOf(field, 9);
    const isOptional = numberOf(field, 17) === 1;
    fields.set(`${name}.${textOf(field, 1) ?? ""}`, {
      number: numberOf(field, 3) ?? 0,
      type: numberOf(field, 5) ?? 0,
      label: numberOf(field, 4) ?? 1,
      typeName: textOf(field, 6) ?? "",
      oneof: oneofIndex === undefined || isOptional ? undefined : oneofs[oneofIndex],
    });
  }
  for (const nested of partsOf(message, 3)) readMessage(nested, name, fields);
}

/** Fields that a FileDescriptorProto has (google/protobuf/descriptor.proto). */
const fileFields = new Set([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 14]);

function endOf(bytes: Buffer, start: number): number {
  let at = start;
  for (;;) {
    const [field, next] = fieldAt(bytes, at) ?? [undefined, at];
    const startsAnother = field?.number === 1 && at !== start;
    if (field === undefined || !fileFields.has(field.number) || startsAnother) return at;
    at = next;
  }
}

interface Field {
  readonly number: number;
  readonly value: number | Buffer;
}

function fieldAt(bytes: Buffer, at: number): [Field, number] | undefined {
  const [tag, afterTag] = varintAt(bytes, at) ?? [0, at];
  const [number, wire] = [tag >>> 3, tag & 7];
  const [value, afterValue] = varintAt(bytes, afterTag) ?? [undefined, afterTag];
  if (number === 0 || value === undefined) return undefined;
  if (wire === 0) return [{ number, value }, afterValue];
  if (wire !== 2 || afterValue + value > bytes.length) return undefined;
  return [{ number, value: bytes.subarray(afterValue, afterValue + value) }, afterValue + value];
}

function varintAt(bytes: Buffer, at: number): [number, number] | undefined {
  let value = 0;
  for (let i = 0; i < 5; i++) {
    const byte = bytes[at + i];
    if (byte === undefined) return undefined;
    value += (byte & 0x7f) * 2 ** (7 * i);
    if (byte < 0x80) return [value, at + i + 1];
  }
  return undefined;
}

function fieldsOf(message: Buffer): Field[] {
  const fields: Field[] = [];
  for (let at = 0; at < message.length;) {
    const read = fieldAt(message, at);
    if (read === undefined) return fields;
    fields.push(read[0]);
    at = read[1];
  }
  return fields;
}

function partsOf(message: Buffer, number: number): Buffer[] {
  return fieldsOf(message).flatMap((field) =>
    field.number === number && Buffer.isBuffer(field.value) ? [field.value] : [],
  );
}

function textOf(message: Buffer, number: number): string | undefined {
  return partsOf(message, number).at(0)?.toString("utf8");
}

function numberOf(message: Buffer, number: number): number | undefined {
  const value = fieldsOf(message).find((field) => field.number === number)?.value;
  return typeof value === "number" ? value : undefined;
}
