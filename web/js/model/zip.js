/** A zip archive of one file (APPNOTE 6.3.10), made of what a browser compresses. */

const VERSION = 20;
const DEFLATE = 8;
// Bit 11: the name is in UTF-8.
const FLAGS = 0x800;
// 1980-01-01, the first day of the format. Nobody reads the date.
const DATE = 0x21;
// RFC 1952 §2.3: the head without optional fields; at the end, CRC-32 and size.
const GZIP_HEAD = 10;
const GZIP_END = 8;

/** @param {[bytes: 2 | 4, value: number][]} fields */
function record(fields) {
    const view = new DataView(new ArrayBuffer(fields.reduce((sum, [bytes]) => sum + bytes, 0)));
    let at = 0;
    for (const [bytes, value] of fields) {
        if (bytes === 2) view.setUint16(at, value, true);
        else view.setUint32(at, value, true);
        at += bytes;
    }
    return new Uint8Array(view.buffer);
}

/**
 * The parts of an archive, one after the other. Gzip and zip contain the same stream with the same CRC-32.
 * @param {string} name of the file @param {Uint8Array<ArrayBuffer>} gzip the compressed file, as CompressionStream writes it
 * @returns {Uint8Array<ArrayBuffer>[]}
 */
export function zipOf(name, gzip) {
    if (gzip[3] !== 0) throw new TypeError('a head with optional fields');
    const end = gzip.length - GZIP_END;
    const [deflated, tail] = [gzip.subarray(GZIP_HEAD, end), new DataView(gzip.buffer, gzip.byteOffset + end)];
    const text = new TextEncoder().encode(name);
    /** @type {[2 | 4, number][]} */
    const common = [
        [2, VERSION], [2, FLAGS], [2, DEFLATE], [2, 0], [2, DATE], [4, tail.getUint32(0, true)], [4, deflated.length],
        [4, tail.getUint32(4, true)], [2, text.length], [2, 0],
    ];
    const local = record([[4, 0x04034b50], ...common]);
    const central = record([[4, 0x02014b50], [2, VERSION], ...common, [2, 0], [2, 0], [2, 0], [4, 0], [4, 0]]);
    const from = local.length + text.length + deflated.length;
    const closing = record([[4, 0x06054b50], [2, 0], [2, 0], [2, 1], [2, 1], [4, central.length + text.length], [4, from], [2, 0]]);
    return [local, text, deflated, central, text, closing];
}
