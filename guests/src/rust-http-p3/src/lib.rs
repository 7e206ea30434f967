//! A guest that serves and sends HTTP with WASI 0.3, for tests. The path of a request chooses what it does.
use wasip3::clocks::monotonic_clock::wait_for;
use wasip3::exports::http::handler::Guest;
use wasip3::http::client;
use wasip3::http::types::{ErrorCode, Fields, Method, Request, Response, Scheme};
use wasip3::wit_bindgen::{StreamReader, StreamResult, StreamWriter, spawn_local};
use wasip3::{wit_future, wit_stream};

wasip3::http::service::export!(Handler);

struct Handler;

impl Guest for Handler {
    async fn handle(request: Request) -> Result<Response, ErrorCode> {
        let target = request.get_path_with_query().unwrap_or_default();
        let (path, query) = target.split_once('?').unwrap_or((&target, ""));
        let words: Vec<&str> = path.split('/').skip(1).collect();
        Ok(match words[..] {
            [""] => answer(b"hello\n"),
            ["echo"] => echo(request),
            ["head"] => {
                let text = head(&request);
                answer(text.as_bytes())
            }
            ["trap"] => core::arch::wasm32::unreachable(),
            ["trap-after"] => {
                let (response, mut body) = begin(Fields::new());
                spawn_local(async move {
                    body.write_all(b"before the trap\n".to_vec()).await;
                    core::arch::wasm32::unreachable()
                });
                response
            }
            ["loop"] => spin(),
            ["loop-after"] => {
                let (response, mut body) = begin(Fields::new());
                spawn_local(async move {
                    body.write_all(b"before the loop\n".to_vec()).await;
                    spin()
                });
                response
            }
            ["error"] => {
                let secret = Some("a secret of the guest".to_owned());
                return Err(ErrorCode::InternalError(secret));
            }
            ["big", size] => big(size.parse().unwrap()),
            ["length", says, writes] => length(says, writes.parse().unwrap()),
            ["trailers", size] => trailers(query, size.parse().unwrap()),
            ["count"] => {
                let count = count(request).await;
                answer(format!("{count}\n").as_bytes())
            }
            // Goes on after its response.
            ["later", ms] => {
                let wait: u64 = ms.parse().unwrap();
                spawn_local(async move {
                    wait_for(wait * 1_000_000).await;
                    println!("later");
                });
                answer(b"now\n")
            }
            ["fetch"] => match client::send(request_to(query)).await {
                Ok(response) => answer(text_of(response).await.as_bytes()),
                Err(error) => answer(format!("{error:?}").as_bytes()),
            },
            _ => answer(b"no such path\n"),
        })
    }
}

fn spin() -> ! {
    loop {
        std::hint::black_box(());
    }
}

/// A response whose body is still to be written.
fn begin(fields: Fields) -> (Response, StreamWriter<u8>) {
    let (body, reader) = wit_stream::new();
    let (trailers, no_trailers) = wit_future::new(|| Ok(None));
    drop(trailers);
    let (response, _) = Response::new(fields, Some(reader), no_trailers);
    (response, body)
}

fn answer(text: &[u8]) -> Response {
    let (response, mut body) = begin(Fields::new());
    let text = text.to_vec();
    spawn_local(async move {
        body.write_all(text).await;
    });
    response
}

fn body_of(request: Request) -> StreamReader<u8> {
    let (done, is_done) = wit_future::new(|| Ok(()));
    drop(done);
    Request::consume_body(request, is_done).0
}

/// Calls `with` for each chunk.
async fn read(mut stream: StreamReader<u8>, mut with: impl AsyncFnMut(Vec<u8>)) {
    loop {
        let (result, chunk) = stream.read(Vec::with_capacity(65536)).await;
        if !chunk.is_empty() {
            with(chunk).await;
        }
        if !matches!(result, StreamResult::Complete(_)) {
            return;
        }
    }
}

fn echo(request: Request) -> Response {
    let from = body_of(request);
    let (response, mut to) = begin(Fields::new());
    spawn_local(async move {
        read(from, async |chunk| {
            to.write_all(chunk).await;
        })
        .await;
    });
    response
}

async fn count(request: Request) -> usize {
    let mut count = 0;
    read(body_of(request), async |chunk| count += chunk.len()).await;
    count
}

fn head(request: &Request) -> String {
    let method = match request.get_method() {
        Method::Get => "GET".to_owned(),
        Method::Post => "POST".to_owned(),
        other => format!("{other:?}"),
    };
    let mut text = format!(
        "{method} {} {} {}\n",
        match request.get_scheme() {
            Some(Scheme::Http) => "http",
            Some(Scheme::Https) => "https",
            _ => "other",
        },
        request.get_authority().unwrap_or_default(),
        request.get_path_with_query().unwrap_or_default(),
    );
    for (name, value) in request.get_headers().copy_all() {
        text.push_str(&format!("{name}: {}\n", value.escape_ascii()));
    }
    text
}

fn big(size: usize) -> Response {
    let (response, mut body) = begin(Fields::new());
    spawn_local(async move {
        let mut left = size;
        while left > 0 {
            let length = left.min(65536);
            if !body.write_all(vec![b'x'; length]).await.is_empty() {
                return;
            }
            left -= length;
        }
    });
    response
}

/// A body of so many bytes; each pair of the query is a trailer.
fn trailers(query: &str, size: usize) -> Response {
    let (fields, announced) = (Fields::new(), Fields::new());
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        fields.append(name, value.as_bytes()).unwrap();
        announced.append("trailer", name.as_bytes()).unwrap();
    }
    let (mut body, reader) = wit_stream::new();
    let (trailers, told) = wit_future::new(|| Ok(None));
    let (response, _) = Response::new(announced, Some(reader), told);
    spawn_local(async move {
        body.write_all(vec![b'x'; size]).await;
        drop(body);
        let _ = trailers.write(Ok(Some(fields))).await;
    });
    response
}

/// A response that says another length than its body has.
fn length(says: &str, writes: usize) -> Response {
    let fields = Fields::new();
    fields.append("content-length", says.as_bytes()).unwrap();
    let (response, mut body) = begin(fields);
    spawn_local(async move {
        body.write_all(vec![b'y'; writes]).await;
    });
    response
}

fn request_to(url: &str) -> Request {
    let (scheme, rest) = url.split_once("://").unwrap();
    let (authority, path) = match rest.find('/') {
        Some(at) => rest.split_at(at),
        None => (rest, "/"),
    };
    let (trailers, no_trailers) = wit_future::new(|| Ok(None));
    drop(trailers);
    let (request, _) = Request::new(Fields::new(), None, no_trailers, None);
    let scheme = match scheme {
        "https" => Scheme::Https,
        _ => Scheme::Http,
    };
    request.set_scheme(Some(&scheme)).unwrap();
    request.set_authority(Some(authority)).unwrap();
    request.set_path_with_query(Some(path)).unwrap();
    request
}

async fn text_of(response: Response) -> String {
    let mut text = format!("{} ", response.get_status_code());
    let (done, is_done) = wit_future::new(|| Ok(()));
    drop(done);
    let (body, _) = Response::consume_body(response, is_done);
    read(body, async |chunk| {
        text.push_str(&String::from_utf8_lossy(&chunk))
    })
    .await;
    text
}
