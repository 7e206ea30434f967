//! The functions of `wasi:filesystem` for descriptors in memory.

use super::component::GuestFiles;
use super::granted::GrantedFiles;
use crate::files::{Code, GivenFile, GivenTree, Patterns};
use crate::options::{Clock, RunOptions};
use bytes::Bytes;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use wasmtime::component::{Resource, ResourceTable};
use wasmtime_wasi::filesystem::{Descriptor, WasiFilesystemCtx, WasiFilesystemCtxView};
use wasmtime_wasi::p2::bindings::filesystem::preopens::Host as _;
use wasmtime_wasi::p2::bindings::filesystem::types::{
    Advice, DescriptorFlags, DescriptorType, Host as _, HostDescriptor, NewTimestamp, OpenFlags,
    PathFlags,
};
use wasmtime_wasi::p2::{FsResult, StreamError};
use wasmtime_wasi::runtime::poll_noop;

/// A guest with files, the root of which it has open.
struct Guest {
    granted: GrantedFiles,
    context: WasiFilesystemCtx,
    table: ResourceTable,
    root: u32,
}

impl Guest {
    fn new(files: &[(&str, &str)]) -> Self {
        let files = files.iter().map(|(path, text)| GivenFile {
            path: (*path).to_owned(),
            contents: Some(Bytes::copy_from_slice(text.as_bytes())),
        });
        let options = RunOptions {
            files: Some(Arc::new(GivenTree::new(files).expect("a tree"))),
            files_at: Some("/work".into()),
            collect: Some(Arc::new(Patterns::new(["**"]).expect("patterns"))),
            clock: Clock::Fixed(Duration::from_millis(5500)),
            ..RunOptions::default()
        };
        let granted = GrantedFiles::new(&options, &[]).expect("options");
        let mut this = Self {
            granted: granted.expect("files"),
            context: WasiFilesystemCtx::default(),
            table: ResourceTable::new(),
            root: 0,
        };
        let directories = this.files().get_directories().expect("directories");
        let [(root, path)] = &directories[..] else {
            panic!("not one directory");
        };
        assert_eq!(path, "/work");
        this.root = root.rep();
        this
    }

    fn files(&mut self) -> GuestFiles<'_> {
        GuestFiles {
            host: WasiFilesystemCtxView {
                ctx: &mut self.context,
                table: &mut self.table,
            },
            granted: Some(&self.granted),
        }
    }

    fn root(&self) -> Resource<Descriptor> {
        Resource::new_borrow(self.root)
    }

    fn open(&mut self, path: &str, how: OpenFlags, flags: DescriptorFlags) -> Result<u32, Code> {
        let root = self.root();
        let opened = now(self.files().open_at(root, FOLLOW, path.into(), how, flags));
        opened.map(|opened| opened.rep())
    }

    fn collected(&self) -> Vec<(String, String)> {
        let collector = self.granted.collector().expect("a collector");
        let mut collecting = collector.begin();
        while !collector.go_on(&mut collecting).expect("files") {}
        let files = collecting.finish();
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).expect("text");
        files
            .iter()
            .map(|(path, bytes)| (path.to_owned(), text(bytes)))
            .collect()
    }
}

const FOLLOW: PathFlags = PathFlags::SYMLINK_FOLLOW;
const READ: DescriptorFlags = DescriptorFlags::READ;
const WRITE: DescriptorFlags = DescriptorFlags::WRITE;

fn fd(rep: u32) -> Resource<Descriptor> {
    Resource::new_borrow(rep)
}

/// The result of a function that does not wait.
fn now<T>(future: impl Future<Output = FsResult<T>>) -> Result<T, Code> {
    let result = poll_noop(pin!(future)).expect("it does not wait");
    result.map_err(|error| error.downcast().expect("a code"))
}

#[test]
fn files_are_opened_read_and_written() {
    let mut guest = Guest::new(&[("a", "text")]);
    let file = guest
        .open("a", OpenFlags::empty(), READ | WRITE)
        .expect("opened");
    let mut files = guest.files();
    assert_eq!(
        now(files.get_type(fd(file))),
        Ok(DescriptorType::RegularFile)
    );
    assert_eq!(now(files.get_flags(fd(file))), Ok(READ | WRITE));
    assert_eq!(
        now(files.read(fd(file), 3, 1)),
        Ok((b"ext".to_vec(), false))
    );
    assert_eq!(now(files.read(fd(file), u64::MAX, 4)), Ok((vec![], true)));
    assert_eq!(now(files.write(fd(file), b"XY".to_vec(), 3)), Ok(2));
    assert_eq!(now(files.set_size(fd(file), 6)), Ok(()));
    assert_eq!(now(files.advise(fd(file), 0, 6, Advice::Random)), Ok(()));
    assert_eq!(now(files.sync(fd(file))), Ok(()));
    assert_eq!(now(files.sync_data(fd(file))), Ok(()));
    let stat = now(files.stat(fd(file))).expect("a status");
    assert_eq!((stat.size, stat.link_count), (6, 1));
    let time = stat.data_modification_timestamp.expect("a time");
    assert_eq!((time.seconds, time.nanoseconds), (5, 500_000_000));
    assert_eq!(guest.collected(), [("a".into(), "texXY\0".into())]);
}

#[test]
fn descriptors_are_for_what_they_were_opened_for() {
    let mut guest = Guest::new(&[("a", "text"), ("d/b", "")]);
    let reads = guest.open("a", OpenFlags::empty(), READ).expect("opened");
    let writes = guest.open("a", OpenFlags::empty(), WRITE).expect("opened");
    let directory = guest.open("d", OpenFlags::DIRECTORY, READ).expect("opened");
    let mut files = guest.files();
    for (file, code) in [
        (reads, Code::BadDescriptor),
        (directory, Code::BadDescriptor),
    ] {
        assert_eq!(now(files.write(fd(file), b"x".to_vec(), 0)), Err(code));
        assert!(files.write_via_stream(fd(file), 0).is_err());
        assert!(files.append_via_stream(fd(file)).is_err());
    }
    assert_eq!(now(files.read(fd(writes), 1, 0)), Err(Code::BadDescriptor));
    assert_eq!(now(files.set_size(fd(reads), 0)), Err(Code::Invalid));
    let stream = files.read_via_stream(fd(directory), 0).map(drop);
    assert_eq!(
        stream.map_err(|e| e.downcast().expect("a code")),
        Err(Code::IsDirectory)
    );
    for path in ["a", "x"] {
        let made = now(files.create_directory_at(fd(reads), path.into()));
        assert_eq!(made, Err(Code::NotDirectory));
        let found = now(files.stat_at(fd(reads), FOLLOW, path.into())).map(drop);
        assert_eq!(found, Err(Code::NotDirectory));
    }
    assert_eq!(now(files.get_flags(fd(directory))), Ok(READ));
    let mutates = READ | DescriptorFlags::MUTATE_DIRECTORY;
    let changed = guest.open("d", OpenFlags::DIRECTORY, mutates);
    let changed = changed.expect("opened");
    assert_eq!(now(guest.files().get_flags(fd(changed))), Ok(mutates));
    let opened = guest.open("d", OpenFlags::empty(), WRITE);
    assert_eq!(opened, Err(Code::IsDirectory));
}

#[test]
fn directories_and_links_are_made_moved_and_removed() {
    let mut guest = Guest::new(&[("a", "text")]);
    let root = guest.root;
    let mut files = guest.files();
    let owned = String::from;
    assert_eq!(now(files.create_directory_at(fd(root), owned("d"))), Ok(()));
    assert_eq!(
        now(files.symlink_at(fd(root), owned("d"), owned("l"))),
        Ok(())
    );
    assert_eq!(now(files.readlink_at(fd(root), owned("l"))), Ok(owned("d")));
    let link = files.link_at(
        fd(root),
        PathFlags::empty(),
        owned("a"),
        fd(root),
        owned("l/b"),
    );
    assert_eq!(now(link), Ok(()));
    let stat = now(files.stat_at(fd(root), FOLLOW, owned("d/b"))).expect("a status");
    assert_eq!(stat.link_count, 2);
    let hash = |files: &mut GuestFiles<'_>, path: &str| {
        let hash = now(files.metadata_hash_at(fd(root), FOLLOW, path.into())).expect("a hash");
        (hash.lower, hash.upper)
    };
    assert_eq!(hash(&mut files, "a"), hash(&mut files, "d/b"));
    assert_ne!(hash(&mut files, "a"), hash(&mut files, "d"));
    let own = now(files.metadata_hash(fd(root))).expect("a hash");
    assert_eq!((own.lower, own.upper), hash(&mut files, "."));
    assert_eq!(
        now(files.rename_at(fd(root), owned("a"), fd(root), owned("c"))),
        Ok(())
    );
    assert_eq!(now(files.unlink_file_at(fd(root), owned("c"))), Ok(()));
    assert_eq!(
        now(files.remove_directory_at(fd(root), owned("d"))),
        Err(Code::NotEmpty)
    );
    let times = files.set_times_at(
        fd(root),
        FOLLOW,
        owned("d/b"),
        NewTimestamp::NoChange,
        NewTimestamp::Timestamp(wasmtime_wasi::p2::bindings::clocks::wall_clock::Datetime {
            seconds: 1,
            nanoseconds: 2,
        }),
    );
    assert_eq!(now(times), Ok(()));
    let stat = now(files.stat_at(fd(root), FOLLOW, owned("d/b"))).expect("a status");
    assert_eq!(
        stat.data_modification_timestamp
            .map(|t| (t.seconds, t.nanoseconds)),
        Some((1, 2))
    );
    let times = files.set_times(fd(root), NewTimestamp::Now, NewTimestamp::NoChange);
    assert_eq!(now(times), Ok(()));
    assert_eq!(guest.collected(), [("d/b".into(), "text".into())]);
}

#[test]
fn streams_read_write_and_say_why_they_fail() {
    let mut guest = Guest::new(&[("a", "text")]);
    let how = OpenFlags::empty();
    let file = guest.open("a", how, READ | WRITE).expect("a file");
    let mut files = guest.files();
    let reader = files.read_via_stream(fd(file), 2).expect("a stream");
    let reader = files.host.table.get_mut(&reader).expect("a stream");
    assert_eq!(reader.read(0).expect("nothing"), "");
    assert_eq!(reader.read(100).expect("bytes"), "xt");
    assert!(matches!(reader.read(1), Err(StreamError::Closed)));
    let writer = files.write_via_stream(fd(file), 4).expect("a stream");
    let writer = files.host.table.get_mut(&writer).expect("a stream");
    assert!(writer.check_write().expect("room") > 0);
    writer.write("s".into()).expect("written");
    writer.write("!".into()).expect("written");
    let appender = files.append_via_stream(fd(file)).expect("a stream");
    let appender = files.host.table.get_mut(&appender).expect("a stream");
    appender.write("?".into()).expect("written");
    appender.flush().expect("flushed");
    let failing = files
        .write_via_stream(fd(file), u64::MAX)
        .expect("a stream");
    let failing = files.host.table.get_mut(&failing).expect("a stream");
    let Err(StreamError::LastOperationFailed(error)) = failing.write("x".into()) else {
        panic!("it did not fail");
    };
    assert!(matches!(failing.check_write(), Err(StreamError::Closed)));
    let error = files.host.table.push(error).expect("an error");
    let code = files.filesystem_error_code(error).expect("an error");
    assert_eq!(code, Some(Code::FileTooLarge));
    assert_eq!(guest.collected(), [("a".into(), "texts!?".into())]);
}

#[test]
fn a_removed_file_lives_as_long_as_its_descriptors_and_streams() {
    let mut guest = Guest::new(&[]);
    let file = guest
        .open("a", OpenFlags::CREATE, READ | WRITE)
        .expect("made");
    let root = guest.root;
    let mut files = guest.files();
    assert_eq!(now(files.write(fd(file), b"text".to_vec(), 0)), Ok(4));
    let reader = files.read_via_stream(fd(file), 0).expect("a stream");
    assert_eq!(now(files.unlink_file_at(fd(root), "a".into())), Ok(()));
    HostDescriptor::drop(&mut files, Resource::new_own(file)).expect("closed");
    let stream = files.host.table.get_mut(&reader).expect("a stream");
    assert_eq!(stream.read(100).expect("bytes"), "text");
    let mut other = Guest::new(&[]);
    let same = poll_noop(pin!(other.files().is_same_object(fd(0), fd(0))));
    assert!(same.expect("it does not wait").expect("descriptors"));
}
