//! PID 1 of a sandbox: takes requests, starts commands, reaps everything, and ends when the server does.

use std::collections::{BTreeMap, VecDeque};
use std::os::fd::{AsFd, OwnedFd};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use nix::unistd::{ForkResult, fork};

use super::spec::PROXY_PORT;
use super::sys::Reaped;
use super::wire::{Reply, Request, Setup, Started};
use super::{archive, memory, paths, processes, socket, spawn, stage, sys};

struct Agent {
    memory_limit: u64,
    spawner: spawn::Spawner,
    max_commands: usize,
    /// Each command's process id.
    commands: BTreeMap<i32, Command>,
    /// Processes killed for going beyond the memory limit.
    memory_kills: u64,
    /// False when nothing but the agent is left.
    alive: bool,
    frozen: bool,
    /// The helper that packs, while it does.
    packing: Option<Packing>,
    /// What came while it did and would change what it packs.
    deferred: VecDeque<socket::Message>,
    paths: paths::Paths,
}

struct Packing {
    pid: i32,
    /// Whether the sandbox was running before, and what of it was not.
    thaw: Option<Vec<i32>>,
}

struct Command {
    /// Where its end is to be reported.
    socket: OwnedFd,
    /// The count when it started.
    memory_kills: u64,
}

/// Serves the control socket until it closes or the server's process ends. Its own end takes every process along.
pub(super) fn run(control: &OwnedFd, server: OwnedFd, setup: &Setup) -> ! {
    let status = match prepare(setup) {
        Ok((mut agent, signals, listener)) => {
            let beside: Vec<_> = listener.iter().map(AsFd::as_fd).collect();
            let sent = socket::send(control.as_fd(), &Started::Ready.encode(), &beside);
            drop(listener);
            if sent.is_ok() {
                agent.serve(control, &server, &signals);
            }
            0
        }
        Err(errno) => {
            let message =
                Started::Refused { step: "prepare the agent".into(), errno: errno as i32 };
            let _ = socket::send(control.as_fd(), &message.encode(), &[]);
            1
        }
    };
    stage::exit(status)
}

fn prepare(setup: &Setup) -> Result<(Agent, SignalFd, Option<OwnedFd>), Errno> {
    let mut mask = SigSet::empty();
    mask.add(Signal::SIGCHLD);
    mask.thread_block()?;
    let signals = SignalFd::with_flags(&mask, SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK)?;
    setrlimit(Resource::RLIMIT_CORE, 0, 0)?;
    // A socket for each running command is held here.
    let files = getrlimit(Resource::RLIMIT_NOFILE)?;
    setrlimit(Resource::RLIMIT_NOFILE, files.1, files.1)?;
    let agent = Agent {
        memory_limit: setup.memory_bytes,
        spawner: spawn::Spawner::new(setup, files.0)?,
        // Some descriptors are left for the requests themselves.
        max_commands: usize::try_from(setup.max_processes.min(files.1.saturating_sub(64)))
            .unwrap_or(usize::MAX),
        commands: BTreeMap::new(),
        memory_kills: 0,
        alive: false,
        frozen: false,
        packing: None,
        deferred: VecDeque::new(),
        paths: paths::Paths::new(!setup.persist.is_empty())?,
    };
    let listener = setup.proxy.then(listen).transpose()?;
    Ok((agent, signals, listener))
}

/// A socket keeps the network namespace that it was made in, wherever it is accepted on.
fn listen() -> Result<OwnedFd, Errno> {
    let address = std::net::SocketAddr::from(([127, 0, 0, 1], PROXY_PORT));
    let listener = std::net::TcpListener::bind(address);
    listener
        .map(OwnedFd::from)
        .map_err(|error| Errno::from_raw(error.raw_os_error().unwrap_or(libc::EIO)))
}

/// As for [`listen`]: whoever connects it reaches what listens in here.
fn connector(v6: bool) -> Result<OwnedFd, Errno> {
    use nix::sys::socket::{AddressFamily, SockFlag, SockType, socket};
    let family = if v6 { AddressFamily::Inet6 } else { AddressFamily::Inet };
    let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
    socket(family, SockType::Stream, flags, None)
}

impl Agent {
    fn serve(&mut self, control: &OwnedFd, server: &OwnedFd, signals: &SignalFd) {
        let mut next_look = Instant::now();
        loop {
            let mut waited = [control.as_fd(), server.as_fd(), signals.as_fd()]
                .map(|fd| PollFd::new(fd, PollFlags::POLLIN));
            // Nothing running needs no watching: an idle sandbox costs no processor time.
            let timeout = if self.alive && !self.frozen {
                let left = next_look.saturating_duration_since(Instant::now()).as_millis();
                PollTimeout::from(
                    u16::try_from(left).map_or(u16::MAX, |left| left.saturating_add(1)),
                )
            } else {
                PollTimeout::NONE
            };
            match poll(&mut waited, timeout) {
                Ok(_) | Err(Errno::EINTR) => {}
                Err(_) => return,
            }
            let [asked, server_ended, child_ended] = waited.map(|fd| fd.any().unwrap_or(true));
            if server_ended {
                return;
            }
            if self.alive && !self.frozen && Instant::now() >= next_look {
                let (pause, killed) = memory::watch(self.memory_limit);
                self.memory_kills += u64::from(killed);
                next_look = Instant::now() + Duration::from_millis(pause);
            }
            if child_ended {
                // Only the wake-up counts: several ended children may share one signal.
                while let Ok(Some(_)) = signals.read_signal() {}
                self.reap();
            }
            if asked {
                match socket::receive(control.as_fd()) {
                    Ok(None) => return,
                    Ok(Some(message)) => self.take(message),
                    // This one message is lost, and its sender learns of it from the socket for the answer closing.
                    Err(_) => {}
                }
            }
        }
    }

    fn reap(&mut self) {
        loop {
            let (pid, exit) = match sys::reap() {
                Reaped::Exited(pid, code) => (pid, Ok(code)),
                Reaped::Signaled(pid, signal) => (pid, Err(signal)),
                Reaped::NoneYet => return,
                Reaped::NoChildren => {
                    self.alive = false;
                    return;
                }
            };
            if self.packing.as_ref().is_some_and(|packing| packing.pid == pid) {
                self.end_packing();
            }
            if let Some(Command { socket, memory_kills }) = self.commands.remove(&pid) {
                let memory_kills = self.memory_kills - memory_kills;
                let reply = match exit {
                    Ok(code) => Reply::Exited { code, memory_kills },
                    Err(signal) => Reply::Signaled { signal, memory_kills },
                };
                answer(&socket, &reply, None);
            }
        }
    }

    fn take(&mut self, message: socket::Message) {
        let request = Request::decode(&message.0);
        if self.packing.is_some() && request.as_ref().is_some_and(changes) {
            self.deferred.push_back(message);
            return;
        }
        let (_, beside) = message;
        let mut beside = beside.into_iter();
        // Without a socket for the answer nobody waits for one.
        let Some(socket) = beside.next() else { return };
        let reply = match request {
            Some(Request::Spawn { argv, cwd, env }) => {
                let (Some(stdout), Some(stderr), Some(status)) =
                    (beside.next(), beside.next(), beside.next())
                else {
                    return;
                };
                let stdin = beside.next();
                if self.frozen {
                    Reply::Frozen
                } else if self.commands.len() >= self.max_commands {
                    Reply::Limit
                } else {
                    let stdio = [&stdout, &stderr, &status];
                    match self.spawner.spawn(argv, cwd, env, stdio, stdin.as_ref()) {
                        Ok(pid) => {
                            self.alive = true;
                            answer(&socket, &Reply::Spawned { pid }, None);
                            let memory_kills = self.memory_kills;
                            self.commands.insert(pid, Command { socket, memory_kills });
                            return;
                        }
                        Err(Errno::EAGAIN) => Reply::Limit,
                        Err(errno) => failed(errno),
                    }
                }
            }
            Some(Request::Freeze) => {
                let result = processes::freeze();
                self.frozen = result.is_ok();
                done(result)
            }
            Some(Request::Thaw) => {
                self.frozen = false;
                done(processes::thaw())
            }
            Some(Request::Usage) => processes::usage().unwrap_or_else(failed),
            Some(Request::Signal { pid, signal }) => done(processes::signal_session(pid, signal)),
            Some(Request::Read { path }) => return opened(&socket, self.paths.read(&path)),
            Some(Request::Write { path, mode }) => {
                return opened(&socket, self.paths.write(&path, mode));
            }
            Some(Request::Unlink { path }) => done(self.paths.unlink(&path)),
            Some(Request::MakeDir { path, parents }) => done(self.paths.make_dir(&path, parents)),
            Some(Request::Rename { from, to }) => done(self.paths.rename(&from, &to)),
            Some(Request::Stat { path }) => self.paths.stat(&path).unwrap_or_else(failed),
            Some(Request::Socket { v6 }) => {
                return opened(&socket, connector(v6).map(|socket| (socket, Reply::Done)));
            }
            Some(Request::MayWrite { path }) => done(self.paths.may_write(&path)),
            Some(request @ (Request::Pack | Request::Unpack)) => {
                let Some(file) = beside.next() else { return };
                let started = if matches!(request, Request::Pack) {
                    self.pack(&socket, file)
                } else {
                    help(&socket, || archive::unpack(file))
                };
                match started {
                    Ok(pid) => {
                        let memory_kills = self.memory_kills;
                        self.commands.insert(pid, Command { socket, memory_kills });
                        return;
                    }
                    Err(errno) => failed(errno),
                }
            }
            None => failed(Errno::EBADMSG),
        };
        answer(&socket, &reply, None);
    }
}

impl Agent {
    /// Stops everything else for as long as it takes.
    fn pack(&mut self, socket: &OwnedFd, file: OwnedFd) -> Result<i32, Errno> {
        let mut thaw = None;
        if !self.frozen {
            let stopped = processes::stopped()?;
            processes::freeze()?;
            self.frozen = true;
            thaw = Some(stopped);
        }
        match help(socket, || archive::pack(file)) {
            Ok(pid) => {
                self.packing = Some(Packing { pid, thaw });
                Ok(pid)
            }
            Err(errno) => {
                self.go_on(thaw);
                Err(errno)
            }
        }
    }

    /// After a freeze of the agent's own.
    fn go_on(&mut self, but: Option<Vec<i32>>) {
        if let Some(stopped) = but {
            self.frozen = false;
            // Fails only where nothing is left to go on.
            let _ = processes::thaw_but(&stopped);
        }
    }

    fn end_packing(&mut self) {
        let packing = self.packing.take();
        self.go_on(packing.and_then(|packing| packing.thaw));
        // One of them may begin to pack again.
        while let Some(message) =
            if self.packing.is_none() { self.deferred.pop_front() } else { None }
        {
            self.take(message);
        }
    }
}

/// Whether a request would change what is being packed, or interrupt it.
fn changes(request: &Request) -> bool {
    match request {
        Request::Usage
        | Request::Signal { .. }
        | Request::Read { .. }
        | Request::Stat { .. }
        | Request::Socket { .. }
        | Request::MayWrite { .. } => false,
        Request::Spawn { .. }
        | Request::Freeze
        | Request::Thaw
        | Request::Write { .. }
        | Request::Unlink { .. }
        | Request::MakeDir { .. }
        | Request::Rename { .. }
        | Request::Pack
        | Request::Unpack => true,
    }
}

/// Does `work` in a process of its own, which answers and ends: the agent goes on meanwhile. Its rights are the agent's.
fn help(socket: &OwnedFd, work: impl FnOnce() -> Result<(), Errno>) -> Result<i32, Errno> {
    // SAFETY: the agent has one thread, so the child may do whatever the agent may.
    match unsafe { fork() }? {
        ForkResult::Parent { child } => Ok(child.as_raw()),
        ForkResult::Child => {
            answer(socket, &done(work()), None);
            stage::exit(0)
        }
    }
}

fn failed(errno: Errno) -> Reply {
    Reply::Failed { errno: errno as i32 }
}

fn done(result: Result<(), Errno>) -> Reply {
    result.map_or_else(failed, |()| Reply::Done)
}

fn opened(socket: &OwnedFd, result: Result<(OwnedFd, Reply), Errno>) {
    match result {
        Ok((file, reply)) => answer(socket, &reply, Some(&file)),
        Err(errno) => answer(socket, &failed(errno), None),
    }
}

/// The other side may have lost interest, which is its right.
fn answer(socket: &OwnedFd, reply: &Reply, file: Option<&OwnedFd>) {
    let beside: Vec<_> = file.iter().map(|file| file.as_fd()).collect();
    let _ = socket::send(socket.as_fd(), &reply.encode(), &beside);
}
