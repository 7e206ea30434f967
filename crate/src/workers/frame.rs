//! Frames, the messages on the socket: a header, numbers and bytes, little-endian.

use bytes::Bytes;
use std::io::{self, Read, Write};
use tokio::io::{AsyncRead, AsyncReadExt};

const HEADER: usize = 24;
const NUMBER: usize = size_of::<f64>();

/// A frame with more than this is damaged: no delivery or program is as large.
const MAX_NUMBERS: u32 = 1 << 28;
const MAX_BYTES: u64 = 1 << 36;

/// Bytes reserved on the strength of a header alone; after that, the buffer grows with what has arrived.
const FIRST_PART: usize = 1 << 20;

/// What a frame contains.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// The settings of the worker, as JSON.
    Setup = 0,
    /// A program: its handle as a number, and the result of [`super::program::encode`] as bytes.
    Program = 1,
    /// Operations and the bytes to which they refer.
    Operations = 2,
    /// Abort all runs, send their ends, then end.
    Close = 3,
    /// From a worker: records and their bytes. The first delivery is empty and says that the worker is set up.
    Delivery = 4,
    /// From a worker: each run that it was asked to return has been returned or has started.
    Recalled = 5,
}

/// One message.
#[derive(Debug)]
pub(super) struct Frame {
    pub(super) kind: Kind,
    /// From a worker: how many of the runs sent to it have left its queue.
    pub(super) started: u64,
    pub(super) numbers: Vec<f64>,
    pub(super) bytes: Bytes,
}

impl Frame {
    pub(super) fn new(kind: Kind, numbers: Vec<f64>, bytes: impl Into<Bytes>) -> Self {
        Self {
            kind,
            started: 0,
            numbers,
            bytes: bytes.into(),
        }
    }

    /// The frame without its bytes, which follow the head.
    pub(super) fn head(&self) -> Vec<u8> {
        let mut head = Vec::with_capacity(HEADER + self.numbers.len() * NUMBER);
        head.extend((self.kind as u32).to_le_bytes());
        head.extend((self.numbers.len() as u32).to_le_bytes());
        head.extend((self.bytes.len() as u64).to_le_bytes());
        head.extend(self.started.to_le_bytes());
        head.extend(self.numbers.iter().flat_map(|number| number.to_le_bytes()));
        head
    }

    pub(super) fn write(&self, to: &mut impl Write) -> io::Result<()> {
        to.write_all(&self.head())?;
        to.write_all(&self.bytes)
    }

    pub(super) fn read(from: &mut impl Read) -> io::Result<Self> {
        let mut header = [0; HEADER];
        from.read_exact(&mut header)?;
        let mut parts = Parts::expected(&header)?;
        while let Some(part) = parts.next()? {
            from.read_exact(part)?;
        }
        Ok(parts.frame())
    }

    /// The same, from a sender that is not trusted.
    pub(super) async fn receive(from: &mut (impl AsyncRead + Unpin)) -> io::Result<Self> {
        let mut header = [0; HEADER];
        from.read_exact(&mut header).await?;
        let mut parts = Parts::expected(&header)?;
        while let Some(part) = parts.next()? {
            from.read_exact(part).await?;
        }
        Ok(parts.frame())
    }
}

/// A frame that is being read, whose header is known.
struct Parts {
    kind: Kind,
    started: u64,
    numbers: Part,
    bytes: Part,
}

impl Parts {
    fn expected(header: &[u8; HEADER]) -> io::Result<Self> {
        let word = |at: usize| u64::from_le_bytes(std::array::from_fn(|i| header[at + i]));
        let (kind, numbers) = (word(0) as u32, (word(0) >> 32) as u32);
        let (bytes, started) = (word(8), word(16));
        let kind = match kind {
            0 => Kind::Setup,
            1 => Kind::Program,
            2 => Kind::Operations,
            3 => Kind::Close,
            4 => Kind::Delivery,
            5 => Kind::Recalled,
            _ => return Err(damaged()),
        };
        if numbers > MAX_NUMBERS || bytes > MAX_BYTES {
            return Err(damaged());
        }
        let numbers = numbers as usize * NUMBER;
        let bytes = usize::try_from(bytes).map_err(|_| damaged())?;
        Ok(Self {
            kind,
            started,
            numbers: Part::of(numbers),
            bytes: Part::of(bytes),
        })
    }

    /// The buffer to read into next; `None` when the frame is complete.
    fn next(&mut self) -> io::Result<Option<&mut [u8]>> {
        match self.numbers.is_full() {
            false => self.numbers.next(),
            true => self.bytes.next(),
        }
    }

    fn frame(self) -> Frame {
        let (numbers, _) = self.numbers.filled.as_chunks();
        Frame {
            kind: self.kind,
            started: self.started,
            numbers: numbers.iter().map(|n| f64::from_le_bytes(*n)).collect(),
            bytes: self.bytes.filled.into(),
        }
    }
}

/// Bytes that are being read. Their memory grows as they arrive.
struct Part {
    length: usize,
    filled: Vec<u8>,
}

impl Part {
    fn of(length: usize) -> Self {
        Self {
            length,
            filled: Vec::new(),
        }
    }

    fn is_full(&self) -> bool {
        self.filled.len() == self.length
    }

    fn next(&mut self) -> io::Result<Option<&mut [u8]>> {
        if self.is_full() {
            return Ok(None);
        }
        let start = self.filled.len();
        let more = (self.length - start).min(start.max(FIRST_PART));
        self.filled.try_reserve_exact(more)?;
        self.filled.resize(start + more, 0);
        Ok(Some(&mut self.filled[start..]))
    }
}

fn damaged() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "a damaged frame")
}

#[cfg(test)]
mod tests {
    use super::{FIRST_PART, Frame, HEADER, Kind, Parts};
    use std::io::ErrorKind;

    fn written(frame: &Frame) -> Vec<u8> {
        let mut written = Vec::new();
        frame.write(&mut written).expect("written to memory");
        written
    }

    /// Reads a frame in both ways, which must agree.
    fn read(mut bytes: &[u8]) -> Result<Frame, ErrorKind> {
        let (mut once, mut again) = (bytes, bytes);
        let received = tokio::runtime::Builder::new_current_thread()
            .build()
            .expect("a runtime")
            .block_on(Frame::receive(&mut once))
            .map_err(|error| error.kind());
        let read = Frame::read(&mut again).map_err(|error| error.kind());
        match (&read, &received) {
            (Ok(one), Ok(other)) => assert_eq!(written(one), written(other)),
            (one, other) => assert_eq!(one.as_ref().err(), other.as_ref().err()),
        }
        bytes = &bytes[..0];
        assert!(bytes.is_empty());
        read
    }

    #[test]
    fn what_is_written_is_read_back() {
        for (numbers, length) in [(0, 0), (1, 0), (0, 1), (12, 100), (3, 5 * FIRST_PART + 1)] {
            let numbers: Vec<_> = (0..numbers).map(|n| f64::from(n) * 0.5).collect();
            let bytes: Vec<_> = (0..length).map(|n| n as u8).collect();
            let mut frame = Frame::new(Kind::Delivery, numbers.clone(), bytes.clone());
            frame.started = u64::MAX - 1;
            let back = read(&written(&frame)).expect("a frame");
            assert_eq!(back.kind, Kind::Delivery);
            assert_eq!(back.started, u64::MAX - 1);
            assert_eq!((back.numbers, &back.bytes[..]), (numbers, &bytes[..]));
        }
    }

    #[test]
    fn a_frame_that_is_cut_off_is_an_error() {
        let frame = Frame::new(Kind::Operations, vec![1.0, 2.0], vec![7; 100]);
        let whole = written(&frame);
        for length in 0..whole.len() {
            let error = read(&whole[..length]).expect_err("cut off");
            assert_eq!(error, ErrorKind::UnexpectedEof, "{length}");
        }
    }

    #[test]
    fn lengths_that_only_claim_take_no_memory() {
        for (numbers, bytes) in [(1_u32 << 28, 0_u64), (0, 1 << 36)] {
            let mut header = [0; HEADER];
            header[0] = Kind::Delivery as u8;
            header[4..8].copy_from_slice(&numbers.to_le_bytes());
            header[8..16].copy_from_slice(&bytes.to_le_bytes());
            assert_eq!(
                read(&header).expect_err("cut off"),
                ErrorKind::UnexpectedEof
            );
            let mut parts = Parts::expected(&header).expect("allowed lengths");
            let first = parts.next().expect("memory").expect("a part");
            assert_eq!(first.len(), FIRST_PART);
            let second = parts.next().expect("memory").expect("a part");
            assert_eq!(second.len(), FIRST_PART, "as much as has come");
        }
    }

    #[test]
    fn lengths_beyond_all_reason_and_unknown_kinds_are_refused() {
        for (at, length) in [(0, 6_u8), (3, 1), (7, 0x11), (13, 1), (15, 0xff)] {
            let mut header = [0; HEADER];
            header[at] = length;
            header[12] |= u8::from(at == 13) << 4;
            let error = read(&header).expect_err("refused");
            let is_refused = matches!(error, ErrorKind::InvalidData);
            assert!(is_refused, "{at}: {error:?}");
        }
    }

    #[test]
    fn random_bytes_are_no_panic() {
        let mut random = blake3::Hasher::new().update(b"frames").finalize_xof();
        let mut bytes = [0; 256];
        let valid = written(&Frame::new(Kind::Delivery, vec![1.0; 12], vec![1; 64]));
        for round in 0..20_000 {
            random.fill(&mut bytes);
            match round % 2 {
                0 => drop(read(&bytes)),
                _ => {
                    let mut damaged = valid.clone();
                    let at = usize::from(bytes[0]) % damaged.len();
                    damaged[at] = bytes[1];
                    drop(read(&damaged));
                }
            }
        }
    }
}
