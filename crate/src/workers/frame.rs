//! What goes over the socket: a header, numbers and bytes, little-endian.

use std::io::{self, Read, Write};
use tokio::io::{AsyncRead, AsyncReadExt};

const HEADER: usize = 24;

/// More than any delivery or program has: such a frame is damaged.
const MAX_NUMBERS: u32 = 1 << 28;
const MAX_BYTES: u64 = 1 << 36;

/// What a frame is, for the worker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// How to set up, as JSON.
    Setup = 0,
    /// A program: its handle as a number, its [`super::member::ProgramFrame`] as bytes.
    Program = 1,
    /// Operations and what they refer to.
    Operations = 2,
    /// Abort everything, tell it and end.
    Close = 3,
    /// From a worker: records and their bytes.
    Delivery = 4,
}

/// One message.
#[derive(Debug)]
pub(super) struct Frame {
    pub(super) kind: Kind,
    /// From a worker: how many of the runs it was given have left its queue.
    pub(super) started: u64,
    pub(super) numbers: Vec<f64>,
    pub(super) bytes: Vec<u8>,
}

impl Frame {
    pub(super) fn new(kind: Kind, numbers: Vec<f64>, bytes: Vec<u8>) -> Self {
        Self {
            kind,
            started: 0,
            numbers,
            bytes,
        }
    }

    /// Everything but the bytes, which follow.
    pub(super) fn head(&self) -> Vec<u8> {
        let mut head = Vec::with_capacity(HEADER + self.numbers.len() * size_of::<f64>());
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
        let header = Header::parse(&header)?;
        let mut numbers = header.room_for_numbers();
        from.read_exact(&mut numbers)?;
        let mut bytes = header.room_for_bytes();
        from.read_exact(&mut bytes)?;
        Ok(header.frame(&numbers, bytes))
    }

    pub(super) async fn receive(from: &mut (impl AsyncRead + Unpin)) -> io::Result<Self> {
        let mut header = [0; HEADER];
        from.read_exact(&mut header).await?;
        let header = Header::parse(&header)?;
        let mut numbers = header.room_for_numbers();
        from.read_exact(&mut numbers).await?;
        let mut bytes = header.room_for_bytes();
        from.read_exact(&mut bytes).await?;
        Ok(header.frame(&numbers, bytes))
    }
}

struct Header {
    kind: Kind,
    numbers: u32,
    bytes: u64,
    started: u64,
}

impl Header {
    fn parse(header: &[u8; HEADER]) -> io::Result<Self> {
        let mut words = header.chunks_exact(4).map(|word| {
            // Chunks of exactly 4.
            u32::from_le_bytes(word.try_into().unwrap_or_default())
        });
        let mut next = || words.next().unwrap_or_default();
        let (kind, numbers) = (next(), next());
        let mut long = || u64::from(next()) | u64::from(next()) << 32;
        let (bytes, started) = (long(), long());
        let kind = match kind {
            0 => Kind::Setup,
            1 => Kind::Program,
            2 => Kind::Operations,
            3 => Kind::Close,
            4 => Kind::Delivery,
            _ => return Err(damaged()),
        };
        if numbers > MAX_NUMBERS || bytes > MAX_BYTES {
            return Err(damaged());
        }
        Ok(Self {
            kind,
            numbers,
            bytes,
            started,
        })
    }

    fn room_for_numbers(&self) -> Vec<u8> {
        vec![0; self.numbers as usize * size_of::<f64>()]
    }

    fn room_for_bytes(&self) -> Vec<u8> {
        vec![0; usize::try_from(self.bytes).unwrap_or(usize::MAX)]
    }

    fn frame(&self, numbers: &[u8], bytes: Vec<u8>) -> Frame {
        let numbers = numbers.chunks_exact(size_of::<f64>());
        Frame {
            kind: self.kind,
            started: self.started,
            numbers: numbers
                .map(|number| f64::from_le_bytes(number.try_into().unwrap_or_default()))
                .collect(),
            bytes,
        }
    }
}

fn damaged() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "a damaged frame")
}
