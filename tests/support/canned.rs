//! An HTTP server that says what a test tells it to: the answers that moto never gives.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

/// A server on loopback for as long as the test binary runs.
pub(crate) struct Canned {
    url: String,
    requests: Arc<Mutex<Vec<Request>>>,
}

/// What came.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    /// Request line and headers, as they came.
    pub(crate) head: String,
    /// The body, as it came.
    pub(crate) body: String,
}

/// What goes back.
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) content_type: &'static str,
    pub(crate) body: String,
    pub(crate) location: Option<String>,
}

impl Reply {
    fn of(status: u16, content_type: &'static str, body: impl Into<String>) -> Self {
        Self { status, content_type, body: body.into(), location: None }
    }

    pub(crate) fn xml(status: u16, body: impl Into<String>) -> Self {
        Self::of(status, "text/xml;charset=UTF-8", body)
    }

    pub(crate) fn json(status: u16, body: impl Into<String>) -> Self {
        Self::of(status, "application/json", body)
    }

    pub(crate) fn redirect(location: &str) -> Self {
        Self { location: Some(location.to_owned()), ..Self::of(302, "text/plain", "") }
    }

    /// The connection ends without a word.
    pub(crate) fn nothing() -> Self {
        Self::of(0, "", "")
    }

    pub(crate) fn html(status: u16, body: impl Into<String>) -> Self {
        Self::of(status, "text/html", body)
    }
}

impl Canned {
    /// Answers each request with what `answer` makes of it.
    pub(crate) fn start(answer: impl Fn(&Request) -> Reply + Send + 'static) -> Self {
        Self::start_on(("127.0.0.1", 0), answer)
    }

    /// The same on an address of loopback and a port of one's own.
    pub(crate) fn start_on(
        address: (&str, u16),
        answer: impl Fn(&Request) -> Reply + Send + 'static,
    ) -> Self {
        let listener = TcpListener::bind(address).unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let requests = Arc::new(Mutex::new(Vec::new()));
        let log = Arc::clone(&requests);
        thread::spawn(move || {
            for stream in listener.incoming() {
                // A client that gives up is the client's affair.
                let _ = serve(stream.unwrap(), &log, &answer);
            }
        });
        Self { url, requests }
    }

    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// All that came so far.
    pub(crate) fn requests(&self) -> Vec<Request> {
        self.requests.lock().unwrap().clone()
    }
}

fn serve(
    stream: TcpStream,
    log: &Mutex<Vec<Request>>,
    answer: &impl Fn(&Request) -> Reply,
) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream);
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if reader.read_line(&mut head)? == 0 {
            return Ok(());
        }
    }
    let length = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse().ok())?
    });
    let mut body = vec![0; length.unwrap_or(0)];
    reader.read_exact(&mut body)?;
    let request = Request { head, body: String::from_utf8_lossy(&body).into_owned() };
    log.lock().unwrap().push(request.clone());
    let Reply { status, content_type, body, location } = answer(&request);
    if status == 0 {
        return Ok(());
    }
    let location = location.map(|it| format!("Location: {it}\r\n")).unwrap_or_default();
    write!(
        reader.get_mut(),
        "HTTP/1.1 {status} canned\r\nx-amzn-RequestId: req-1\r\nContent-Type: {content_type}\r\n\
         {location}Content-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    )
}
