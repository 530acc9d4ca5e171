//! Datagrams with descriptors beside them, for both sides.

use std::fs::File;
use std::io::{IoSlice, IoSliceMut, Read, Seek, SeekFrom, Write};
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};

use nix::errno::Errno;
use nix::sys::memfd::{MFdFlags, memfd_create};
use nix::sys::socket::{
    AddressFamily, ControlMessage, ControlMessageOwned, MsgFlags, SockFlag, SockType, recvmsg,
    sendmsg, socketpair,
};

/// Payloads above this size travel in a memfd: a datagram must fit the socket's buffer.
const INLINE: usize = 32 * 1024;
/// The kernel takes no more than 6 MiB of arguments and environment anyway.
const LARGEST: u64 = 16 << 20;
const MOST_DESCRIPTORS: usize = 6;

const INLINE_TAG: u8 = 0;
const MEMFD_TAG: u8 = 1;

/// A connected pair of sockets that keep messages apart and report the other side's end.
pub(super) fn pair() -> Result<(OwnedFd, OwnedFd), Errno> {
    socketpair(AddressFamily::Unix, SockType::SeqPacket, None, SockFlag::SOCK_CLOEXEC)
}

/// A message made ready, so that sending can be tried again when the socket is full.
pub(super) struct Packet {
    bytes: Vec<u8>,
    memfd: Option<OwnedFd>,
}

impl Packet {
    pub(super) fn new(payload: &[u8]) -> Result<Self, Errno> {
        if payload.len() <= INLINE {
            let mut bytes = Vec::with_capacity(payload.len() + 1);
            bytes.push(INLINE_TAG);
            bytes.extend_from_slice(payload);
            return Ok(Self { bytes, memfd: None });
        }
        if payload.len() as u64 > LARGEST {
            return Err(Errno::E2BIG);
        }
        let mut memfd = File::from(memfd_create(c"orkestr", MFdFlags::MFD_CLOEXEC)?);
        memfd
            .write_all(payload)
            .map_err(|error| Errno::from_raw(error.raw_os_error().unwrap_or(libc::EIO)))?;
        Ok(Self { bytes: vec![MEMFD_TAG], memfd: Some(memfd.into()) })
    }

    /// Sends without blocking.
    pub(super) fn send(
        &self,
        socket: BorrowedFd<'_>,
        beside: &[BorrowedFd<'_>],
    ) -> Result<(), Errno> {
        let mut raw: Vec<RawFd> = beside.iter().map(AsRawFd::as_raw_fd).collect();
        raw.extend(self.memfd.as_ref().map(AsRawFd::as_raw_fd));
        let rights = [ControlMessage::ScmRights(&raw)];
        let control = if raw.is_empty() { &rights[..0] } else { &rights[..] };
        let flags = MsgFlags::MSG_NOSIGNAL | MsgFlags::MSG_DONTWAIT;
        loop {
            match sendmsg::<()>(
                socket.as_raw_fd(),
                &[IoSlice::new(&self.bytes)],
                control,
                flags,
                None,
            ) {
                Err(Errno::EINTR) => {}
                result => return result.map(drop),
            }
        }
    }
}

/// Sends a small message without blocking.
pub(super) fn send(
    socket: BorrowedFd<'_>,
    payload: &[u8],
    beside: &[BorrowedFd<'_>],
) -> Result<(), Errno> {
    Packet::new(payload)?.send(socket, beside)
}

/// What was sent, and the descriptors beside it.
pub(super) type Message = (Vec<u8>, Vec<OwnedFd>);

/// Takes one message; `None` when the other side has closed. Blocks as the socket does.
pub(super) fn receive(socket: BorrowedFd<'_>) -> Result<Option<Message>, Errno> {
    let mut buffer = vec![0; INLINE + 1];
    let mut control = nix::cmsg_space!([RawFd; MOST_DESCRIPTORS]);
    let mut beside = Vec::new();
    let (length, cut) = loop {
        let mut parts = [IoSliceMut::new(&mut buffer)];
        let flags = MsgFlags::MSG_CMSG_CLOEXEC;
        let message = match recvmsg::<()>(socket.as_raw_fd(), &mut parts, Some(&mut control), flags)
        {
            Err(Errno::EINTR) => continue,
            Err(Errno::ECONNRESET) => return Ok(None),
            result => result?,
        };
        for item in message.cmsgs()? {
            if let ControlMessageOwned::ScmRights(descriptors) = item {
                // SAFETY: the kernel has just installed these descriptors for us, nobody else owns them.
                beside
                    .extend(descriptors.into_iter().map(|fd| unsafe { OwnedFd::from_raw_fd(fd) }));
            }
        }
        break (
            message.bytes,
            message.flags.intersects(MsgFlags::MSG_TRUNC | MsgFlags::MSG_CTRUNC),
        );
    };
    if cut {
        // Descriptors are lost when this process may open no more: whoever waits for an answer sees the socket close.
        return Err(Errno::EMFILE);
    }
    match buffer.get(..length).and_then(<[u8]>::split_first) {
        None => Ok(None),
        Some((&MEMFD_TAG, _)) => {
            let mut memfd = File::from(beside.pop().ok_or(Errno::EBADMSG)?);
            let mut payload = Vec::new();
            memfd
                .seek(SeekFrom::Start(0))
                .and_then(|_| memfd.take(LARGEST).read_to_end(&mut payload))
                .map_err(|error| Errno::from_raw(error.raw_os_error().unwrap_or(libc::EIO)))?;
            Ok(Some((payload, beside)))
        }
        Some((_, payload)) => Ok(Some((payload.to_vec(), beside))),
    }
}
