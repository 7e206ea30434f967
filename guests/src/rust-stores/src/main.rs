//! Uses `wasi:config`, `wasi:keyvalue` and `wasi:logging` as its arguments say. Each command is one argument; its words
//! are separated by spaces.

wit_bindgen::generate!({ world: "stores", path: "wit", generate_all });

use wasi::config::store as config;
use wasi::keyvalue::store::{self, Bucket};
use wasi::keyvalue::{atomics, batch};
use wasi::logging::logging::{Level, log};

fn main() {
    for command in std::env::args().skip(1) {
        let words: Vec<&str> = command.split(' ').collect();
        println!("{}", carry_out(&words));
    }
}

fn carry_out(words: &[&str]) -> String {
    match *words {
        ["config", name] => format!("{:?}", config::get(name)),
        ["config"] => format!("{:?}", config::get_all()),
        ["log", level, context, message] => {
            let level = match level {
                "trace" => Level::Trace,
                "debug" => Level::Debug,
                "info" => Level::Info,
                "warn" => Level::Warn,
                "error" => Level::Error,
                _ => Level::Critical,
            };
            log(level, context, message);
            "logged".into()
        }
        [bucket, ref rest @ ..] => match store::open(bucket) {
            Ok(bucket) => use_bucket(&bucket, rest),
            Err(error) => format!("{error:?}"),
        },
        [] => String::new(),
    }
}

fn use_bucket(bucket: &Bucket, words: &[&str]) -> String {
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    match *words {
        ["open"] => "open".into(),
        ["get", key] => format!("{:?}", bucket.get(key).map(|value| value.map(text))),
        ["set", key, value] => format!("{:?}", bucket.set(key, value.as_bytes())),
        ["delete", key] => format!("{:?}", bucket.delete(key)),
        ["exists", key] => format!("{:?}", bucket.exists(key)),
        ["keys"] => {
            let (mut all, mut cursor, mut pages) = (Vec::new(), None, 0);
            loop {
                let page = bucket.list_keys(cursor).expect("keys");
                all.extend(page.keys);
                pages += 1;
                cursor = page.cursor;
                if cursor.is_none() {
                    return format!("{} in {pages}: {:?}", all.len(), &all[..all.len().min(3)]);
                }
            }
        }
        ["add", key, delta] => {
            let delta = delta.parse().expect("a number");
            format!("{:?}", atomics::increment(bucket, key, delta))
        }
        ["many"] => {
            let entries: Vec<_> = (0..2500)
                .map(|number| (format!("key-{number:04}"), vec![b'v']))
                .collect();
            let set = batch::set_many(bucket, &entries);
            let keys = ["key-0000".to_owned(), "none".to_owned()];
            let found = batch::get_many(bucket, &keys).map(|found| {
                let found = found.into_iter();
                found
                    .map(|entry| entry.map(|(key, value)| (key, text(value))))
                    .collect::<Vec<_>>()
            });
            let deleted = batch::delete_many(bucket, &keys);
            format!("{set:?} {found:?} {deleted:?}")
        }
        ["fill"] => {
            let value = vec![0; 1 << 20];
            for number in 0.. {
                if let Err(error) = bucket.set(&format!("fill-{number}"), &value) {
                    return format!("{number} MiB, then {error:?}");
                }
            }
            unreachable!()
        }
        // As many handles as there is room for.
        ["hoard"] => {
            let mut held = Vec::new();
            loop {
                match store::open("a") {
                    Ok(bucket) => held.push(bucket),
                    Err(error) => return format!("{} more, then {error:?}", held.len()),
                }
            }
        }
        _ => "unknown".into(),
    }
}
