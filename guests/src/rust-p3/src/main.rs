//! A guest that uses the network of WASI 0.3, for tests. Its first argument chooses what it does; each result is a line.
use std::env;
use wasip3::sockets::ip_name_lookup::resolve_addresses;
use wasip3::sockets::types::{
    ErrorCode, IpAddress, IpAddressFamily, IpSocketAddress, Ipv4SocketAddress, TcpSocket, UdpSocket,
};
use wasip3::wit_bindgen::{StreamReader, StreamResult};
use wasip3::{cli, wit_stream};

cli::command::export!(Guest);

struct Guest;

impl wasip3::exports::cli::run::Guest for Guest {
    async fn run() -> Result<(), ()> {
        let args: Vec<String> = env::args().skip(1).collect();
        let words: Vec<&str> = args.iter().map(String::as_str).collect();
        let (what, result) = match words[..] {
            ["get", to, text] => (to, get(to, text).await),
            ["bind", at] => (at, bind(at)),
            ["echo", at, clients] => (at, echo(at, clients.parse().unwrap()).await),
            ["hoard", at, clients] => (at, hoard(at, clients.parse().unwrap()).await),
            ["udp", to, text] => (to, udp(to, text).await),
            ["resolve", name] => (name, resolve(name).await),
            ["streams", to, most] => ("streams", streams(to, most.parse().unwrap()).await),
            ["again", to, most] => ("again", again(to, most.parse().unwrap()).await),
            ref other => panic!("unknown arguments {other:?}"),
        };
        match result {
            Ok(text) => println!("{what}: {text}"),
            Err(error) => println!("{what}: {error:?}"),
        }
        Ok(())
    }
}

type Answer = Result<String, ErrorCode>;

/// `127.0.0.1:80`.
fn address(text: &str) -> IpSocketAddress {
    let address: std::net::SocketAddrV4 = text.parse().unwrap();
    let [a, b, c, d] = address.ip().octets();
    IpSocketAddress::Ipv4(Ipv4SocketAddress {
        port: address.port(),
        address: (a, b, c, d),
    })
}

fn tcp() -> Result<TcpSocket, ErrorCode> {
    TcpSocket::create(IpAddressFamily::Ipv4)
}

/// Sends a text, ends its side, and returns all that comes back.
async fn get(to: &str, text: &str) -> Answer {
    let socket = tcp()?;
    socket.connect(address(to)).await?;
    let (mut writer, reader) = wit_stream::new();
    let sent = socket.send(reader);
    let (data, received) = socket.receive();
    let left = writer.write_all(text.as_bytes().to_vec()).await;
    assert!(left.is_empty());
    drop(writer);
    let answer = String::from_utf8(data.collect().await).unwrap();
    sent.await?;
    received.await?;
    Ok(answer)
}

fn listener(at: &str) -> Result<(TcpSocket, StreamReader<TcpSocket>), ErrorCode> {
    let socket = tcp()?;
    socket.bind(address(at))?;
    let clients = socket.listen()?;
    Ok((socket, clients))
}

fn bind(at: &str) -> Answer {
    listener(at).map(|_| "listening".into())
}

fn say_address(socket: &TcpSocket) {
    if let Ok(IpSocketAddress::Ipv4(at)) = socket.get_local_address() {
        let (a, b, c, d) = at.address;
        println!("{a}.{b}.{c}.{d}:{}", at.port);
    }
}

/// Sends back what this number of clients sends.
async fn echo(at: &str, clients: usize) -> Answer {
    let (socket, mut accepted) = listener(at)?;
    say_address(&socket);
    let mut bytes = 0;
    for _ in 0..clients {
        let client = accepted.next().await.unwrap();
        let (mut data, _) = client.receive();
        let (mut writer, reader) = wit_stream::new();
        let sent = client.send(reader);
        loop {
            let (result, chunk) = data.read(Vec::with_capacity(4096)).await;
            bytes += chunk.len();
            if !chunk.is_empty() {
                assert!(writer.write_all(chunk).await.is_empty());
            }
            if result == StreamResult::Dropped {
                break;
            }
        }
        drop(writer);
        sent.await?;
    }
    Ok(format!("echoed {bytes}"))
}

/// Accepts this number of clients and keeps them all.
async fn hoard(at: &str, clients: usize) -> Answer {
    let (socket, mut accepted) = listener(at)?;
    say_address(&socket);
    let mut held = Vec::new();
    while held.len() < clients {
        held.push(accepted.next().await.unwrap());
        println!("{}", held.len());
    }
    Ok("all".into())
}

async fn udp(to: &str, text: &str) -> Answer {
    let socket = UdpSocket::create(IpAddressFamily::Ipv4)?;
    socket.send(text.as_bytes().to_vec(), Some(address(to))).await?;
    let (data, _) = socket.receive().await?;
    Ok(String::from_utf8(data).unwrap())
}

async fn resolve(name: &str) -> Answer {
    Ok(match resolve_addresses(name.into()).await {
        Ok(found) if matches!(found[..], [IpAddress::Ipv4((127, ..)), ..]) => "loopback".into(),
        Ok(found) => format!("{} addresses", found.len()),
        Err(error) => format!("{error:?}"),
    })
}

/// Connects again and again, and keeps the streams but not the sockets.
async fn streams(to: &str, most: usize) -> Answer {
    let mut held = Vec::new();
    while held.len() < most {
        let socket = match tcp() {
            Ok(socket) => socket,
            Err(error) => return Ok(format!("{} and then {error:?}", held.len())),
        };
        socket.connect(address(to)).await?;
        held.push(socket.receive());
    }
    Ok(format!("{}", held.len()))
}

/// Connects again and again, and keeps nothing.
async fn again(to: &str, most: usize) -> Answer {
    for _ in 0..most {
        let socket = tcp()?;
        socket.connect(address(to)).await?;
        let (data, _) = socket.receive();
        drop(socket);
        drop(data);
    }
    Ok(format!("{most}"))
}

fn main() {
    unreachable!("only `run` of 0.3 is called")
}
