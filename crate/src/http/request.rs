//! A request that a run serves.

use crate::error::{Error, ErrorCode, Result};
use crate::stdio::InputPipe;
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Uri};
use http_body::{Body, Frame, SizeHint};
use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

/// How much of a body a guest is given at a time.
const CHUNK: usize = 64 * 1024;

/// A request from a client: its head was checked.
#[derive(Debug)]
pub struct ServedRequest(Request<RequestBody>);

impl ServedRequest {
    /// A request of this method to this absolute URL, whose body comes through a pipe, if it has one.
    ///
    /// # Errors
    ///
    /// [`ErrorCode::InvalidOption`] for what HTTP does not have.
    pub fn new<'a>(
        method: &str,
        (scheme, authority, path): (&str, &str, &str),
        headers: impl Iterator<Item = (&'a [u8], &'a [u8])>,
        body: Option<Arc<InputPipe>>,
    ) -> Result<Self> {
        let uri = Uri::builder()
            .scheme(scheme)
            .authority(authority)
            .path_and_query(path)
            .build();
        let uri = uri.map_err(|_| invalid("URL", format!("{scheme}://{authority}{path}")))?;
        let known = Method::from_bytes(method.as_bytes());
        let method = known.map_err(|_| invalid("method", method.to_owned()))?;
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            let shown = || String::from_utf8_lossy(name).into_owned();
            let key = HeaderName::from_bytes(name).map_err(|_| invalid("header", shown()))?;
            let value = HeaderValue::from_bytes(value)
                .map_err(|_| invalid("header", format!("{} with its value", shown())))?;
            let added = map.try_append(key, value);
            added.map_err(|_| invalid("header", "more headers than a request can have".into()))?;
        }
        let mut request = Request::new(RequestBody {
            pipe: body,
            cap: None,
        });
        *request.method_mut() = method;
        *request.uri_mut() = uri;
        *request.headers_mut() = map;
        Ok(Self(request))
    }

    /// The guest gets at most this many bytes of the body. `exceeded` is called instead of giving it more, and stops the run.
    pub(crate) fn limit_body(&mut self, most: u64, exceeded: impl Fn() + Send + 'static) {
        self.0.body_mut().cap = Some(BodyCap {
            left: most,
            exceeded: Box::new(exceeded),
        });
    }

    pub(crate) fn into_request(self) -> Request<RequestBody> {
        self.0
    }

    pub(crate) fn is_tls(&self) -> bool {
        self.0.uri().scheme() == Some(&http::uri::Scheme::HTTPS)
    }

    /// Whether the response to it has no body, whatever its head says.
    pub(super) fn wants_head_only(&self) -> bool {
        self.0.method() == Method::HEAD
    }
}

fn invalid(what: &str, shown: String) -> Error {
    let mut shown: String = shown.chars().take(80).collect();
    shown = shown.escape_debug().to_string();
    let message = format!("the request has a {what} that HTTP does not allow: {shown}");
    Error::new(ErrorCode::InvalidOption, message)
}

/// The body of a request, as the guest asks for it.
pub(crate) struct RequestBody {
    pipe: Option<Arc<InputPipe>>,
    cap: Option<BodyCap>,
}

/// How much of a body may be read, and what happens beyond that.
struct BodyCap {
    left: u64,
    exceeded: Box<dyn Fn() + Send>,
}

impl BodyCap {
    /// Whether as many bytes may be read.
    fn admits(&mut self, bytes: usize) -> bool {
        let left = self.left.checked_sub(bytes as u64);
        match left {
            Some(left) => self.left = left,
            None => (self.exceeded)(),
        }
        left.is_some()
    }
}

impl std::fmt::Debug for RequestBody {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("RequestBody")
    }
}

impl Body for RequestBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<std::result::Result<Frame<Bytes>, Infallible>>> {
        let Self { pipe, cap } = &mut *self;
        let Some(pipe) = pipe else {
            return Poll::Ready(None);
        };
        ready!(pipe.poll_ready(context));
        // Nobody else reads from it: what is ready is bytes or the end.
        let Some(bytes) = pipe.read(CHUNK) else {
            return Poll::Ready(None);
        };
        let is_admitted = cap.as_mut().is_none_or(|cap| cap.admits(bytes.len()));
        match is_admitted {
            true => Poll::Ready(Some(Ok(Frame::data(bytes)))),
            // The run is about to end.
            false => Poll::Pending,
        }
    }

    fn is_end_stream(&self) -> bool {
        self.pipe.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        match self.pipe {
            Some(_) => SizeHint::default(),
            None => SizeHint::with_exact(0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::ServedRequest;
    use crate::error::ErrorCode;

    fn request<'a>(
        method: &str,
        (scheme, authority, path): (&str, &str, &str),
        headers: &[(&'a [u8], &'a [u8])],
    ) -> Option<ServedRequest> {
        let url = (scheme, authority, path);
        match ServedRequest::new(method, url, headers.iter().copied(), None) {
            Ok(request) => Some(request),
            Err(error) => {
                assert_eq!(error.code(), ErrorCode::InvalidOption);
                None
            }
        }
    }

    const URL: (&str, &str, &str) = ("https", "a.example:8443", "/path?q=1");

    #[test]
    fn a_request_has_what_it_was_made_of() {
        let headers: [(&[u8], &[u8]); 2] = [(b"X-A", b"1"), (b"x-a", b"\xe9")];
        let request = request("PROPFIND", URL, &headers).expect("a request");
        assert!(request.is_tls() && !request.wants_head_only());
        let request = request.into_request();
        assert_eq!(request.uri(), "https://a.example:8443/path?q=1");
        let values: Vec<_> = request.headers().get_all("x-a").iter().collect();
        assert_eq!(values, ["1".as_bytes(), b"\xe9"]);
        assert!(super::Body::is_end_stream(request.body()));
    }

    #[test]
    fn what_http_does_not_have_is_refused() {
        for method in ["", "GET /", "G\u{e9}T", "A\r\nB"] {
            assert!(request(method, URL, &[]).is_none(), "{method:?}");
        }
        for url in [
            ("http", "", "/"),
            ("http", "a b", "/"),
            ("http", "a", "/ b"),
            ("http", "a", "/\r\n"),
            ("http", "a/b", "/"),
        ] {
            assert!(request("GET", url, &[]).is_none(), "{url:?}");
        }
        let bad: [(&[u8], &[u8]); 5] = [
            (b"", b"x"),
            (b"a b", b"x"),
            (b"a:", b"x"),
            (b"a", b"x\r\ny: z"),
            (b"a", b"\0"),
        ];
        for header in bad {
            assert!(request("GET", URL, &[header]).is_none(), "{header:?}");
        }
    }
}
