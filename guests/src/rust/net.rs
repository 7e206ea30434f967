//! A guest that uses the network of WASI 0.2, for tests. Its first argument chooses what it does; each result is a line.
//! Errors are printed by their kind, and the guest goes on: what the network refuses is no failure of the program.
use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream, ToSocketAddrs, UdpSocket};
use std::{env, thread, time::Duration};

fn main() {
    let args: Vec<String> = env::args().skip(1).collect();
    let words: Vec<&str> = args.iter().map(String::as_str).collect();
    match words[..] {
        ["connect", ref addresses @ ..] => addresses.iter().for_each(|to| say(to, connect(to))),
        ["get", to, message] => say(to, get(to, message)),
        ["send", to, size] => say(to, send(to, size.parse().unwrap())),
        ["bind", ref addresses @ ..] => addresses.iter().for_each(|at| say(at, bind(at))),
        ["echo", at, clients] => say(at, echo(at, clients.parse().unwrap())),
        ["listen", at] => say(at, listen(at)),
        ["udp-bind", ref addresses @ ..] => addresses.iter().for_each(|at| say(at, udp_bind(at))),
        ["udp-echo", at, count] => say(at, udp_echo(at, count.parse().unwrap())),
        ["udp", from, to, ref messages @ ..] => say(to, udp(from, to, messages)),
        ["resolve", ref names @ ..] => names.iter().for_each(|name| say(name, resolve(name))),
        ["fetch", name, port] => say(name, fetch(name, port.parse().unwrap())),
        ["sockets", most] => say("sockets", sockets(most.parse().unwrap())),
        ["again", most] => say("again", again(most.parse().unwrap())),
        ["hold", to] => say(to, hold(to)),
        ref other => panic!("unknown arguments {other:?}"),
    }
}

fn say(what: &str, result: io::Result<String>) {
    match result {
        Ok(text) => println!("{what}: {text}"),
        Err(error) => println!("{what}: {:?}", error.kind()),
    }
}

/// Whether a connection is made.
fn connect(to: &str) -> io::Result<String> {
    TcpStream::connect(to)?;
    Ok("connected".into())
}

/// Sends a message, ends its side, and returns all that comes back.
fn get(to: &str, message: &str) -> io::Result<String> {
    let mut stream = TcpStream::connect(to)?;
    stream.write_all(message.as_bytes())?;
    stream.shutdown(std::net::Shutdown::Write)?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer)
}

/// Sends as many bytes.
fn send(to: &str, size: usize) -> io::Result<String> {
    let mut stream = TcpStream::connect(to)?;
    let chunk = [7; 4096];
    let mut left = size;
    while left > 0 {
        let now = left.min(chunk.len());
        stream.write_all(&chunk[..now])?;
        left -= now;
    }
    Ok(format!("sent {size}"))
}

fn bind(at: &str) -> io::Result<String> {
    let listener = TcpListener::bind(at)?;
    let port = listener.local_addr()?.port();
    Ok(if port == 0 { "no port" } else { "listening" }.into())
}

/// Sends back what this number of clients sends.
fn echo(at: &str, clients: usize) -> io::Result<String> {
    let listener = TcpListener::bind(at)?;
    println!("{}", listener.local_addr()?);
    let mut bytes = 0;
    for _ in 0..clients {
        let (mut stream, _) = listener.accept()?;
        let mut buffer = [0; 4096];
        loop {
            match stream.read(&mut buffer)? {
                0 => break,
                length => {
                    stream.write_all(&buffer[..length])?;
                    bytes += length;
                }
            }
        }
    }
    Ok(format!("echoed {bytes}"))
}

/// Listens and never accepts.
fn listen(at: &str) -> io::Result<String> {
    let listener = TcpListener::bind(at)?;
    println!("{}", listener.local_addr()?);
    loop {
        thread::sleep(Duration::from_secs(1));
    }
}

fn udp_bind(at: &str) -> io::Result<String> {
    UdpSocket::bind(at)?;
    Ok("bound".into())
}

/// Sends back this number of datagrams.
fn udp_echo(at: &str, count: usize) -> io::Result<String> {
    let socket = UdpSocket::bind(at)?;
    println!("{}", socket.local_addr()?);
    let mut bytes = 0;
    for _ in 0..count {
        let mut buffer = [0; 2048];
        let (length, from) = socket.recv_from(&mut buffer)?;
        socket.send_to(&buffer[..length], from)?;
        bytes += length;
    }
    Ok(format!("echoed {bytes}"))
}

/// Sends datagrams, each to its own address if it is written `ADDRESS=TEXT`, and waits for an answer to each that went.
fn udp(from: &str, to: &str, messages: &[&str]) -> io::Result<String> {
    let socket = UdpSocket::bind(from)?;
    let mut answers = Vec::new();
    for message in messages {
        let (to, text) = message.split_once('=').unwrap_or((to, message));
        answers.push(match socket.send_to(text.as_bytes(), to) {
            Ok(_) => {
                let mut buffer = [0; 2048];
                let (length, _) = socket.recv_from(&mut buffer)?;
                String::from_utf8_lossy(&buffer[..length]).into_owned()
            }
            Err(error) => format!("{:?}", error.kind()),
        });
    }
    Ok(answers.join(", "))
}

/// How many addresses a name has, and whether the first is of this machine.
fn resolve(name: &str) -> io::Result<String> {
    let found: Vec<_> = (name, 0).to_socket_addrs()?.collect();
    let first = found.first().map(|address| address.ip());
    Ok(match first {
        Some(ip) if ip.is_loopback() => "loopback".into(),
        Some(ip) => ip.to_string(),
        None => "nothing".into(),
    })
}

/// Looks a name up, and connects to each address that it has until one accepts.
fn fetch(name: &str, port: u16) -> io::Result<String> {
    let mut last = io::ErrorKind::NotFound.into();
    for address in (name, port).to_socket_addrs()? {
        match TcpStream::connect(address) {
            Ok(_) => return Ok("connected".into()),
            Err(error) => last = error,
        }
    }
    Err(last)
}

/// Makes this number of sockets, or as many as it may, and holds them all.
fn sockets(most: usize) -> io::Result<String> {
    let mut held = Vec::new();
    for _ in 0..most {
        match UdpSocket::bind("0.0.0.0:0") {
            Ok(socket) => held.push(socket),
            Err(error) => return Ok(format!("{} and then {error}", held.len())),
        }
    }
    Ok(format!("{}", held.len()))
}

/// Makes this number of sockets one after the other.
fn again(most: usize) -> io::Result<String> {
    for _ in 0..most {
        UdpSocket::bind("0.0.0.0:0")?;
    }
    Ok(format!("{most}"))
}

/// Connects, says so, and waits for ever.
fn hold(to: &str) -> io::Result<String> {
    let mut stream = TcpStream::connect(to)?;
    println!("connected");
    stream.read_exact(&mut [0])?;
    Ok("read".into())
}
