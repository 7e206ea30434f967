//! The types of `wasi:filesystem` 0.3 in those of 0.2, and back.

use crate::files::Code;
use wasmtime_wasi::p2::bindings::clocks::wall_clock::Datetime;
use wasmtime_wasi::p2::bindings::filesystem::types as p2;
use wasmtime_wasi::p3::bindings::clocks::system_clock::Instant;
use wasmtime_wasi::p3::bindings::filesystem::types as p3;

/// A value for the other version.
pub(super) trait Across<T> {
    /// # Errors
    ///
    /// [`Code::Overflow`] for what the other version cannot say.
    fn across(self) -> Result<T, Code>;
}

/// Types that both versions have.
macro_rules! shared {
    ($($ty:ty),*) => {
        $(impl Across<$ty> for $ty {
            fn across(self) -> Result<$ty, Code> {
                Ok(self)
            }
        })*
    };
}

shared!((), u64, String);

/// Flags that both versions have.
macro_rules! flags {
    ($($from:path => $to:path: $($flag:ident)*;)*) => {
        $(impl Across<$to> for $from {
            fn across(self) -> Result<$to, Code> {
                let all = [$((<$from>::$flag, <$to>::$flag)),*];
                let set = all.into_iter().filter(|(from, _)| self.contains(*from));
                Ok(set.fold(<$to>::empty(), |flags, (_, to)| flags | to))
            }
        })*
    };
}

flags! {
    p3::PathFlags => p2::PathFlags: SYMLINK_FOLLOW;
    p3::OpenFlags => p2::OpenFlags: CREATE DIRECTORY EXCLUSIVE TRUNCATE;
    p3::DescriptorFlags => p2::DescriptorFlags:
        READ WRITE FILE_INTEGRITY_SYNC DATA_INTEGRITY_SYNC REQUESTED_WRITE_SYNC MUTATE_DIRECTORY;
    p2::DescriptorFlags => p3::DescriptorFlags:
        READ WRITE FILE_INTEGRITY_SYNC DATA_INTEGRITY_SYNC REQUESTED_WRITE_SYNC MUTATE_DIRECTORY;
}

impl Across<p2::Advice> for p3::Advice {
    fn across(self) -> Result<p2::Advice, Code> {
        Ok(match self {
            Self::Normal => p2::Advice::Normal,
            Self::Sequential => p2::Advice::Sequential,
            Self::Random => p2::Advice::Random,
            Self::WillNeed => p2::Advice::WillNeed,
            Self::DontNeed => p2::Advice::DontNeed,
            Self::NoReuse => p2::Advice::NoReuse,
        })
    }
}

impl Across<p2::NewTimestamp> for p3::NewTimestamp {
    fn across(self) -> Result<p2::NewTimestamp, Code> {
        Ok(match self {
            Self::NoChange => p2::NewTimestamp::NoChange,
            Self::Now => p2::NewTimestamp::Now,
            // Files in memory have no times before 1970.
            Self::Timestamp(Instant {
                seconds,
                nanoseconds,
            }) => p2::NewTimestamp::Timestamp(Datetime {
                seconds: seconds.try_into().map_err(|_| Code::Overflow)?,
                nanoseconds,
            }),
        })
    }
}

impl Across<p3::DescriptorType> for p2::DescriptorType {
    fn across(self) -> Result<p3::DescriptorType, Code> {
        Ok(descriptor_type(self))
    }
}

impl Across<p3::DescriptorStat> for p2::DescriptorStat {
    fn across(self) -> Result<p3::DescriptorStat, Code> {
        Ok(p3::DescriptorStat {
            type_: descriptor_type(self.type_),
            link_count: self.link_count,
            size: self.size,
            data_access_timestamp: self.data_access_timestamp.map(instant).transpose()?,
            data_modification_timestamp: self
                .data_modification_timestamp
                .map(instant)
                .transpose()?,
            status_change_timestamp: self.status_change_timestamp.map(instant).transpose()?,
        })
    }
}

impl Across<p3::MetadataHashValue> for p2::MetadataHashValue {
    fn across(self) -> Result<p3::MetadataHashValue, Code> {
        let Self { lower, upper } = self;
        Ok(p3::MetadataHashValue { lower, upper })
    }
}

fn instant(of: Datetime) -> Result<Instant, Code> {
    Ok(Instant {
        seconds: of.seconds.try_into().map_err(|_| Code::Overflow)?,
        nanoseconds: of.nanoseconds,
    })
}

pub(crate) fn descriptor_type(of: p2::DescriptorType) -> p3::DescriptorType {
    match of {
        p2::DescriptorType::BlockDevice => p3::DescriptorType::BlockDevice,
        p2::DescriptorType::CharacterDevice => p3::DescriptorType::CharacterDevice,
        p2::DescriptorType::Directory => p3::DescriptorType::Directory,
        p2::DescriptorType::Fifo => p3::DescriptorType::Fifo,
        p2::DescriptorType::SymbolicLink => p3::DescriptorType::SymbolicLink,
        p2::DescriptorType::RegularFile => p3::DescriptorType::RegularFile,
        p2::DescriptorType::Socket => p3::DescriptorType::Socket,
        p2::DescriptorType::Unknown => p3::DescriptorType::Other(None),
    }
}

pub(crate) fn error_code(code: Code) -> p3::ErrorCode {
    macro_rules! same {
        ($($name:ident)*) => {
            match code {
                $(Code::$name => p3::ErrorCode::$name,)*
                Code::WouldBlock => p3::ErrorCode::Other(Some("would-block".to_owned())),
            }
        };
    }
    same! {
        Access Already BadDescriptor Busy Deadlock Quota Exist FileTooLarge IllegalByteSequence InProgress Interrupted
        Invalid Io IsDirectory Loop TooManyLinks MessageSize NameTooLong NoDevice NoEntry NoLock InsufficientMemory
        InsufficientSpace NotDirectory NotEmpty NotRecoverable Unsupported NoTty NoSuchDevice Overflow NotPermitted
        Pipe ReadOnly InvalidSeek TextFileBusy CrossDevice
    }
}
