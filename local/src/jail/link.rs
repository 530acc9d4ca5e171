//! The server's end of a sandbox: requests to the agent, each with a socket of its own for the answer.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::Duration;

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

use super::socket::{self, Packet};
use super::wire::{Reply, Request};

/// The control socket of one sandbox. Any number of tasks may ask at the same time.
pub(super) struct Link(AsyncFd<OwnedFd>);

/// Where the agent's answers to one request arrive.
pub(super) struct Answers(AsyncFd<OwnedFd>);

impl Link {
    pub(super) fn new(control: OwnedFd) -> io::Result<Self> {
        register_socket(control).map(Self)
    }

    /// Sends a request with descriptors beside it. An error of kind `BrokenPipe` means that the agent has ended.
    pub(super) async fn ask(
        &self,
        request: &Request,
        beside: &[BorrowedFd<'_>],
    ) -> io::Result<Answers> {
        let (ours, theirs) = socket::pair()?;
        let answers = Answers(register_socket(ours)?);
        let packet = Packet::new(&request.encode())?;
        loop {
            let sent = self.0.async_io(Interest::WRITABLE, |control| {
                let mut all = vec![theirs.as_fd()];
                all.extend_from_slice(beside);
                packet.send(control.as_fd(), &all).map_err(io::Error::from)
            });
            match sent.await {
                Ok(()) => return Ok(answers),
                // The kernel limits the descriptors that are on their way; the agent will have taken some.
                Err(error) if error.raw_os_error() == Some(libc::ETOOMANYREFS) => {
                    tokio::time::sleep(Duration::from_millis(2)).await;
                }
                Err(error) if error.raw_os_error() == Some(libc::ECONNRESET) => {
                    return Err(Errno::EPIPE.into());
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// Sends a request that has one answer.
    pub(super) async fn call(&self, request: &Request) -> io::Result<Reply> {
        Ok(self.ask(request, &[]).await?.next().await?.0)
    }
}

impl Answers {
    /// The next answer and the descriptor beside it. Cancel safe: an answer is taken whole or not at all.
    pub(super) async fn next(&self) -> io::Result<(Reply, Option<OwnedFd>)> {
        let received = self
            .0
            .async_io(Interest::READABLE, |socket| Ok(socket::receive(socket.as_fd())?))
            .await?;
        let (bytes, mut beside) = received.ok_or(Errno::EPIPE)?;
        let reply = Reply::decode(&bytes).ok_or(Errno::EBADMSG)?;
        Ok((reply, beside.pop()))
    }
}

/// Makes a socket known to the runtime, without blocking reads.
fn register_socket(fd: OwnedFd) -> io::Result<AsyncFd<OwnedFd>> {
    let flags = OFlag::from_bits_retain(fcntl(&fd, FcntlArg::F_GETFL)?);
    fcntl(&fd, FcntlArg::F_SETFL(flags | OFlag::O_NONBLOCK))?;
    register(fd)
}

/// Makes a descriptor known to the runtime.
pub(super) fn register(fd: OwnedFd) -> io::Result<AsyncFd<OwnedFd>> {
    // SAFETY: an OwnedFd stays open and the same until it is dropped, and nothing hands out a way to change it.
    Ok(unsafe { AsyncFd::register(fd) }?)
}
