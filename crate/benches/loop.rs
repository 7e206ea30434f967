//! The core without JavaScript: so many runs at a time, over and over, for so many seconds.
//!
//! `loop GUEST THREADS CONCURRENCY SECONDS` prints the runs a second. `npm run bench` calls it beside
//! each measurement of the package.

mod rounds;

use rounds::Rounds;
use std::time::{Duration, Instant};

#[expect(clippy::print_stdout, reason = "the figure is what it is called for")]
fn main() {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let [guest, threads, concurrency, seconds, ..] = &arguments[..] else {
        // `cargo bench` calls every bench, this one without the arguments that it needs.
        return;
    };
    let threads = threads.parse().expect("a number of threads");
    let concurrency: usize = concurrency.parse().expect("a number of runs");
    let seconds = Duration::from_secs_f64(seconds.parse().expect("a number of seconds"));
    let rounds = Rounds::new(guest.as_ref(), threads);
    let for_a_while = |time: Duration| {
        let (start, mut runs) = (Instant::now(), 0);
        while start.elapsed() < time {
            rounds.run(concurrency);
            runs += concurrency;
        }
        runs as f64 / start.elapsed().as_secs_f64()
    };
    for_a_while(Duration::from_millis(200));
    println!("{}", for_a_while(seconds));
}
