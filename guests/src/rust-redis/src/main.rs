//! A client of Redis, by the crate `redis`, for tests: `ADDRESS COMMAND...`, one command per argument.
use redis::{Client, RedisResult, Value, cmd};

fn main() {
    let mut args = std::env::args().skip(1);
    let address = args.next().unwrap();
    let commands: Vec<String> = args.collect();
    match run(&address, &commands) {
        Ok(answers) => println!("{}", answers.join(", ")),
        Err(error) => println!("{:?}: {error}", error.kind()),
    }
}

fn run(address: &str, commands: &[String]) -> RedisResult<Vec<String>> {
    let mut connection = Client::open(format!("redis://{address}/"))?.get_connection()?;
    commands
        .iter()
        .map(|command| {
            let mut words = command.split(' ');
            let mut request = cmd(words.next().unwrap_or_default());
            words.for_each(|word| {
                request.arg(word);
            });
            let answer: Value = request.query(&mut connection)?;
            Ok(match answer {
                Value::BulkString(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
                Value::SimpleString(text) => text,
                other => format!("{other:?}"),
            })
        })
        .collect()
}
