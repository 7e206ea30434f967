//! What both baselines share: runs of one guest, over and over, for a number of seconds.
//!
//! `plain GUEST THREADS SECONDS [ARG…]`, and `tuned` likewise, prints the runs per second, and measures
//! once more for each line that it reads. `npm run bench` calls them beside each measurement of the package.

pub mod guest;

use std::io::stdin;
use std::path::Path;
use std::time::Duration;

/// How long it runs before it counts.
const WARM_UP: Duration = Duration::from_millis(200);

/// Runs for about that long and returns the runs per second.
pub type Measure = Box<dyn FnMut(Duration) -> f64>;

#[expect(clippy::print_stdout, reason = "the figure is what it is called for")]
pub fn main(open: fn(&Path, usize, &[String]) -> Measure) {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let [path, threads, seconds, args @ ..] = &arguments[..] else {
        // `cargo bench` calls every bench, including this one, without the arguments that it needs.
        return;
    };
    let threads = threads.parse().expect("a number of threads");
    let seconds = Duration::from_secs_f64(seconds.parse().expect("a number of seconds"));
    let mut measure = open(Path::new(path), threads, args);
    loop {
        measure(WARM_UP);
        println!("{}", measure(seconds));
        if stdin().read_line(&mut String::new()).expect("stdin") == 0 {
            return;
        }
    }
}
