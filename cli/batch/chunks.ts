import type { FileHandle } from 'node:fs/promises'

const CHUNK_BYTES = 256 * 1024

/** Reads a regular file from its beginning, and others as they come. Leaves the file open, to be read again. */
export async function* chunks(file: FileHandle, isRegular: boolean): AsyncGenerator<Buffer, void> {
  let position = 0
  for (;;) {
    // A new buffer each time: parts of it may be kept.
    const buffer = Buffer.allocUnsafeSlow(CHUNK_BYTES)
    const { bytesRead } = await file.read(buffer, 0, CHUNK_BYTES, isRegular ? position : null)
    if (bytesRead === 0) return
    position += bytesRead
    yield buffer.subarray(0, bytesRead)
  }
}
