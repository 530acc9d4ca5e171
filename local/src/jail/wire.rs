//! The messages between server and agent: one datagram each, lengths before strings, descriptors beside it.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};

use nix::errno::Errno;

/// What the agent is told first, with a pidfd of the server beside it.
pub(super) struct Setup {
    pub hostname: OsString,
    pub own_network: bool,
    /// A listening socket is to be made and sent beside [`Started::Ready`].
    pub proxy: bool,
    pub memory_bytes: u64,
    pub max_processes: u64,
    pub disk_bytes: u64,
    /// How many processors commands get (0: all), and where to start counting.
    pub cpus: u64,
    pub first_cpu: u64,
    pub python_alias: bool,
    pub read_only_paths: Vec<OsString>,
    /// What is shown at /persist, or empty.
    pub persist: OsString,
    /// The largest file that commands may write, 0 for any.
    pub file_bytes: u64,
}

/// What the server hears on the control socket while a sandbox starts.
pub(super) enum Started {
    /// The agent exists; its pidfd is beside it.
    Cloned,
    /// The sandbox is complete; the socket for the proxy is beside it if one was asked for.
    Ready,
    /// A step failed, and the sandbox is gone.
    Refused { step: OsString, errno: i32 },
}

/// What the agent is asked to do. The socket for the answer is the first descriptor beside it.
pub(super) enum Request {
    /// Beside it: stdout, stderr, a pipe on which the new process reports why exec failed, and a stdin if it gets one.
    Spawn {
        argv: Vec<OsString>,
        cwd: OsString,
        env: Vec<OsString>,
    },
    Freeze,
    Thaw,
    Usage,
    Signal {
        pid: i32,
        signal: i32,
    },
    /// The answer brings the descriptor of a regular file or directory.
    Read {
        path: OsString,
    },
    /// The answer brings the descriptor of a regular file.
    Write {
        path: OsString,
        mode: u32,
    },
    Unlink {
        path: OsString,
    },
    MakeDir {
        path: OsString,
        parents: bool,
    },
    Rename {
        from: OsString,
        to: OsString,
    },
    Stat {
        path: OsString,
    },
    /// The answer brings an unconnected TCP socket of the sandbox's network.
    Socket {
        v6: bool,
    },
    /// Whether a file may be written there; nothing is.
    MayWrite {
        path: OsString,
    },
    /// Beside it: a file that everything below /workspace and /tmp is written into.
    Pack,
    /// Beside it: a file that [`Request::Pack`] has written.
    Unpack,
}

/// What the agent answers.
#[derive(Debug)]
pub(super) enum Reply {
    Done,
    Failed {
        errno: i32,
    },
    Frozen,
    Limit,
    Spawned {
        pid: i32,
    },
    /// With the processes that were killed meanwhile for going beyond the memory limit.
    Exited {
        code: i32,
        memory_kills: u64,
    },
    Signaled {
        signal: i32,
        memory_kills: u64,
    },
    Usage {
        cpu_ns: u64,
        memory: u64,
        processes: u64,
    },
    Stat {
        is_dir: bool,
        size: u64,
        mode: u32,
        seconds: i64,
        nanos: u32,
    },
}

/// What a new process reports before it exits when it could not become the command.
pub(super) enum ExecFailure {
    Cwd(Errno),
    Exec(Errno),
    Other(Errno),
}

impl ExecFailure {
    pub(super) fn encode(&self) -> [u8; 5] {
        let (tag, errno) = match self {
            Self::Cwd(errno) => (1, errno),
            Self::Exec(errno) => (2, errno),
            Self::Other(errno) => (3, errno),
        };
        let code = (*errno as i32).to_le_bytes();
        [tag, code[0], code[1], code[2], code[3]]
    }

    pub(super) fn decode(bytes: &[u8]) -> Option<Self> {
        let (&tag, code) = bytes.split_first()?;
        let errno = Errno::from_raw(i32::from_le_bytes(code.try_into().ok()?));
        Some(match tag {
            1 => Self::Cwd(errno),
            2 => Self::Exec(errno),
            _ => Self::Other(errno),
        })
    }
}

impl Setup {
    pub(super) fn encode(&self) -> Vec<u8> {
        let mut out = Encoder::new(0);
        out.bytes(&self.hostname);
        out.u64(u64::from(self.own_network));
        out.u64(u64::from(self.proxy));
        out.u64(self.memory_bytes);
        out.u64(self.max_processes);
        out.u64(self.disk_bytes);
        out.u64(self.cpus);
        out.u64(self.first_cpu);
        out.u64(u64::from(self.python_alias));
        out.list(&self.read_only_paths);
        out.bytes(&self.persist);
        out.u64(self.file_bytes);
        out.0
    }

    pub(super) fn decode(bytes: &[u8]) -> Option<Self> {
        let mut from = Decoder(bytes);
        from.tag()?;
        Some(Self {
            hostname: from.bytes()?,
            own_network: from.u64()? != 0,
            proxy: from.u64()? != 0,
            memory_bytes: from.u64()?,
            max_processes: from.u64()?,
            disk_bytes: from.u64()?,
            cpus: from.u64()?,
            first_cpu: from.u64()?,
            python_alias: from.u64()? != 0,
            read_only_paths: from.list()?,
            persist: from.bytes()?,
            file_bytes: from.u64()?,
        })
    }
}

impl Started {
    pub(super) fn encode(&self) -> Vec<u8> {
        let mut out = Encoder::new(match self {
            Self::Cloned => 1,
            Self::Ready => 2,
            Self::Refused { .. } => 3,
        });
        if let Self::Refused { step, errno } = self {
            out.bytes(step);
            out.i32(*errno);
        }
        out.0
    }

    pub(super) fn decode(bytes: &[u8]) -> Option<Self> {
        let mut from = Decoder(bytes);
        Some(match from.tag()? {
            1 => Self::Cloned,
            2 => Self::Ready,
            3 => Self::Refused { step: from.bytes()?, errno: from.i32()? },
            _ => return None,
        })
    }
}

impl Request {
    pub(super) fn encode(&self) -> Vec<u8> {
        let mut out = Encoder::new(match self {
            Self::Spawn { .. } => 1,
            Self::Freeze => 2,
            Self::Thaw => 3,
            Self::Usage => 4,
            Self::Signal { .. } => 5,
            Self::Read { .. } => 6,
            Self::Write { .. } => 7,
            Self::Unlink { .. } => 8,
            Self::MakeDir { .. } => 9,
            Self::Rename { .. } => 10,
            Self::Stat { .. } => 11,
            Self::Socket { .. } => 12,
            Self::MayWrite { .. } => 13,
            Self::Pack => 14,
            Self::Unpack => 15,
        });
        match self {
            Self::Spawn { argv, cwd, env } => {
                out.list(argv);
                out.bytes(cwd);
                out.list(env);
            }
            Self::Freeze | Self::Thaw | Self::Usage | Self::Pack | Self::Unpack => {}
            Self::Signal { pid, signal } => {
                out.i32(*pid);
                out.i32(*signal);
            }
            Self::Read { path }
            | Self::Unlink { path }
            | Self::Stat { path }
            | Self::MayWrite { path } => out.bytes(path),
            Self::Write { path, mode } => {
                out.bytes(path);
                out.u64(u64::from(*mode));
            }
            Self::MakeDir { path, parents } => {
                out.bytes(path);
                out.u64(u64::from(*parents));
            }
            Self::Rename { from, to } => {
                out.bytes(from);
                out.bytes(to);
            }
            Self::Socket { v6 } => out.u64(u64::from(*v6)),
        }
        out.0
    }

    pub(super) fn decode(bytes: &[u8]) -> Option<Self> {
        let mut from = Decoder(bytes);
        Some(match from.tag()? {
            1 => Self::Spawn { argv: from.list()?, cwd: from.bytes()?, env: from.list()? },
            2 => Self::Freeze,
            3 => Self::Thaw,
            4 => Self::Usage,
            5 => Self::Signal { pid: from.i32()?, signal: from.i32()? },
            6 => Self::Read { path: from.bytes()? },
            7 => Self::Write { path: from.bytes()?, mode: from.u64()? as u32 },
            8 => Self::Unlink { path: from.bytes()? },
            9 => Self::MakeDir { path: from.bytes()?, parents: from.u64()? != 0 },
            10 => Self::Rename { from: from.bytes()?, to: from.bytes()? },
            11 => Self::Stat { path: from.bytes()? },
            12 => Self::Socket { v6: from.u64()? != 0 },
            13 => Self::MayWrite { path: from.bytes()? },
            14 => Self::Pack,
            15 => Self::Unpack,
            _ => return None,
        })
    }
}

impl Reply {
    pub(super) fn encode(&self) -> Vec<u8> {
        let mut out = Encoder::new(match self {
            Self::Done => 1,
            Self::Failed { .. } => 2,
            Self::Frozen => 3,
            Self::Limit => 4,
            Self::Spawned { .. } => 5,
            Self::Exited { .. } => 6,
            Self::Signaled { .. } => 7,
            Self::Usage { .. } => 8,
            Self::Stat { .. } => 9,
        });
        match *self {
            Self::Done | Self::Frozen | Self::Limit => {}
            Self::Failed { errno: number } | Self::Spawned { pid: number } => out.i32(number),
            Self::Exited { code: number, memory_kills }
            | Self::Signaled { signal: number, memory_kills } => {
                out.i32(number);
                out.u64(memory_kills);
            }
            Self::Usage { cpu_ns, memory, processes } => {
                out.u64(cpu_ns);
                out.u64(memory);
                out.u64(processes);
            }
            Self::Stat { is_dir, size, mode, seconds, nanos } => {
                out.u64(u64::from(is_dir));
                out.u64(size);
                out.u64(u64::from(mode));
                out.u64(seconds as u64);
                out.u64(u64::from(nanos));
            }
        }
        out.0
    }

    pub(super) fn decode(bytes: &[u8]) -> Option<Self> {
        let mut from = Decoder(bytes);
        Some(match from.tag()? {
            1 => Self::Done,
            2 => Self::Failed { errno: from.i32()? },
            3 => Self::Frozen,
            4 => Self::Limit,
            5 => Self::Spawned { pid: from.i32()? },
            6 => Self::Exited { code: from.i32()?, memory_kills: from.u64()? },
            7 => Self::Signaled { signal: from.i32()?, memory_kills: from.u64()? },
            8 => Self::Usage { cpu_ns: from.u64()?, memory: from.u64()?, processes: from.u64()? },
            9 => Self::Stat {
                is_dir: from.u64()? != 0,
                size: from.u64()?,
                mode: from.u64()? as u32,
                seconds: from.u64()? as i64,
                nanos: from.u64()? as u32,
            },
            _ => return None,
        })
    }
}

struct Encoder(Vec<u8>);

impl Encoder {
    fn new(tag: u8) -> Self {
        Self(vec![tag])
    }

    fn i32(&mut self, number: i32) {
        self.0.extend_from_slice(&number.to_le_bytes());
    }

    fn u64(&mut self, number: u64) {
        self.0.extend_from_slice(&number.to_le_bytes());
    }

    fn bytes(&mut self, bytes: &OsStr) {
        self.u64(bytes.len() as u64);
        self.0.extend_from_slice(bytes.as_bytes());
    }

    fn list(&mut self, list: &[OsString]) {
        self.u64(list.len() as u64);
        for item in list {
            self.bytes(item);
        }
    }
}

/// What is left to decode. Every method returns `None` when the bytes end too early.
struct Decoder<'a>(&'a [u8]);

impl Decoder<'_> {
    fn tag(&mut self) -> Option<u8> {
        let (&tag, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(tag)
    }

    fn i32(&mut self) -> Option<i32> {
        let (bytes, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(i32::from_le_bytes(*bytes))
    }

    fn u64(&mut self) -> Option<u64> {
        let (bytes, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(u64::from_le_bytes(*bytes))
    }

    fn bytes(&mut self) -> Option<OsString> {
        let length = usize::try_from(self.u64()?).ok()?;
        let (bytes, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(OsString::from_vec(bytes.to_vec()))
    }

    fn list(&mut self) -> Option<Vec<OsString>> {
        let count = self.u64()?;
        let mut list = Vec::new();
        for _ in 0..count {
            list.push(self.bytes()?);
        }
        Some(list)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cut_messages_are_refused_without_a_panic() {
        let request = Request::Spawn {
            argv: vec!["a".into(), "".into()],
            cwd: "/".into(),
            env: vec!["K=V".into()],
        }
        .encode();
        assert!(Request::decode(&request).is_some());
        for end in 0..request.len() {
            assert!(Request::decode(&request[..end]).is_none(), "cut at {end}");
        }
        let mut lying = Request::Stat { path: "/x".into() }.encode();
        lying[1..9].copy_from_slice(&u64::MAX.to_le_bytes());
        assert!(Request::decode(&lying).is_none());
        assert!(Reply::decode(&[]).is_none());
        assert!(Reply::decode(&[200]).is_none());
        assert!(Started::decode(&[3, 1]).is_none());
    }
}
