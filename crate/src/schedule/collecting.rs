//! Files that a run leaves behind, collected while others have the thread, too.

use super::give_way::give_way;
use crate::error::Result;
use crate::files::CollectedFiles;
use crate::guest::CallControl;
use crate::wasi::Collector;

/// Collects the files of a run; `None` if it is stopped meanwhile. One that was stopped before keeps its files.
///
/// # Errors
///
/// [`ErrorCode::OutOfResources`](crate::ErrorCode::OutOfResources) for too many files.
pub(super) async fn collect(
    collector: Collector,
    control: &CallControl,
) -> Result<Option<CollectedFiles>> {
    let was_stopped = control.cause().is_some();
    let mut collecting = Box::new(collector.begin());
    while !collector.go_on(&mut collecting)? {
        give_way().await;
        if !was_stopped && control.cause().is_some() {
            return Ok(None);
        }
    }
    Ok(Some(collecting.finish()))
}

#[cfg(test)]
mod tests {
    use crate::error::Result;
    use crate::files::{GivenFile, GivenTree, Patterns};
    use crate::guest::{CallControl, Cause, Ending, LimitKind, Limits, Outcome};
    use crate::options::RunOptions;
    use crate::program::{Cache, LoadOptions};
    use crate::runtime::{Runtime, RuntimeOptions};
    use crate::schedule::{CallerRun, Client, Ended, Origin, QueuedRun, RunGroup, Submission};
    use crate::wasi::GrantedFiles;
    use bytes::Bytes;
    use std::pin::pin;
    use std::sync::{Arc, Mutex, mpsc};
    use std::task::{Context, Poll, Waker};
    use std::time::Duration;

    const FILES: usize = 20_000;
    const RETURNS: &str = r#"(module (func (export "_start")))"#;
    const LOOPS: &str = r#"(module (func (export "_start") (loop (br 0))))"#;

    fn runtime() -> Runtime {
        let runtime = Runtime::new(RuntimeOptions {
            threads: 1,
            max_concurrent_runs: 4,
            cache: Cache::none(),
        });
        runtime.expect("a runtime")
    }

    /// Options of a run that leaves so many files behind.
    fn options(limits: Limits) -> RunOptions {
        let files = (0..FILES).map(|number| GivenFile {
            path: format!("{number}"),
            contents: Some(Bytes::from_static(b"x")),
        });
        RunOptions {
            files: Some(Arc::new(GivenTree::new(files).expect("a tree"))),
            collect: Some(Arc::new(
                Patterns::new(["**", "?????????"]).expect("patterns"),
            )),
            limits,
            ..RunOptions::default()
        }
    }

    fn begin(runtime: &Runtime, source: &str, limits: Limits) -> CallerRun {
        let program = runtime.load(source.as_bytes(), LoadOptions::named("guest"));
        let program = program.expect("a program");
        let run = runtime.run_here(program, options(limits), Origin::default());
        run.expect("a run")
    }

    /// Polls the run again and again, and does something after so many polls; returns how many there were.
    fn poll(run: &mut CallerRun, after: usize, act: impl Fn()) -> (usize, Outcome) {
        for polls in 0.. {
            if polls == after {
                act();
            }
            if let Some(outcome) = run.wait(Duration::ZERO).expect("no fault") {
                return (polls, outcome);
            }
        }
        unreachable!("some poll is the last");
    }

    #[test]
    fn others_have_the_thread_meanwhile() {
        let runtime = runtime();
        let mut run = begin(&runtime, RETURNS, Limits::default());
        let (polls, outcome) = poll(&mut run, usize::MAX, || {});
        assert!(polls > 5, "{polls}");
        assert_eq!(outcome.ending, Ending::Exit { code: 0 });
        assert_eq!(outcome.files.expect("files").iter().len(), FILES);
    }

    #[test]
    fn an_abort_ends_it() {
        let runtime = runtime();
        let mut run = begin(&runtime, RETURNS, Limits::default());
        let (polls, outcome) = poll(&mut run, 2, || runtime.abort(|_| true));
        assert_eq!(polls, 2);
        assert_eq!(outcome.ending, Ending::Abort);
        assert_eq!(outcome.files, None);
        assert_eq!(runtime.stats().counts.running, 0);
    }

    #[test]
    fn a_run_that_was_stopped_before_keeps_its_files() {
        let options = options(Limits::default());
        let granted = GrantedFiles::new(&options, &[]).expect("files");
        let collector = granted.expect("files").collector().expect("patterns");
        for stops in [
            None,
            Some(Cause::Limit(LimitKind::Timeout)),
            Some(Cause::Abort),
        ] {
            let control = CallControl::default();
            if let Some(cause) = stops {
                control.stop(cause);
            }
            let mut collecting = pin!(super::collect(collector.clone(), &control));
            let mut context = Context::from_waker(Waker::noop());
            assert!(collecting.as_mut().poll(&mut context).is_pending());
            control.stop(Cause::Abort);
            let collected = loop {
                if let Poll::Ready(collected) = collecting.as_mut().poll(&mut context) {
                    break collected.expect("room");
                }
            };
            let expected = stops.map(|_| FILES);
            assert_eq!(collected.map(|files| files.iter().len()), expected);
        }
    }

    /// Stops its run when that asks for its options: it has a thread then, and nothing of its guest has run.
    struct Stopper {
        ended: Mutex<mpsc::Sender<Result<Outcome>>>,
        control: Arc<CallControl>,
    }

    impl Client for Stopper {
        fn decode_options(
            &self,
            _: &RunGroup,
            _: u64,
            _: &Bytes,
        ) -> Result<Option<Box<RunOptions>>> {
            self.control.stop(Cause::Abort);
            Ok(None)
        }

        fn ended(&self, runs: &mut Vec<Ended>) {
            for run in runs.drain(..) {
                let _ = self.ended.lock().expect("a lock").send(run.result);
            }
        }
    }

    #[test]
    fn a_run_that_is_aborted_before_its_guest_begins_leaves_none() {
        let runtime = runtime();
        let early = r#"(module (func $f) (start $f) (func (export "_start")))"#;
        for source in [RETURNS, LOOPS, early] {
            let program = runtime.load(source.as_bytes(), LoadOptions::named("guest"));
            let (sender, receiver) = mpsc::channel();
            let control = Arc::<CallControl>::default();
            let group = RunGroup::new(
                Origin::default(),
                program.expect("a program"),
                Arc::new(options(Limits::default())),
                Arc::new(Stopper {
                    ended: Mutex::new(sender),
                    control: control.clone(),
                }),
            );
            let run = QueuedRun::alone(Some(control));
            runtime.submit([Submission::single(Arc::new(group), run)]);
            let outcome = receiver.recv().expect("an end").expect("no fault");
            assert_eq!(outcome.ending, Ending::Abort);
            assert_eq!(outcome.files, None);
        }
    }
}
