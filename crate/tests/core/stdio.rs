use crate::host::{
    PATIENCE, Started, Text, args, channel_output, random_bytes, run, run_in, run_plain, runtime,
    single_threaded, start,
};
use bytes::Bytes;
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, TryRecvError};
use wasiexec::{Input, InputPipe, Output, OutputPipe, RunOptions};

const WINDOW: usize = 64 * 1024;

fn stdin(input: Input) -> RunOptions {
    RunOptions {
        stdin: input,
        ..RunOptions::default()
    }
}

fn stdout(output: Output) -> RunOptions {
    RunOptions {
        stdout: output,
        ..RunOptions::default()
    }
}

fn next(chunks: &Receiver<Bytes>) -> Bytes {
    chunks.recv_timeout(PATIENCE).expect("a chunk")
}

/// A run that copies a pipe to a channel.
fn cat(pipe: &Arc<InputPipe>) -> (Started, Arc<OutputPipe>, Receiver<Bytes>) {
    let (window, output, echoed) = channel_output(false);
    let options = RunOptions {
        stdin: Input::Pipe(pipe.clone()),
        ..stdout(output)
    };
    (start(runtime(), "cat", options), window, echoed)
}

#[test]
fn stdin_is_empty_by_default() {
    for name in ["cat", "read-stdin"] {
        let outcome = run_plain(name);
        assert_eq!(
            (outcome.exit_code(), outcome.stdout()),
            (Some(0), ""),
            "{name}"
        );
    }
}

#[test]
fn bytes_on_stdin_reach_the_guest() {
    for bytes in [&b""[..], b"x", b"two\nlines\n", b"\0\xff\xfe"] {
        let outcome = run("cat", stdin(Input::Bytes(Bytes::from_static(bytes))));
        assert_eq!((outcome.exit_code(), &outcome.stdout[..]), (Some(0), bytes));
    }
}

#[test]
fn a_mebibyte_of_random_bytes_comes_back_unchanged() {
    let bytes = random_bytes("stdin", 1 << 20);
    let outcome = run("cat", stdin(Input::Bytes(bytes.clone().into())));
    assert_eq!(outcome.exit_code(), Some(0));
    assert!(
        outcome.stdout == bytes,
        "{} bytes came back",
        outcome.stdout.len()
    );
}

#[test]
fn a_pipe_gives_the_guest_its_chunks_one_after_the_other() {
    let (ask, asked) = mpsc::channel();
    let pipe = InputPipe::new(false, move || ask.send(()).expect("a listener"));
    let (run, window, echoed) = cat(&pipe);
    for chunk in ["one", "two\n", "three"] {
        asked.recv_timeout(PATIENCE).expect("the guest waits");
        pipe.push(chunk.into());
        // The chunk comes back before the next one is there.
        assert_eq!(next(&echoed), chunk);
        window.take(chunk.len() as u64);
    }
    asked.recv_timeout(PATIENCE).expect("the guest waits");
    pipe.end();
    assert_eq!(run.outcome().exit_code(), Some(0));
    assert!(asked.try_recv().is_err(), "asked once for each chunk");
}

#[test]
fn chunks_that_come_early_are_kept() {
    let pipe = InputPipe::new(false, || {});
    let bytes = random_bytes("early", 300_000);
    for chunk in bytes.chunks(70_000) {
        pipe.push(Bytes::copy_from_slice(chunk));
    }
    pipe.push(Bytes::new());
    pipe.end();
    let outcome = run("cat", stdin(Input::Pipe(pipe)));
    assert_eq!(outcome.exit_code(), Some(0));
    assert!(
        outcome.stdout == bytes,
        "{} bytes came back",
        outcome.stdout.len()
    );
}

#[test]
fn a_pipe_with_room_gives_a_window_when_the_guest_wants_to_read_and_what_was_read_after() {
    const CHUNK: usize = 8 * 1024;
    let (give, given) = mpsc::channel();
    let pipe = InputPipe::with_room(WINDOW as u64, move |bytes| {
        give.send(bytes as usize).expect("a listener");
    });
    let (run, window, echoed) = cat(&pipe);
    let (mut room, mut sent, mut received) = (0, Vec::new(), Vec::new());
    let bytes = random_bytes("room", 1 << 20);
    for chunk in bytes.chunks(CHUNK) {
        while room < CHUNK {
            room += given.recv_timeout(PATIENCE).expect("more room");
            assert!(room <= WINDOW, "{room}");
        }
        room -= CHUNK;
        pipe.push(Bytes::copy_from_slice(chunk));
        sent.extend_from_slice(chunk);
        while received.len() < sent.len() {
            let chunk = next(&echoed);
            window.take(chunk.len() as u64);
            received.extend_from_slice(&chunk);
        }
    }
    pipe.end();
    assert_eq!(run.outcome().exit_code(), Some(0));
    assert!(received == bytes);
    // Not for each of the 128 chunks.
    assert!(given.try_iter().count() < WINDOW / CHUNK);
}

#[test]
fn a_pipe_of_which_nothing_is_read_gives_no_room() {
    let (give, given) = mpsc::channel();
    let pipe = InputPipe::with_room(1, move |bytes| give.send(bytes).expect("a listener"));
    let outcome = run("hello", stdin(Input::Pipe(pipe)));
    assert_eq!(outcome.exit_code(), Some(0));
    // The listener goes with the options of the run, some time after its end.
    assert_eq!(
        given.recv_timeout(PATIENCE),
        Err(RecvTimeoutError::Disconnected)
    );
}

#[test]
fn small_chunks_are_read_together_and_no_byte_is_lost() {
    let pipe = InputPipe::new(false, || {});
    let bytes = random_bytes("small", 3 * 4096 + 5);
    let (small, large) = bytes.split_at(4096 + 100);
    for byte in small {
        pipe.push(Bytes::copy_from_slice(&[*byte]));
    }
    pipe.push(Bytes::copy_from_slice(large));
    pipe.end();
    let (_, output, echoed) = channel_output(false);
    let options = RunOptions {
        stdin: Input::Pipe(pipe),
        ..stdout(output)
    };
    assert_eq!(run("cat", options).exit_code(), Some(0));
    let chunks: Vec<_> = echoed.try_iter().collect();
    assert!(chunks.concat() == bytes);
    assert!(chunks.len() < 10, "{}", chunks.len());
}

#[test]
fn a_pipe_that_ends_at_once_is_an_empty_stdin() {
    let pipe = InputPipe::new(false, || {});
    pipe.end();
    let outcome = run("cat", stdin(Input::Pipe(pipe)));
    assert_eq!((outcome.exit_code(), outcome.stdout()), (Some(0), ""));
}

#[test]
fn the_guest_waits_while_the_window_is_full_and_goes_on_after() {
    const TOTAL: usize = 1 << 20;
    let runtime = single_threaded();
    let (window, output, chunks) = channel_output(false);
    let options = RunOptions {
        args: [TOTAL.to_string()].into(),
        ..stdout(output)
    };
    let mut run = start(&runtime, "flood-argv", options);
    let mut received = 0;
    while received < WINDOW {
        received += next(&chunks).len();
    }
    // The only thread is free for this run, so the other one waits.
    assert_eq!(
        run_in(&runtime, "return", RunOptions::default()).exit_code(),
        Some(0)
    );
    assert!(run.is_going_on());
    assert_eq!(chunks.try_recv(), Err(TryRecvError::Empty));
    assert_eq!(received, WINDOW);

    window.take(received as u64);
    while received < TOTAL {
        let chunk = next(&chunks);
        assert!(chunk.iter().all(|byte| *byte == b'x'));
        received += chunk.len();
        window.take(chunk.len() as u64);
    }
    let outcome = run.outcome();
    assert_eq!((outcome.exit_code(), outcome.stdout()), (Some(0), ""));
    assert_eq!(received, TOTAL);
    assert_eq!(chunks.try_recv(), Err(TryRecvError::Empty));
}

#[test]
fn a_flush_waits_until_the_host_took_everything_where_that_was_asked_for() {
    let runtime = single_threaded();
    let (window, output, chunks) = channel_output(true);
    let mut run = start(&runtime, "hello", stdout(output));
    assert_eq!(next(&chunks), "hello\n");
    assert_eq!(
        run_in(&runtime, "return", RunOptions::default()).exit_code(),
        Some(0)
    );
    assert!(run.is_going_on());
    window.take(5);
    assert_eq!(
        run_in(&runtime, "return", RunOptions::default()).exit_code(),
        Some(0)
    );
    assert!(run.is_going_on());
    window.take(1);
    assert_eq!(run.outcome().exit_code(), Some(0));
}

#[test]
fn without_that_a_guest_may_end_before_the_host_took_its_output() {
    let (_, output, chunks) = channel_output(false);
    assert_eq!(run("hello", stdout(output)).exit_code(), Some(0));
    assert_eq!(next(&chunks), "hello\n");
}

/// The errno of WASI 0.1 for a broken pipe.
const PIPE: u32 = 64;

#[test]
fn writing_to_a_closed_pipe_is_an_errno_for_the_guest() {
    let (pipe, output, chunks) = channel_output(false);
    pipe.close();
    let outcome = run(
        "flood-argv",
        RunOptions {
            args: ["10".into()].into(),
            ..stdout(output)
        },
    );
    assert_eq!(outcome.exit_code(), Some(PIPE), "{outcome:?}");
    assert!(chunks.try_recv().is_err(), "nothing was sent");
}

#[test]
fn closing_a_full_pipe_wakes_the_guest_with_an_errno() {
    let (pipe, output, chunks) = channel_output(false);
    let options = RunOptions {
        args: ["1000000".into()].into(),
        ..stdout(output)
    };
    let run = start(runtime(), "flood-argv", options);
    let mut received = 0;
    while received < WINDOW {
        received += next(&chunks).len();
    }
    pipe.close();
    let outcome = run.outcome();
    assert_eq!(outcome.exit_code(), Some(PIPE), "{outcome:?}");
    assert_eq!(received, WINDOW);
}

#[test]
fn stdout_and_stderr_can_go_different_ways() {
    let (_, stderr, chunks) = channel_output(false);
    let outcome = run(
        "print-both",
        RunOptions {
            stderr,
            ..RunOptions::default()
        },
    );
    assert_eq!(
        (outcome.exit_code(), outcome.stdout(), outcome.stderr()),
        (Some(2), "out\n", "")
    );
    assert_eq!(next(&chunks), "err\n");
}

#[test]
fn ignored_output_goes_nowhere_and_counts_for_no_cap() {
    let mut options = RunOptions {
        stderr: Output::Ignore,
        ..stdout(Output::Ignore)
    };
    options.limits.output_bytes = Some(0);
    let outcome = run("print-both", options.clone());
    assert_eq!(
        (outcome.exit_code(), outcome.stdout(), outcome.stderr()),
        (Some(2), "", "")
    );
    options.args = args(&["20000000"]).args;
    let outcome = run("flood-argv", options);
    assert_eq!((outcome.exit_code(), outcome.stdout.len()), (Some(0), 0));
}

#[test]
fn components_write_to_pipes() {
    for name in ["component-hello", "component-p3-hello"] {
        let (window, output, chunks) = channel_output(true);
        let run = start(runtime(), name, stdout(output));
        assert_eq!(next(&chunks), "hello\n", "{name}");
        window.take(6);
        assert_eq!(run.outcome().exit_code(), Some(0), "{name}");
    }
}
