//! Connections that can be cut, and that tell when what was written has left.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll, ready};

use axum::extract::connect_info::Connected;
use axum::serve::IncomingStream;
use futures::task::AtomicWaker;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};

/// The switch of one connection, in the extensions of its requests.
#[derive(Clone, Debug, Default)]
pub(crate) struct Connection(Arc<Switch>);

#[derive(Debug, Default)]
struct Switch {
    cut: AtomicBool,
    flushes: AtomicU64,
    waker: AtomicWaker,
}

impl Connection {
    /// From now on nothing more is read or written: the server gives the connection up.
    pub(super) fn cut(&self) {
        self.0.cut.store(true, Ordering::Release);
    }

    /// Comes when all that was handed over before has been written to the socket. Only for a
    /// body that is polled by this connection.
    pub(super) async fn flushed(&self) {
        let before = self.0.flushes.load(Ordering::Acquire);
        std::future::poll_fn(|cx| {
            self.0.waker.register(cx.waker());
            if self.0.flushes.load(Ordering::Acquire) == before {
                Poll::Pending
            } else {
                Poll::Ready(())
            }
        })
        .await;
    }

    fn check(&self) -> io::Result<()> {
        if self.0.cut.load(Ordering::Acquire) {
            Err(io::ErrorKind::ConnectionAborted.into())
        } else {
            Ok(())
        }
    }
}

/// Accepts connections that can be cut.
pub(crate) struct Listener(pub(crate) TcpListener);

impl axum::serve::Listener for Listener {
    type Io = Stream;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Stream, SocketAddr) {
        let (tcp, address) = axum::serve::Listener::accept(&mut self.0).await;
        // Small events must not wait for the acknowledgement of the ones before.
        let _ = tcp.set_nodelay(true);
        (Stream { tcp, connection: Connection::default() }, address)
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.0.local_addr()
    }
}

impl Connected<IncomingStream<'_, Listener>> for Connection {
    fn connect_info(stream: IncomingStream<'_, Listener>) -> Self {
        stream.io().connection.clone()
    }
}

pub(crate) struct Stream {
    tcp: TcpStream,
    connection: Connection,
}

impl AsyncRead for Stream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.connection.check()?;
        Pin::new(&mut self.tcp).poll_read(cx, buffer)
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.connection.check()?;
        Pin::new(&mut self.tcp).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.connection.check()?;
        Pin::new(&mut self.tcp).poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.tcp.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.connection.check()?;
        ready!(Pin::new(&mut self.tcp).poll_flush(cx))?;
        let switch = &self.connection.0;
        switch.flushes.fetch_add(1, Ordering::AcqRel);
        switch.waker.wake();
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.connection.check()?;
        Pin::new(&mut self.tcp).poll_shutdown(cx)
    }
}
