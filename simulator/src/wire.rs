//! A listener whose connections can be cut: the client then sees a closed socket, not a polite error.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};

use axum::extract::connect_info::Connected;
use axum::serve::{IncomingStream, Listener};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};

const OPEN: u64 = u64::MAX;

/// Decides how much a connection may still send.
#[derive(Clone, Debug)]
pub(crate) struct Scissors {
    /// [`OPEN`], or how many bytes of the next body may leave; one more than the number, zero cuts at once.
    left: Arc<AtomicU64>,
}

impl Scissors {
    fn new() -> Scissors {
        Scissors { left: Arc::new(AtomicU64::new(OPEN)) }
    }

    /// Sends nothing more.
    pub(crate) fn cut(&self) {
        self.left.store(0, Ordering::SeqCst);
    }

    /// Sends the head of the next answer and this many bytes of its body.
    pub(crate) fn cut_after(&self, bytes: usize) {
        let bytes = u64::try_from(bytes).unwrap_or(OPEN - 2).min(OPEN - 2);
        self.left.store(bytes + 1, Ordering::SeqCst);
    }
}

impl Connected<IncomingStream<'_, CuttableListener>> for Scissors {
    fn connect_info(stream: IncomingStream<'_, CuttableListener>) -> Scissors {
        stream.io().scissors.clone()
    }
}

/// Accepts connections that can be cut.
pub(crate) struct CuttableListener(pub(crate) TcpListener);

impl Listener for CuttableListener {
    type Io = CuttableStream;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (CuttableStream, SocketAddr) {
        let (stream, peer) = Listener::accept(&mut self.0).await;
        // Without this, small answers wait for the acknowledgement of earlier ones.
        stream.set_nodelay(true).ok();
        (CuttableStream { stream, scissors: Scissors::new(), head_sent: false }, peer)
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.0.local_addr()
    }
}

/// A connection with scissors at it.
pub(crate) struct CuttableStream {
    stream: TcpStream,
    scissors: Scissors,
    /// Whether the end of the head has passed since a cut was ordered.
    head_sent: bool,
}

fn cut() -> io::Error {
    io::Error::new(io::ErrorKind::ConnectionAborted, "cut by a fault")
}

fn end_of_head(bytes: &[u8]) -> Option<usize> {
    bytes.windows(4).position(|four| four == b"\r\n\r\n").map(|at| at + 4)
}

impl AsyncWrite for CuttableStream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let left = self.scissors.left.load(Ordering::SeqCst);
        if left == OPEN {
            return Pin::new(&mut self.stream).poll_write(context, bytes);
        }
        let head = if self.head_sent { 0 } else { end_of_head(bytes).unwrap_or(bytes.len()) };
        let body = usize::try_from(left.saturating_sub(1)).unwrap_or(usize::MAX);
        let allowed = head.saturating_add(body).min(bytes.len());
        if left == 0 || allowed == 0 {
            return Poll::Ready(Err(cut()));
        }
        let written = Pin::new(&mut self.stream).poll_write(context, &bytes[..allowed]);
        if let Poll::Ready(Ok(count)) = &written {
            self.head_sent |= end_of_head(bytes).is_some_and(|end| *count >= end);
            let spent = u64::try_from(count.saturating_sub(head)).unwrap_or(0);
            self.scissors.left.store(left - spent, Ordering::SeqCst);
        }
        written
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

impl AsyncRead for CuttableStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}
