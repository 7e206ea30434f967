//! What a user of wasmtime would write in Rust: runs of one guest, over and over, for so many seconds.
//!
//! `baseline plain|tuned GUEST THREADS SECONDS [ARG…]` prints the runs a second, and measures once more
//! for each line that it reads. `npm run bench` calls it beside each measurement of the package.

mod guest;
mod plain;
mod tuned;

use std::io::stdin;
use std::path::Path;
use std::time::Duration;

/// What it measures before it counts.
const WARM_UP: Duration = Duration::from_millis(200);

/// Runs for about that long and answers the runs a second.
type Measure = Box<dyn FnMut(Duration) -> f64>;

#[expect(clippy::print_stdout, reason = "the figure is what it is called for")]
fn main() {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let [baseline, path, threads, seconds, args @ ..] = &arguments[..] else {
        // `cargo bench` calls every bench, this one without the arguments that it needs.
        return;
    };
    let threads = threads.parse().expect("a number of threads");
    let seconds = Duration::from_secs_f64(seconds.parse().expect("a number of seconds"));
    let open = match baseline.as_str() {
        "plain" => plain::open,
        "tuned" => tuned::open,
        other => panic!("plain or tuned, got {other}"),
    };
    let mut measure: Measure = open(Path::new(path), threads, args);
    loop {
        measure(WARM_UP);
        println!("{}", measure(seconds));
        if stdin().read_line(&mut String::new()).expect("stdin") == 0 {
            return;
        }
    }
}
