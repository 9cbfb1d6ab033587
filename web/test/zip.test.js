import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import test from 'node:test';
import { gzipSync } from 'node:zlib';

import { zipOf } from '../js/model/zip.js';

const READ = `
import io, sys, zipfile
archive = zipfile.ZipFile(io.BytesIO(sys.stdin.buffer.read()))
assert archive.testzip() is None
for name in archive.namelist():
    sys.stdout.buffer.write(name.encode() + b"\\n" + archive.read(name))
`;

test('another program reads the archive', () => {
    for (const text of ['', 'a', '{"name": "Müsli"}\n'.repeat(10_000)]) {
        const archive = Buffer.concat(zipOf('Müsli.json', new Uint8Array(gzipSync(text))));
        const { stdout, stderr, status } = spawnSync('python3', ['-c', READ], { input: archive, maxBuffer: 2 ** 20 });
        assert.equal(status, 0, String(stderr));
        assert.ok(stdout.equals(Buffer.from(`Müsli.json\n${text}`)));
    }
});

test('what CompressionStream writes has the head that is expected', async () => {
    const gzip = new Blob(['text']).stream().pipeThrough(new CompressionStream('gzip'));
    const archive = Buffer.concat(zipOf('a', new Uint8Array(await new Response(gzip).arrayBuffer())));
    assert.equal(archive.subarray(0, 4).toString('latin1'), 'PK\u0003\u0004');
});
