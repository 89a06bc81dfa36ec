/**
 * The form of a spool segment: a header line, then a line per record:
 *
 * ```text
 * signal-automation-spool 1
 * 3610a686 "hello"
 * ```
 *
 * Eight hexadecimal digits of CRC-32 over the JSON behind them, a blank, the record as a JSON string (so a line break in
 * a record is none in the file), a line feed.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { crc32 } from "node:zlib";

export const SPOOL_VERSION = 1;
const NAME = "signal-automation-spool";
const LINE_FEED = 0x0a;
const CHECKSUM_DIGITS = 8;

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { fatal: true });

export const SPOOL_HEADER: Uint8Array<ArrayBuffer> = encoder.encode(`${NAME} ${SPOOL_VERSION}\n`);

export function encodeRecords(records: readonly string[]): Uint8Array<ArrayBuffer> {
  const lines = records.map((record) => {
    const json = JSON.stringify(record);
    return `${checksum(encoder.encode(json))} ${json}\n`;
  });
  return encoder.encode(lines.join(""));
}

export interface DecodedRecord {
  readonly text: string;
  /** Offset behind the record in the segment. */
  readonly end: number;
}

export interface DecodedSegment {
  readonly records: readonly DecodedRecord[];
  /** Whole lines that are no records, with their line feed. */
  readonly corrupt: readonly Uint8Array[];
  /** The segment ends in a part of a line: a write that was cut off and so never confirmed. */
  readonly torn: boolean;
  /** The header's number when it is another version's; nothing else was read then. */
  readonly otherVersion: number | undefined;
}

export function decodeSegment(bytes: Uint8Array): DecodedSegment {
  const records: DecodedRecord[] = [];
  const corrupt: Uint8Array[] = [];
  let torn = false;
  for (let start = 0; start < bytes.length;) {
    const feed = bytes.indexOf(LINE_FEED, start);
    const end = feed === -1 ? bytes.length : feed + 1;
    const line = bytes.subarray(start, feed === -1 ? end : feed);
    const version = start === 0 ? headerVersion(line) : undefined;
    // A whole record without its line feed is a record; a part of one is a torn tail.
    const text = version === undefined ? decodeLine(line) : undefined;
    if (version !== undefined && version !== SPOOL_VERSION && feed !== -1) {
      return { records, corrupt, torn, otherVersion: version };
    }
    if (text !== undefined) records.push({ text, end });
    else if (feed === -1) torn = true;
    else if (version === undefined) corrupt.push(bytes.subarray(start, end));
    start = end;
  }
  return { records, corrupt, torn, otherVersion: undefined };
}

function headerVersion(line: Uint8Array): number | undefined {
  const match = new RegExp(`^${NAME} ([0-9]{1,6})$`).exec(Buffer.from(line).toString("latin1"));
  return match === null ? undefined : Number(match[1]);
}

function decodeLine(line: Uint8Array): string | undefined {
  const json = line.subarray(CHECKSUM_DIGITS + 1);
  if (json.length === 0 || line[CHECKSUM_DIGITS] !== 0x20) return undefined;
  if (Buffer.from(line.subarray(0, CHECKSUM_DIGITS)).toString("latin1") !== checksum(json)) return undefined;
  try {
    const text: unknown = JSON.parse(decoder.decode(json));
    return typeof text === "string" ? text : undefined;
  } catch {
    // The checksum fits and the content does not: damaged all the same, and the caller sets it aside.
    return undefined;
  }
}

function checksum(bytes: Uint8Array): string {
  return crc32(bytes).toString(16).padStart(CHECKSUM_DIGITS, "0");
}
