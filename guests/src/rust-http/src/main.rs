//! A guest that serves and sends HTTP with WASI 0.2, for tests. The path of a request chooses what it does. As a command
//! it sends a request: `METHOD URL [BODY]`, or `again COUNT URL`.
use std::io::Write;
use wasip2::clocks::monotonic_clock;
use wasip2::exports::http::incoming_handler::Guest;
use wasip2::http::outgoing_handler;
use wasip2::http::types::{
    ErrorCode, Fields, FutureIncomingResponse, IncomingBody, IncomingRequest, IncomingResponse,
    Method, OutgoingBody, OutgoingRequest, OutgoingResponse, ResponseOutparam, Scheme,
};
use wasip2::io::streams::{InputStream, OutputStream, StreamError};

wasip2::http::proxy::export!(Handler);

struct Handler;

impl Guest for Handler {
    fn handle(request: IncomingRequest, out: ResponseOutparam) {
        let target = request.path_with_query().unwrap_or_default();
        let (path, query) = target.split_once('?').unwrap_or((&target, ""));
        let words: Vec<&str> = path.split('/').skip(1).collect();
        match words[..] {
            [""] => answer(out, 200, b"hello\n"),
            ["echo"] => echo(request, out),
            ["head"] => answer(out, 200, head(&request).as_bytes()),
            ["status", code] => answer(out, code.parse().unwrap(), b"with a status\n"),
            // Each pair of the query is a header; what is refused is in the body.
            ["headers"] => headers(query, out),
            // A body of so many bytes; each pair of the query is a trailer.
            ["trailers", size] => trailers(query, out, size.parse().unwrap()),
            // So many headers of so many bytes.
            ["many", count, size] => many(out, count.parse().unwrap(), size.parse().unwrap()),
            ["trap"] => core::arch::wasm32::unreachable(),
            ["trap-after"] => {
                let _body = begin(out, b"before the trap\n");
                core::arch::wasm32::unreachable()
            }
            ["trap-finished"] => {
                answer(out, 200, b"finished\n");
                core::arch::wasm32::unreachable()
            }
            ["loop"] => spin(),
            ["loop-after"] => {
                let _body = begin(out, b"before the loop\n");
                spin()
            }
            ["loop-finished"] => {
                answer(out, 200, b"finished\n");
                spin()
            }
            ["exit", code] => wasip2::cli::exit::exit(if code == "0" { Ok(()) } else { Err(()) }),
            ["exit-after"] => {
                let _body = begin(out, b"before the exit\n");
                wasip2::cli::exit::exit(Ok(()))
            }
            ["none"] => {}
            ["error"] => {
                let secret = Some("a secret of the guest".to_owned());
                ResponseOutparam::set(out, Err(ErrorCode::InternalError(secret)));
            }
            ["big", size] => big(out, size.parse().unwrap()),
            // Neither finished nor aborted.
            ["unfinished"] => drop(begin(out, b"and then nothing")),
            ["leaked"] => std::mem::forget(begin(out, b"to the end\n")),
            ["length", says, writes] => length(out, says, writes.parse().unwrap()),
            ["print"] => {
                println!("on stdout");
                eprint!("on stderr");
                answer(out, 200, b"printed\n");
            }
            ["sleep", ms] => {
                sleep(ms.parse().unwrap());
                answer(out, 200, b"slept\n");
            }
            ["count"] => {
                let count = count(&request);
                answer(out, 200, format!("{count}\n").as_bytes());
            }
            ["grow", bytes] => {
                let held = vec![1_u8; bytes.parse().unwrap()];
                answer(
                    out,
                    200,
                    format!("{}\n", std::hint::black_box(&held).len()).as_bytes(),
                );
            }
            ["env"] => {
                let env: String = std::env::vars()
                    .map(|(k, v)| format!("{k}={v}\n"))
                    .collect();
                answer(out, 200, env.as_bytes());
            }
            ["files"] => {
                let text = std::fs::read_to_string(query).unwrap_or_else(|error| error.to_string());
                answer(out, 200, text.as_bytes());
            }
            ["fetch"] => fetch(out, query),
            ["forward"] => forward(request, out, query),
            _ => answer(out, 404, b"no such path\n"),
        }
    }
}

fn spin() -> ! {
    loop {
        std::hint::black_box(());
    }
}

fn sleep(ms: u64) {
    monotonic_clock::subscribe_duration(ms * 1_000_000).block();
}

fn respond(out: ResponseOutparam, status: u16, fields: Fields) -> OutgoingBody {
    let response = OutgoingResponse::new(fields);
    if response.set_status_code(status).is_err() {
        panic!("no status");
    }
    let body = response.body().unwrap();
    ResponseOutparam::set(out, Ok(response));
    body
}

fn answer(out: ResponseOutparam, status: u16, text: &[u8]) {
    let body = respond(out, status, Fields::new());
    finish(body, text);
}

fn finish(body: OutgoingBody, text: &[u8]) {
    let stream = body.write().unwrap();
    let _ = write(&stream, text);
    drop(stream);
    let _ = OutgoingBody::finish(body, None);
}

/// A response whose body goes on.
fn begin(out: ResponseOutparam, text: &[u8]) -> OutgoingBody {
    let body = respond(out, 200, Fields::new());
    let stream = body.write().unwrap();
    write(&stream, text).unwrap();
    drop(stream);
    body
}

fn write(stream: &OutputStream, text: &[u8]) -> Result<(), StreamError> {
    text.chunks(4096)
        .try_for_each(|chunk| stream.blocking_write_and_flush(chunk))
}

/// Calls `with` for each chunk; false if the stream has failed.
fn read(stream: &InputStream, mut with: impl FnMut(&[u8])) -> bool {
    loop {
        match stream.blocking_read(65536) {
            Ok(chunk) => with(&chunk),
            Err(StreamError::Closed) => return true,
            Err(StreamError::LastOperationFailed(_)) => return false,
        }
    }
}

fn echo(request: IncomingRequest, out: ResponseOutparam) {
    let body = request.consume().unwrap();
    let from = body.stream().unwrap();
    let to = respond(out, 200, Fields::new());
    let stream = to.write().unwrap();
    read(&from, |chunk| {
        let _ = write(&stream, chunk);
    });
    drop(stream);
    let _ = OutgoingBody::finish(to, None);
}

fn count(request: &IncomingRequest) -> usize {
    let body = request.consume().unwrap();
    let stream = body.stream().unwrap();
    let mut count = 0;
    read(&stream, |chunk| count += chunk.len());
    count
}

fn head(request: &IncomingRequest) -> String {
    let mut text = format!(
        "{} {} {} {}\n",
        name(&request.method()),
        match request.scheme() {
            Some(Scheme::Http) => "http",
            Some(Scheme::Https) => "https",
            _ => "other",
        },
        request.authority().unwrap_or_default(),
        request.path_with_query().unwrap_or_default(),
    );
    for (name, value) in request.headers().entries() {
        text.push_str(&format!("{name}: {}\n", value.escape_ascii()));
    }
    text
}

fn name(method: &Method) -> &str {
    match method {
        Method::Get => "GET",
        Method::Head => "HEAD",
        Method::Post => "POST",
        Method::Put => "PUT",
        Method::Delete => "DELETE",
        Method::Connect => "CONNECT",
        Method::Options => "OPTIONS",
        Method::Trace => "TRACE",
        Method::Patch => "PATCH",
        Method::Other(other) => other,
    }
}

fn headers(query: &str, out: ResponseOutparam) {
    let fields = Fields::new();
    let mut refused = String::new();
    for pair in query.split('&') {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let (name, value) = (decoded(name), decoded(value));
        let name = String::from_utf8_lossy(&name);
        if let Err(error) = fields.append(&name, &value) {
            refused.push_str(&format!("{name}: {error:?}\n"));
        }
    }
    let body = respond(out, 200, fields);
    finish(body, refused.as_bytes());
}

fn trailers(query: &str, out: ResponseOutparam, size: usize) {
    let (fields, announced) = (Fields::new(), Fields::new());
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        fields.append(name, &decoded(value)).unwrap();
        announced.append("trailer", name.as_bytes()).unwrap();
    }
    let body = respond(out, 200, announced);
    let stream = body.write().unwrap();
    let _ = write(&stream, &vec![b'x'; size]);
    drop(stream);
    let _ = OutgoingBody::finish(body, Some(fields));
}

/// Without the escapes of URLs.
fn decoded(text: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'%' => {
                let mut digit = || char::from(rest.next().unwrap()).to_digit(16).unwrap() as u8;
                digit() * 16 + digit()
            }
            byte => byte,
        });
    }
    bytes
}

fn many(out: ResponseOutparam, count: usize, size: usize) {
    let fields = Fields::new();
    let mut made = 0;
    for number in 0..count {
        made += usize::from(
            fields
                .append(&format!("x-{number}"), &vec![b'v'; size])
                .is_ok(),
        );
    }
    finish(respond(out, 200, fields), format!("{made}\n").as_bytes());
}

fn big(out: ResponseOutparam, size: usize) {
    let body = respond(out, 200, Fields::new());
    let stream = body.write().unwrap();
    let chunk = [b'x'; 4096];
    let mut left = size;
    while left > 0 {
        let length = left.min(chunk.len());
        if stream.blocking_write_and_flush(&chunk[..length]).is_err() {
            // The host reads no more.
            println!("{left} bytes were left");
            return;
        }
        left -= length;
    }
    drop(stream);
    let _ = OutgoingBody::finish(body, None);
}

/// A response that says another length than its body has.
fn length(out: ResponseOutparam, says: &str, writes: usize) {
    let fields = Fields::new();
    fields.append("content-length", says.as_bytes()).unwrap();
    let body = respond(out, 200, fields);
    let stream = body.write().unwrap();
    let written = write(&stream, &vec![b'y'; writes]).is_ok();
    drop(stream);
    let finished = OutgoingBody::finish(body, None).is_ok();
    println!("{written} {finished}");
}

/// A request to a URL, without a body.
fn request_to(method: &str, url: &str) -> OutgoingRequest {
    let (scheme, rest) = url.split_once("://").unwrap_or(("", url));
    let (authority, path) = match rest.find('/') {
        Some(at) => rest.split_at(at),
        None => (rest, "/"),
    };
    let request = OutgoingRequest::new(Fields::new());
    let method = match method {
        "GET" => Method::Get,
        "HEAD" => Method::Head,
        "POST" => Method::Post,
        other => Method::Other(other.to_owned()),
    };
    let _ = request.set_method(&method);
    let scheme = match scheme {
        "http" => Some(Scheme::Http),
        "https" => Some(Scheme::Https),
        "" => None,
        other => Some(Scheme::Other(other.to_owned())),
    };
    let _ = request.set_scheme(scheme.as_ref());
    if request.set_authority(Some(authority)).is_err() {
        println!("no authority");
    }
    if request.set_path_with_query(Some(path)).is_err() {
        println!("no path");
    }
    request
}

fn wait(future: FutureIncomingResponse) -> Result<IncomingResponse, ErrorCode> {
    future.subscribe().block();
    future.get().unwrap().unwrap()
}

/// The names of errors, which say nothing else.
fn send(method: &str, url: &str, body: Option<&[u8]>) -> Result<IncomingResponse, ErrorCode> {
    let request = request_to(method, url);
    let to = body.map(|bytes| (request.body().unwrap(), bytes));
    let future = outgoing_handler::handle(request, None)?;
    if let Some((to, bytes)) = to {
        finish(to, bytes);
    }
    wait(future)
}

fn text_of(response: &IncomingResponse) -> String {
    let body = response.consume().unwrap();
    let stream = body.stream().unwrap();
    let mut bytes = Vec::new();
    let whole = read(&stream, |chunk| bytes.extend_from_slice(chunk));
    drop(stream);
    let _ = IncomingBody::finish(body);
    let text = String::from_utf8_lossy(&bytes);
    match whole {
        true => text.into_owned(),
        false => format!("{text} (broken off)"),
    }
}

fn fetch(out: ResponseOutparam, url: &str) {
    match send("GET", url, None) {
        Ok(response) => answer(out, response.status(), text_of(&response).as_bytes()),
        Err(error) => answer(out, 502, format!("{error:?}").as_bytes()),
    }
}

/// Sends the body on to a URL, and what comes back to the client.
fn forward(request: IncomingRequest, out: ResponseOutparam, url: &str) {
    let onward = request_to("POST", url);
    let to = onward.body().unwrap();
    let sent = match outgoing_handler::handle(onward, None) {
        Ok(sent) => sent,
        Err(error) => return answer(out, 502, format!("{error:?}").as_bytes()),
    };
    let body = request.consume().unwrap();
    let from = body.stream().unwrap();
    let stream = to.write().unwrap();
    read(&from, |chunk| {
        let _ = write(&stream, chunk);
    });
    drop(stream);
    let _ = OutgoingBody::finish(to, None);
    match wait(sent) {
        Ok(response) => {
            let to = respond(out, response.status(), Fields::new());
            let body = response.consume().unwrap();
            let from = body.stream().unwrap();
            let stream = to.write().unwrap();
            read(&from, |chunk| {
                let _ = write(&stream, chunk);
            });
            drop(stream);
            let _ = OutgoingBody::finish(to, None);
        }
        Err(error) => answer(out, 502, format!("{error:?}").as_bytes()),
    }
}

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = args.iter().map(String::as_str).collect();
    match words[..] {
        // So many requests at the same time, whose responses are kept.
        ["again", count, url] => {
            let sent: Vec<_> = (0..count.parse().unwrap())
                .map(|_| outgoing_handler::handle(request_to("GET", url), None))
                .collect();
            let mut kept = Vec::new();
            for sent in sent {
                match sent.and_then(wait) {
                    Ok(response) => {
                        println!("{}", response.status());
                        kept.push(response);
                    }
                    Err(error) => println!("{error:?}"),
                }
            }
        }
        [method, url] => print_response(send(method, url, None)),
        [method, url, body] => print_response(send(method, url, Some(body.as_bytes()))),
        ref other => panic!("unknown arguments {other:?}"),
    }
    let _ = std::io::stdout().flush();
}

fn print_response(response: Result<IncomingResponse, ErrorCode>) {
    match response {
        Ok(response) => {
            let location = response.headers().get("location");
            let location = location
                .first()
                .map(|value| String::from_utf8_lossy(value).into_owned());
            let status = response.status();
            println!(
                "{status} {}{}",
                location.map_or(String::new(), |to| format!("{to} ")),
                text_of(&response)
            );
        }
        Err(error) => println!("{error:?}"),
    }
}
