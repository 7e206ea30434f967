//! Streams and futures in all directions, by wit-bindgen.
use std::cell::Cell;
use std::time::{Duration, Instant};

use exports::test::flows::sources::{self, Bundle, GuestItem, Item, Point};
use exports::test::flows::{pipes, sinks};
use futures::future::join_all;
use test::flows::host;
use wasi::clocks::monotonic_clock;
use wit_bindgen::{
    FutureReader, FutureWriter, StreamReader, StreamResult, StreamWriter, spawn_local,
};

wit_bindgen::generate!({ world: "flows", path: "../wit", generate_all });

struct Flows;
export!(Flows);

thread_local! {
    static ENDED: Cell<u32> = const { Cell::new(0) };
    static LIVE: Cell<u32> = const { Cell::new(0) };
}

struct Thing(u32);

impl GuestItem for Thing {
    fn id(&self) -> u32 {
        self.0
    }

    fn live() -> u32 {
        LIVE.get()
    }
}

impl Thing {
    fn item(id: u32) -> Item {
        LIVE.set(LIVE.get() + 1);
        Item::new(Self(id))
    }
}

impl Drop for Thing {
    fn drop(&mut self) {
        LIVE.set(LIVE.get() - 1);
    }
}

async fn pause(milliseconds: u32) {
    if milliseconds > 0 {
        monotonic_clock::wait_for(u64::from(milliseconds) * 1_000_000).await;
    }
}

/// Writes in the background.
fn stream<T: 'static, W: Future<Output = ()> + 'static>(
    (writer, reader): (StreamWriter<T>, StreamReader<T>),
    write: impl FnOnce(StreamWriter<T>) -> W,
) -> StreamReader<T> {
    spawn_local(write(writer));
    reader
}

fn value<T: 'static>(
    (writer, reader): (FutureWriter<T>, FutureReader<T>),
    value: impl Future<Output = T> + 'static,
) -> FutureReader<T> {
    spawn_local(async move {
        let value = value.await;
        let _ = writer.write(value).await;
    });
    reader
}

impl Guest for Flows {
    async fn all(keys: Vec<String>) -> Vec<String> {
        join_all(keys.into_iter().map(host::wait)).await
    }
}

impl sources::Guest for Flows {
    type Item = Thing;

    async fn count(to: u32, milliseconds: u32) -> StreamReader<u32> {
        stream(wit_stream::new(), async move |mut writer| {
            for number in 0..to {
                pause(milliseconds).await;
                if writer.write_one(number).await.is_some() {
                    break;
                }
            }
            ENDED.set(ENDED.get() + 1);
        })
    }

    async fn bytes(length: u32, piece: u32) -> StreamReader<u8> {
        stream(wit_stream::new(), async move |mut writer| {
            let mut start = 0;
            while start < length {
                let end = length.min(start + piece);
                let bytes = (start..end).map(|place| (place % 251) as u8).collect();
                if !writer.write_all(bytes).await.is_empty() {
                    break;
                }
                start = end;
            }
        })
    }

    async fn forever() -> StreamReader<u64> {
        stream(wit_stream::new(), async move |mut writer| {
            for number in 0.. {
                if writer.write_one(number).await.is_some() {
                    break;
                }
            }
            ENDED.set(ENDED.get() + 1);
        })
    }

    fn ended() -> u32 {
        ENDED.get()
    }

    async fn words(text: String) -> StreamReader<String> {
        stream(wit_stream::new(), async move |mut writer| {
            writer
                .write_all(text.split(' ').map(str::to_owned).collect())
                .await;
        })
    }

    async fn points(count: u32) -> StreamReader<Point> {
        stream(wit_stream::new(), async move |mut writer| {
            let points = (0..count as i32).map(|number| Point {
                x: -number,
                y: f64::from(number) / 2.0,
                name: (number % 2 == 0).then(|| format!("point {number}")),
            });
            writer.write_all(points.collect()).await;
        })
    }

    async fn ticks(count: u32) -> StreamReader<()> {
        stream(wit_stream::new(), async move |mut writer| {
            writer.write_all(vec![(); count as usize]).await;
        })
    }

    async fn later(number: u32, milliseconds: u32) -> FutureReader<u32> {
        value(wit_future::new(|| 0), async move {
            pause(milliseconds).await;
            number
        })
    }

    async fn done(milliseconds: u32) -> FutureReader<()> {
        value(wit_future::new(|| ()), pause(milliseconds))
    }

    async fn nested() -> Bundle {
        let floats = |from: f32| {
            stream(wit_stream::new(), async move |mut writer| {
                writer.write_all(vec![from, from + 0.5]).await;
            })
        };
        Bundle {
            numbers: stream(wit_stream::new(), async |mut writer| {
                writer.write_all(vec![-1, 2, -3]).await;
            }),
            value: value(wit_future::new(|| Err(0)), async {
                Ok(String::from("fine"))
            }),
            all: vec![floats(1.0), floats(2.0)],
        }
    }

    async fn busy(milliseconds: u32) -> StreamReader<u32> {
        stream(wit_stream::new(), async move |mut writer| {
            // The call returns meanwhile.
            pause(1).await;
            for number in 0.. {
                let start = Instant::now();
                while start.elapsed() < Duration::from_millis(milliseconds.into()) {}
                if writer.write_one(number).await.is_some() {
                    break;
                }
            }
        })
    }

    async fn breaks(after: u32) -> StreamReader<u32> {
        stream(wit_stream::new(), async move |mut writer| {
            for number in 0..after {
                writer.write_one(number).await;
            }
            panic!("as asked");
        })
    }

    async fn items(count: u32) -> StreamReader<Item> {
        stream(wit_stream::new(), async move |mut writer| {
            for number in 0..count {
                if writer.write_one(Thing::item(number)).await.is_some() {
                    break;
                }
            }
        })
    }
}

impl sinks::Guest for Flows {
    async fn sum(mut numbers: StreamReader<u32>) -> u64 {
        let mut sum = 0;
        while let Some(number) = numbers.next().await {
            sum += u64::from(number);
        }
        sum
    }

    async fn length(mut bytes: StreamReader<u8>) -> (u64, u64) {
        let (mut length, mut sum) = (0, 0);
        let mut buffer = Vec::with_capacity(16 * 1024);
        loop {
            let (result, read) = bytes.read(buffer).await;
            length += read.len() as u64;
            sum += read.iter().map(|byte| u64::from(*byte)).sum::<u64>();
            if !matches!(result, StreamResult::Complete(_)) {
                return (length, sum);
            }
            buffer = read;
            buffer.clear();
        }
    }

    async fn take(mut numbers: StreamReader<u64>, count: u32) -> Vec<u64> {
        let mut taken = Vec::new();
        while taken.len() < count as usize
            && let Some(number) = numbers.next().await
        {
            taken.push(number);
        }
        taken
    }

    async fn join(text: StreamReader<String>) -> String {
        text.collect().await.join(" ")
    }

    async fn settle(value: FutureReader<String>) -> String {
        value.await
    }

    async fn describe(points: StreamReader<(u8, Option<String>)>) -> Vec<String> {
        let points = points.collect().await;
        points
            .into_iter()
            .map(|point| format!("{point:?}"))
            .collect()
    }

    async fn ignore(_: StreamReader<u32>, _: FutureReader<u32>) -> u32 {
        7
    }

    async fn start(numbers: StreamReader<u32>) -> FutureReader<u64> {
        value(wit_future::new(|| 0), <Self as sinks::Guest>::sum(numbers))
    }
}

impl pipes::Guest for Flows {
    async fn upper(mut text: StreamReader<String>) -> StreamReader<String> {
        stream(wit_stream::new(), async move |mut writer| {
            while let Some(line) = text.next().await {
                if writer.write_one(line.to_uppercase()).await.is_some() {
                    break;
                }
            }
        })
    }

    async fn same_bytes(bytes: StreamReader<u8>) -> StreamReader<u8> {
        bytes
    }

    async fn same_words(words: StreamReader<String>) -> StreamReader<String> {
        words
    }

    async fn same_value(value: FutureReader<String>) -> FutureReader<String> {
        value
    }

    async fn copy(mut bytes: StreamReader<u8>) -> StreamReader<u8> {
        stream(wit_stream::new(), async move |mut writer| {
            let mut buffer = Vec::with_capacity(1000);
            loop {
                let (result, read) = bytes.read(buffer).await;
                let rest = writer.write_all(read).await;
                if !rest.is_empty() || !matches!(result, StreamResult::Complete(_)) {
                    break;
                }
                buffer = Vec::with_capacity(1000);
            }
        })
    }

    async fn around(text: StreamReader<String>) -> StreamReader<String> {
        host::transform(text).await
    }

    async fn next(number: u32) -> u32 {
        let (writer, reader) = wit_future::new(|| 0);
        spawn_local(async move {
            let _ = writer.write(number).await;
        });
        host::next(reader).await.await
    }
}
