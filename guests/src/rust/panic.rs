use std::env;

#[inline(always)]
fn pick(values: &[u32], index: usize) -> u32 {
    values[index]
}

#[inline(never)]
fn work(kind: &str, values: &[u32]) -> u32 {
    match kind {
        "index" => pick(values, values.len() + 3),
        "unwrap" => values.iter().find(|value| **value > 100).copied().unwrap(),
        "abort" => std::process::abort(),
        "read" => {
            let mut line = String::new();
            env::args().next().expect("a name");
            std::io::stdin().read_line(&mut line).expect("a line");
            pick(values, values.len() + line.len())
        }
        "div" => values[0] / (values[1] - 2),
        _ => 0,
    }
}

fn main() {
    let kind = env::args().nth(1).unwrap_or_default();
    println!("{}", work(&kind, &[1, 2, 3]));
}
