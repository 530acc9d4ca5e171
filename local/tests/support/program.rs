//! The program `orkestr-local` in a process of its own.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};

use orkestr::Client;

pub struct Program {
    child: Child,
    url: String,
}

const KEY: &str = "ork_of_the_program";

impl Program {
    pub fn start() -> Self {
        Self::start_with(&[])
    }

    pub fn start_with(arguments: &[&str]) -> Self {
        Self::start_as(Command::new(env!("CARGO_BIN_EXE_orkestr-local")), arguments)
    }

    /// After a line of shell, which sets limits or variables.
    pub fn start_after(line: &str, arguments: &[&str]) -> Self {
        let mut shell = Command::new("/bin/sh");
        let script = format!("{line}; exec \"$0\" \"$@\"");
        shell.args(["-c", &script, env!("CARGO_BIN_EXE_orkestr-local")]);
        Self::start_as(shell, arguments)
    }

    fn start_as(mut command: Command, arguments: &[&str]) -> Self {
        let mut child = command
            .args(["--listen", "127.0.0.1:0", "--api-key", KEY])
            .args(arguments)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("the program");
        let mut line = String::new();
        let stdout = child.stdout.take().expect("a pipe");
        BufReader::new(stdout).read_line(&mut line).expect("a line");
        let url = line.trim_end().strip_prefix("listening on ").expect("its address").to_owned();
        Self { child, url }
    }

    pub fn client(&self) -> Client {
        let builder = Client::builder().base_url(&self.url).api_key(KEY);
        builder.build().expect("a client")
    }

    pub fn key(&self) -> &'static str {
        KEY
    }

    pub fn address(&self) -> std::net::SocketAddr {
        self.url.trim_start_matches("http://").parse().expect("an address")
    }

    pub fn pid(&self) -> i32 {
        self.child.id().try_into().expect("a pid")
    }

    /// A number of /proc/PID/status, such as `VmRSS:` in kB or `Threads:`.
    pub fn status(&self, field: &str) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.pid()));
        let status = status.expect("it runs");
        let line = status.lines().find_map(|line| line.strip_prefix(field));
        let number = line.and_then(|rest| rest.split_ascii_whitespace().next()?.parse().ok());
        number.expect("a number")
    }

    pub fn descriptors(&self) -> usize {
        std::fs::read_dir(format!("/proc/{}/fd", self.pid())).expect("it runs").count()
    }

    pub fn mounts(&self) -> usize {
        let mounts = std::fs::read_to_string(format!("/proc/{}/mountinfo", self.pid()));
        mounts.expect("it runs").lines().count()
    }

    /// Its children: the first process of each sandbox.
    pub fn children(&self) -> Vec<i32> {
        super::children_of(self.pid())
    }

    /// Sends it a signal and waits for its end.
    pub fn end(&mut self, signal: nix::sys::signal::Signal) {
        let pid = nix::unistd::Pid::from_raw(self.pid());
        nix::sys::signal::kill(pid, signal).expect("it runs");
        self.child.wait().expect("it ends");
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // Fails only when it has ended already.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
