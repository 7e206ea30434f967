//! What is granted of the network, and no more.

use crate::host::{Text, args, block_on, load, load_real, runtime};
use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::sync::Arc;
use std::thread;
use wasiexec::{
    ErrorCode, Host, Limits, NamePattern, Network, NetworkUsage, Outcome, Protocol, Rule,
    RunOptions, Subnet,
};

fn at(protocol: Protocol, address: SocketAddr) -> Rule {
    Rule {
        protocol,
        host: Host::Subnet(Subnet::new(address.ip(), 128)),
        ports: vec![address.port()..=address.port()],
    }
}

/// What a real guest does with this network.
fn run(guest: &'static str, words: &[&str], network: Option<Network>) -> Outcome {
    let options = RunOptions {
        network: network.map(Arc::new),
        ..args(words)
    };
    block_on(runtime().run(&load_real(guest), options)).expect("an outcome")
}

/// A server that sends back what one client sends, and its address.
fn echo_once() -> (SocketAddr, thread::JoinHandle<Vec<u8>>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a listener");
    let address = listener.local_addr().expect("an address");
    let served = thread::spawn(move || {
        let (mut client, _) = listener.accept().expect("a client");
        let mut got = Vec::new();
        client.read_to_end(&mut got).expect("its bytes");
        client.write_all(&got).expect("an answer");
        got
    });
    (address, served)
}

#[test]
fn connections_are_made_to_what_is_allowed_and_counted() {
    for guest in ["net", "net-p3"] {
        let (address, served) = echo_once();
        let allow = vec![at(Protocol::Tcp, address)];
        let to = address.to_string();
        let network = Network {
            allow,
            ..Network::default()
        };
        let outcome = run(guest, &["get", &to, "hello"], Some(network));
        assert_eq!(outcome.stdout(), format!("{to}: hello\n"), "{guest}");
        assert_eq!(served.join().expect("served"), b"hello");
        let used = NetworkUsage {
            received: 5,
            sent: 5,
        };
        assert_eq!(outcome.usage.network, Some(used), "{guest}");
    }
}

#[test]
fn nothing_is_reached_without_a_rule_for_the_protocol() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a listener");
    let address = listener.local_addr().expect("an address");
    listener
        .set_nonblocking(true)
        .expect("a listener that does not wait");
    let to = address.to_string();
    let udp = Network {
        allow: vec![at(Protocol::Udp, address)],
        listen: vec![at(Protocol::Tcp, address)],
        dns: vec![NamePattern::Any],
    };
    for (guest, refused) in [
        ("net", "PermissionDenied"),
        ("net-p3", "ErrorCode::AccessDenied"),
    ] {
        for network in [None, Some(Network::default()), Some(udp.clone())] {
            let used = network.as_ref().map(|_| NetworkUsage::default());
            let outcome = run(guest, &["get", &to, "hello"], network);
            assert_eq!(outcome.stdout(), format!("{to}: {refused}\n"), "{guest}");
            assert_eq!(outcome.usage.network, used);
        }
    }
    assert!(listener.accept().is_err(), "nobody has connected");
}

#[test]
fn datagrams_go_to_what_is_allowed() {
    let [yes, no] = [0; 2].map(|_| UdpSocket::bind("127.0.0.1:0").expect("a socket"));
    let [to, other] = [&yes, &no].map(|socket| socket.local_addr().expect("an address"));
    let answers = thread::spawn(move || {
        let mut buffer = [0; 16];
        let (length, from) = yes.recv_from(&mut buffer).expect("a datagram");
        yes.send_to(&buffer[..length], from).expect("an answer");
    });
    let network = Network {
        allow: vec![at(Protocol::Udp, to), at(Protocol::Tcp, other)],
        ..Network::default()
    };
    let words = [
        "udp",
        "0.0.0.0:0",
        &to.to_string(),
        "yes",
        &format!("{other}=no"),
    ];
    let outcome = run("net", &words, Some(network));
    assert_eq!(outcome.stdout(), format!("{to}: yes, PermissionDenied\n"));
    answers.join().expect("answered");
    no.set_nonblocking(true)
        .expect("a socket that does not wait");
    assert!(no.recv(&mut [0; 16]).is_err(), "nothing has come");
}

#[test]
fn sockets_of_a_run_that_is_stopped_are_closed() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a listener");
    let address = listener.local_addr().expect("an address");
    let network = Network {
        allow: vec![at(Protocol::Tcp, address)],
        ..Network::default()
    };
    let to = address.to_string();
    let options = RunOptions {
        network: Some(Arc::new(network)),
        limits: Limits {
            timeout: Some(std::time::Duration::from_millis(500)),
            ..Limits::default()
        },
        ..args(&["hold", &to])
    };
    let closed = thread::spawn(move || {
        let (mut client, _) = listener.accept().expect("a client");
        // Its end, or a reset.
        client.read(&mut [0; 16]).unwrap_or(0)
    });
    let outcome = block_on(runtime().run(&load_real("net"), options)).expect("an outcome");
    assert_eq!(outcome.stdout(), "connected\n");
    assert_eq!(closed.join().expect("closed"), 0);
}

#[test]
fn modules_are_refused_a_network() {
    let options = RunOptions {
        network: Some(Arc::default()),
        ..RunOptions::default()
    };
    let refused = block_on(runtime().run(&load("hello"), options)).expect_err("refused");
    assert_eq!(refused.code(), ErrorCode::InvalidOption);
    assert!(refused.message().contains("core module"), "{refused}");
}

#[test]
fn a_listener_of_a_guest_serves_whoever_can_reach_it() {
    // A port that is free, which the guest then takes.
    let free = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr());
    let address = free.expect("a free port");
    for guest in ["net", "net-p3"] {
        let client = thread::spawn(move || {
            let mut stream = loop {
                if let Ok(stream) = TcpStream::connect(address) {
                    break stream;
                }
                thread::yield_now();
            };
            stream.write_all(b"to the guest").expect("written");
            stream.shutdown(std::net::Shutdown::Write).expect("ended");
            let mut got = String::new();
            stream.read_to_string(&mut got).expect("an answer");
            got
        });
        let network = Network {
            listen: vec![Rule {
                protocol: Protocol::Tcp,
                host: Host::Subnet(Subnet::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 8)),
                ports: vec![1..=65_535],
            }],
            ..Network::default()
        };
        let at = address.to_string();
        let outcome = run(guest, &["echo", &at, "1"], Some(network));
        assert_eq!(client.join().expect("served"), "to the guest");
        assert_eq!(
            outcome.stdout(),
            format!("{at}\n{at}: echoed 12\n"),
            "{guest}"
        );
    }
}
