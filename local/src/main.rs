//! `orkestr-local`: the sandbox API on loopback.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use lexopt::prelude::*;
use orkestr_local::LocalServer;
use tokio::signal::unix::{SignalKind, signal};

const HELP: &str = "\
Serves the orkestr sandbox API on loopback. For development and tests; no security boundary.

Usage: orkestr-local [OPTIONS]

Options:
  --listen ADDRESS      the loopback address to listen on; port 0 picks a free one
                        [default: 127.0.0.1:8787]
  --api-key KEY         the key to ask for [default: $ORKESTR_API_KEY, else ork_local]
  --read-only-path DIR  show one more path of the host in every sandbox; may be repeated
  -h, --help            print this
  -V, --version         print the version

When it is ready, it prints one line to stdout: listening on http://ADDRESS
Logs go to stderr. SIGINT and SIGTERM end every sandbox and then the server.
";

struct Options {
    listen: SocketAddr,
    api_key: String,
    read_only_paths: Vec<PathBuf>,
}

fn parse() -> Result<Option<Options>, lexopt::Error> {
    let mut options = Options {
        listen: SocketAddr::from(([127, 0, 0, 1], 8787)),
        api_key: std::env::var("ORKESTR_API_KEY")
            .ok()
            .filter(|key| !key.trim().is_empty())
            .unwrap_or_else(|| "ork_local".to_owned()),
        read_only_paths: Vec::new(),
    };
    let mut arguments = lexopt::Parser::from_env();
    while let Some(argument) = arguments.next()? {
        match argument {
            Long("listen") => options.listen = arguments.value()?.parse()?,
            Long("api-key") => {
                options.api_key = arguments.value()?.string()?;
                if options.api_key.trim().is_empty() {
                    return Err("--api-key must not be empty".into());
                }
            }
            Long("read-only-path") => options.read_only_paths.push(arguments.value()?.into()),
            Short('h') | Long("help") => {
                print(HELP.trim_end());
                return Ok(None);
            }
            Short('V') | Long("version") => {
                print(concat!("orkestr-local ", env!("CARGO_PKG_VERSION")));
                return Ok(None);
            }
            other => return Err(other.unexpected()),
        }
    }
    Ok(Some(options))
}

#[allow(clippy::print_stdout, reason = "a program's answer")]
fn print(line: &str) {
    println!("{line}");
}

#[allow(clippy::print_stderr, reason = "a program's complaint")]
fn complain(error: &dyn std::error::Error) -> ExitCode {
    eprintln!("orkestr-local: {error}");
    ExitCode::FAILURE
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let options = match parse() {
        Ok(Some(options)) => options,
        Ok(None) => return ExitCode::SUCCESS,
        Err(error) => {
            complain(&error);
            return ExitCode::from(2);
        }
    };
    tracing_subscriber::fmt().with_writer(std::io::stderr).with_ansi(false).init();
    match run(options).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => complain(&*error),
    }
}

/// Each sandbox takes a few descriptors, and the usual soft limit is for programs of one user.
fn raise_open_files() {
    use nix::sys::resource::{Resource, getrlimit, setrlimit};
    if let Ok((_, hard)) = getrlimit(Resource::RLIMIT_NOFILE) {
        // Without it there are fewer sandboxes.
        let _ = setrlimit(Resource::RLIMIT_NOFILE, hard, hard);
    }
}

async fn run(options: Options) -> Result<(), Box<dyn std::error::Error>> {
    raise_open_files();
    // Before the line that says ready: whoever waits for it may signal at once.
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut builder = LocalServer::builder().listen(options.listen).api_key(options.api_key);
    for path in options.read_only_paths {
        builder = builder.read_only_path(path);
    }
    let server = builder.start().await?;
    print(&format!("listening on {}", server.base_url()));
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
    server.shutdown().await;
    Ok(())
}
