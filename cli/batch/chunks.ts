import type { FileHandle } from 'node:fs/promises'

const CHUNK_BYTES = 256 * 1024

/** A file from its beginning; of what is not a regular file, what comes. Leaves it open, so that it can be read again. */
export async function* chunks(file: FileHandle, isRegular: boolean): AsyncGenerator<Buffer, void> {
  let position = 0
  for (;;) {
    // Parts of it may be kept.
    const buffer = Buffer.allocUnsafeSlow(CHUNK_BYTES)
    const { bytesRead } = await file.read(buffer, 0, CHUNK_BYTES, isRegular ? position : null)
    if (bytesRead === 0) return
    position += bytesRead
    yield buffer.subarray(0, bytesRead)
  }
}
