//! The cost of one run in the core, without JavaScript: one thread, runs submitted 256 at a time.

mod rounds;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use rounds::Rounds;
use std::path::Path;

const RUNS: usize = 256;

fn core(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("256 runs");
    group.throughput(Throughput::Elements(RUNS as u64));
    // What is measured, and the guest for it.
    for (name, guest) in [
        ("instantiate and return", "return"),
        ("exit 0", "exit-argv"),
        ("hello, captured", "hello"),
        ("component hello, captured", "component-hello"),
    ] {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/guests/{guest}.wat"));
        let rounds = Rounds::new(&path, 1);
        group.bench_function(name, |bencher| bencher.iter(|| rounds.run(RUNS)));
    }
    group.finish();
}

criterion_group!(benches, core);
criterion_main!(benches);
