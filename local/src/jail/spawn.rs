//! Fork and exec of one command, in the agent.

use std::ffi::{CString, OsStr, OsString};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::{OsStrExt, OsStringExt};

use nix::errno::Errno;
use nix::sched::{CpuSet, sched_getaffinity, sched_setaffinity};
use nix::sys::resource::{Resource, getrlimit, rlim_t, setrlimit};
use nix::sys::signal::SigSet;
use nix::sys::stat::{Mode, umask};
use nix::unistd::{
    ForkResult, Pid, chdir, dup2_stderr, dup2_stdin, dup2_stdout, execve, fork, setsid, write,
};

use super::spec::DEFAULT_PATH;
use super::wire::{ExecFailure, Setup};
use super::{stage, sys};

/// Allowed on top of twice the memory limit: address space for the stacks of threads, which programs reserve freely.
const DATA_SLACK: u64 = 512 << 20;

/// What every command of the sandbox gets.
pub(super) struct Spawner {
    files: rlim_t,
    processes: rlim_t,
    data: rlim_t,
    file: Option<rlim_t>,
    cpus: Option<CpuSet>,
}

impl Spawner {
    /// `files` is the limit of open files that the server has. Commands get less: the kernel refuses to pass a descriptor
    /// on when its user, who may be the same for all sandboxes and the server, has more of them on their way in sockets
    /// than that; so code inside meets the limit before agents and the server do.
    pub(super) fn new(setup: &Setup, files: rlim_t) -> Result<Self, Errno> {
        Ok(Self {
            files: files - files / 4,
            // The agent counts as one, being the same user of the same namespace.
            processes: setup.max_processes.saturating_add(1),
            data: setup.memory_bytes.saturating_mul(2).saturating_add(DATA_SLACK),
            file: (setup.file_bytes > 0).then_some(setup.file_bytes),
            cpus: choose_cpus(setup)?,
        })
    }

    /// Starts a command. `stdio` is its stdout, its stderr, and the pipe for the report of what kept it from running,
    /// which closes without a word when exec succeeds. Without `stdin` it gets /dev/null.
    ///
    /// The new process does not share memory with the agent and the agent does not wait for its exec, as posix_spawn
    /// would: another process of the sandbox could stop it right before that, and the agent with it.
    pub(super) fn spawn(
        &self,
        argv: Vec<OsString>,
        cwd: OsString,
        env: Vec<OsString>,
        stdio: [&OwnedFd; 3],
        stdin: Option<&OwnedFd>,
    ) -> Result<i32, Errno> {
        let program = argv.first().ok_or(Errno::EINVAL)?;
        let candidates = candidates(program, &env)?;
        let argv = c_strings(argv)?;
        let env = c_strings(env)?;
        let cwd = c_string(cwd)?;
        // SAFETY: the agent has one thread, so the child may do whatever the agent may.
        match unsafe { fork() }? {
            ForkResult::Parent { child } => Ok(child.as_raw()),
            ForkResult::Child => {
                let [stdout, stderr, status] = stdio.map(AsFd::as_fd);
                let stdin = stdin.map(AsFd::as_fd);
                let failure = match self.prepare(&cwd, stdin, stdout, stderr) {
                    Ok(()) => ExecFailure::Exec(exec(&candidates, &argv, &env)),
                    Err(failure) => failure,
                };
                let _ = write(status, &failure.encode());
                stage::exit(127)
            }
        }
    }

    fn prepare(
        &self,
        cwd: &CString,
        stdin: Option<BorrowedFd<'_>>,
        stdout: BorrowedFd<'_>,
        stderr: BorrowedFd<'_>,
    ) -> Result<(), ExecFailure> {
        let other = ExecFailure::Other;
        setsid().map_err(other)?;
        SigSet::empty().thread_set_mask().map_err(other)?;
        umask(Mode::from_bits_truncate(0o022));
        chdir(cwd.as_c_str()).map_err(ExecFailure::Cwd)?;
        // Otherwise it is /dev/null already, inherited from the agent.
        if let Some(stdin) = stdin {
            dup2_stdin(stdin).map_err(other)?;
        }
        dup2_stdout(stdout).map_err(other)?;
        dup2_stderr(stderr).map_err(other)?;
        sys::close_on_exec_from(3).map_err(other)?;
        lower(Resource::RLIMIT_NPROC, self.processes).map_err(other)?;
        lower(Resource::RLIMIT_DATA, self.data).map_err(other)?;
        setrlimit(Resource::RLIMIT_NOFILE, self.files, self.files).map_err(other)?;
        if let Some(file) = self.file {
            lower(Resource::RLIMIT_FSIZE, file).map_err(other)?;
        }
        if let Some(cpus) = &self.cpus {
            sched_setaffinity(Pid::from_raw(0), cpus).map_err(other)?;
        }
        Ok(())
    }
}

/// Sets a limit, unless the host's is tighter.
fn lower(resource: Resource, limit: rlim_t) -> Result<(), Errno> {
    let (soft, hard) = getrlimit(resource)?;
    setrlimit(resource, soft.min(limit), hard.min(limit))
}

fn choose_cpus(setup: &Setup) -> Result<Option<CpuSet>, Errno> {
    let allowed = sched_getaffinity(Pid::from_raw(0))?;
    let numbers: Vec<usize> =
        (0..CpuSet::count()).filter(|&cpu| allowed.is_set(cpu).unwrap_or(false)).collect();
    let wanted = usize::try_from(setup.cpus).unwrap_or(usize::MAX);
    if wanted == 0 || wanted >= numbers.len() {
        return Ok(None);
    }
    // Sandboxes start at different processors, so that they do not all share the first.
    let first = (setup.first_cpu % numbers.len() as u64) as usize;
    let mut chosen = CpuSet::new();
    for &cpu in numbers.iter().cycle().skip(first).take(wanted) {
        chosen.set(cpu)?;
    }
    Ok(Some(chosen))
}

/// Where the program may be: as named, or in each directory of the command's own `PATH`.
fn candidates(program: &OsStr, env: &[OsString]) -> Result<Vec<CString>, Errno> {
    if program.as_bytes().contains(&b'/') {
        return Ok(vec![c_string(program.to_owned())?]);
    }
    if program.is_empty() {
        return Err(Errno::ENOENT);
    }
    let path = env
        .iter()
        .rev()
        .find_map(|entry| entry.as_bytes().strip_prefix(b"PATH="))
        .unwrap_or(DEFAULT_PATH.as_bytes());
    path.split(|&byte| byte == b':')
        .map(|directory| {
            let directory = if directory.is_empty() { b"." } else { directory };
            c_string(OsString::from_vec([directory, b"/", program.as_bytes()].concat()))
        })
        .collect()
}

/// Returns only when no candidate could be executed.
fn exec(candidates: &[CString], argv: &[CString], env: &[CString]) -> Errno {
    let mut result = Errno::ENOENT;
    for candidate in candidates {
        let Err(errno) = execve(candidate, argv, env);
        match errno {
            Errno::ENOENT | Errno::ENOTDIR => {}
            // Like execvp: a later directory may hold one that can be executed.
            Errno::EACCES => result = errno,
            errno => return errno,
        }
    }
    result
}

fn c_string(text: OsString) -> Result<CString, Errno> {
    CString::new(text.into_vec()).map_err(|_| Errno::EINVAL)
}

fn c_strings(list: Vec<OsString>) -> Result<Vec<CString>, Errno> {
    list.into_iter().map(c_string).collect()
}
