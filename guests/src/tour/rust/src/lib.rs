//! The tour of guests/src/tour/wit, by wit-bindgen.
use std::cell::Cell;
use std::time::{SystemTime, UNIX_EPOCH};

use exports::test::tour::counters::{self, CounterBorrow};
use exports::test::tour::values::{Colour, Days, Failure, Item, Permissions, Point, Shape};
use exports::test::tour::{endings, system, values, work};
use exports::wasi::cli::run;
use test::tour::store::{self, Cursor, StoreError};

wit_bindgen::generate!({ world: "tour", path: "../wit", generate_all });

struct Tour;
export!(Tour);

impl Guest for Tour {
    fn shout(line: String) {
        log(&line.to_uppercase());
    }
}

impl values::Guest for Tour {
    fn negate(value: bool) -> bool {
        !value
    }

    fn integers(
        a: u8,
        b: u16,
        c: u32,
        d: u64,
        e: i8,
        f: i16,
        g: i32,
        h: i64,
    ) -> (u8, u16, u32, u64, i8, i16, i32, i64) {
        (a, b, c, d, e, f, g, h)
    }

    fn floats(a: f32, b: f64) -> (f32, f64) {
        (a, b)
    }

    fn next_char(value: char) -> char {
        char::from_u32(value as u32 + 1).unwrap()
    }

    fn greet(name: String) -> String {
        format!("Grüße, {name}!")
    }

    fn split(text: String) -> Vec<String> {
        text.split(' ').map(String::from).collect()
    }

    fn reverse(mut bytes: Vec<u8>) -> Vec<u8> {
        bytes.reverse();
        bytes
    }

    fn unsigned(a: Vec<u16>, b: Vec<u32>, c: Vec<u64>) -> (Vec<u16>, Vec<u32>, Vec<u64>) {
        (a, b, c)
    }

    fn signed(
        a: Vec<i8>,
        b: Vec<i16>,
        c: Vec<i32>,
        d: Vec<i64>,
    ) -> (Vec<i8>, Vec<i16>, Vec<i32>, Vec<i64>) {
        (a, b, c, d)
    }

    fn halves(a: Vec<f32>, b: Vec<f64>) -> (Vec<f32>, Vec<f64>) {
        (
            a.iter().map(|each| each / 2.0).collect(),
            b.iter().map(|each| each / 2.0).collect(),
        )
    }

    fn bools_and_chars(a: Vec<bool>, b: Vec<char>) -> (Vec<bool>, Vec<char>) {
        (a, b)
    }

    fn next_colour(value: Colour) -> Option<Colour> {
        match value {
            Colour::Red => Some(Colour::Green),
            Colour::Green => Some(Colour::DarkBlue),
            Colour::DarkBlue => None,
        }
    }

    fn complement(value: Permissions) -> Permissions {
        !value
    }

    fn all_days(value: Days) -> Days {
        value
    }

    fn move_(start: Point, by: (i32, i32)) -> Point {
        Point {
            x: start.x + by.0,
            y: start.y + by.1,
        }
    }

    fn items(mut values: Vec<Item>) -> Vec<Item> {
        values.reverse();
        values
    }

    fn shapes(values: Vec<Shape>) -> Vec<Shape> {
        values
    }

    fn area(of: Shape) -> Result<f64, Failure> {
        match of {
            Shape::Empty => Ok(0.0),
            Shape::Circle(radius) => Ok(3.0 * radius * radius),
            Shape::Polygon(_) => Err(Failure::HasNoArea),
            Shape::NamedShape(name) => Err(Failure::UnknownName(name)),
        }
    }

    fn parse(text: String) -> Result<u32, String> {
        text.parse().map_err(|_| format!("not a number: {text}"))
    }

    fn check(good: bool) -> Result<(), ()> {
        if good { Ok(()) } else { Err(()) }
    }

    fn only_error(text: Option<String>) -> Result<(), String> {
        text.map_or(Ok(()), Err)
    }

    fn only_value(value: Option<u32>) -> Result<u32, ()> {
        value.ok_or(())
    }

    fn nested(value: Option<Option<String>>) -> Option<Option<String>> {
        value
    }

    fn results(values: Vec<Result<u32, String>>) -> Vec<Result<u32, String>> {
        values
    }

    fn nothing() {}
}

struct Counter(Cell<u32>);

impl counters::GuestCounter for Counter {
    fn new(start: u32) -> Self {
        Self(Cell::new(start))
    }

    fn next_value(&self) -> u32 {
        self.0.set(self.0.get() + 1);
        self.0.get()
    }

    fn merge(taken: counters::Counter, seen: CounterBorrow<'_>) -> counters::Counter {
        let sum = taken.into_inner::<Counter>().0.get() + seen.get::<Counter>().0.get();
        counters::Counter::new(Counter(Cell::new(sum)))
    }

    fn current(&self) -> u32 {
        self.0.get()
    }
}

impl counters::Guest for Tour {
    type Counter = Counter;

    fn make(start: Vec<u32>) -> Vec<counters::Counter> {
        start
            .into_iter()
            .map(|each| counters::Counter::new(Counter(Cell::new(each))))
            .collect()
    }

    fn finish(taken: counters::Counter) -> u32 {
        taken.into_inner::<Counter>().0.get()
    }

    fn total(seen: Vec<CounterBorrow<'_>>) -> u32 {
        seen.iter().map(|each| each.get::<Counter>().0.get()).sum()
    }
}

fn rest_of(cursor: Cursor) -> u32 {
    std::iter::from_fn(|| cursor.next_value()).sum()
}

impl work::Guest for Tour {
    fn lookup(key: String) -> Option<String> {
        store::get(&key)
    }

    fn save(entries: Vec<(String, String)>) -> Result<u32, StoreError> {
        store::put_all(&entries)
    }

    fn sum(start: u32) -> u32 {
        rest_of(Cursor::new(start))
    }

    fn sum_of(name: String) -> Result<u32, StoreError> {
        store::open(&name).map(rest_of)
    }

    fn drain(taken: Cursor) -> u32 {
        rest_of(taken)
    }

    fn look(seen: &Cursor) -> u32 {
        store::rest(seen)
    }

    fn started(start: u32) -> Cursor {
        let cursor = Cursor::new(start);
        cursor.next_value();
        cursor
    }

    fn asked() -> u32 {
        Cursor::asked()
    }
}

impl system::Guest for Tour {
    fn print(line: String) {
        println!("{line}");
    }

    fn print_error(line: String) {
        eprintln!("{line}");
    }

    fn variable(name: String) -> Option<String> {
        std::env::var(name).ok()
    }

    fn arguments() -> Vec<String> {
        std::env::args().collect()
    }

    fn now() -> u64 {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        since.as_millis().try_into().unwrap()
    }

    fn random(count: u32) -> Vec<u8> {
        wasi::random::random::get_random_bytes(count.into())
    }
}

impl endings::Guest for Tour {
    fn crash(message: String) {
        panic!("{message}");
    }

    fn leave(good: bool) {
        wasi::cli::exit::exit(if good { Ok(()) } else { Err(()) });
    }

    fn spin() {
        loop {
            std::hint::spin_loop();
        }
    }

    fn hoard() {
        let mut kept = Vec::new();
        loop {
            kept.push(vec![1_u8; 1 << 20]);
        }
    }
}

impl run::Guest for Tour {
    fn run() -> Result<(), ()> {
        println!("hello from rust");
        match std::env::args().nth(1).as_deref() {
            Some("fail") => return Err(()),
            Some("crash") => panic!("boom from rust"),
            Some("leave") => wasi::cli::exit::exit(Err(())),
            _ => {}
        }
        Ok(())
    }
}
