//! `orkestr-local`: the sandbox API on loopback.

use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use lexopt::prelude::*;
use orkestr::SandboxSize;
use orkestr_local::{ApiKey, LocalServer, Plan, Scope};
use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::filter::LevelFilter;

const HELP: &str = "\
Serves the orkestr sandbox API on loopback. For development and tests; no security boundary.

Usage: orkestr-local [OPTIONS]

Options:
  --listen ADDRESS      the loopback address to listen on; port 0 picks a free one
                        [default: 127.0.0.1:8787]
  --api-key KEY         the key to ask for [default: $ORKESTR_API_KEY, else ork_local]
  --data-dir DIR        keep volumes there, for the next start too [default: none are kept]
  --read-only-path DIR  show one more path of the host in every sandbox; may be repeated
  --read-only-key KEY   one more key, with the scope sandboxes:read alone; may be repeated
  --log FORM            logs as human or json [default: human]
  --log-level LEVEL     off, error, warn, info, debug or trace [default: info]
  -h, --help            print this
  -V, --version         print the version

The plan, without limits by default:
  --sizes SIZE,...      the sizes that may be chosen: small, medium, large
  --max-concurrent N    sandboxes that may run at once
  --max-snapshots N     snapshots that may be kept; a paused sandbox is one
  --max-named-snapshots N  snapshots with a name that may be kept
  --max-timeout SECONDS the longest timeout of a sandbox
  --request-rate N[/B]  requests a second, and how many may come at once [B: N, at least 1]
  --fleet-capacity N    sandboxes that there is room for; beyond it the fleet is full
  --trial-credit EUR    credit that running sandboxes use up

Faults are injected by POST /local/faults; the documentation of orkestr_local::Fault says how.

When it is ready, it prints one line to stdout: listening on http://ADDRESS
Logs go to stderr. SIGINT and SIGTERM end every sandbox and then the server.
";

struct Options {
    listen: SocketAddr,
    api_key: String,
    data_dir: Option<PathBuf>,
    read_only_paths: Vec<PathBuf>,
    read_only_keys: Vec<String>,
    plan: Plan,
    json: bool,
    log_level: LevelFilter,
}

fn parse() -> Result<Option<Options>, lexopt::Error> {
    let mut options = Options {
        listen: SocketAddr::from(([127, 0, 0, 1], 8787)),
        api_key: std::env::var("ORKESTR_API_KEY")
            .ok()
            .filter(|key| !key.trim().is_empty())
            .unwrap_or_else(|| "ork_local".to_owned()),
        data_dir: None,
        read_only_paths: Vec::new(),
        read_only_keys: Vec::new(),
        plan: Plan::unlimited(),
        json: false,
        log_level: LevelFilter::INFO,
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
            Long("data-dir") => options.data_dir = Some(arguments.value()?.into()),
            Long("read-only-path") => options.read_only_paths.push(arguments.value()?.into()),
            Long("read-only-key") => {
                let key = arguments.value()?.string()?;
                if key.trim().is_empty() {
                    return Err("--read-only-key must not be empty".into());
                }
                options.read_only_keys.push(key);
            }
            Long("log") => {
                options.json = match arguments.value()?.string()?.as_str() {
                    "human" => false,
                    "json" => true,
                    other => return Err(format!("--log is human or json, not '{other}'").into()),
                }
            }
            Long("log-level") => {
                let level = arguments.value()?.string()?;
                options.log_level = level.parse().map_err(|_| {
                    format!("'{level}' is no log level; use off, error, warn, info, debug or trace")
                })?;
            }
            Long(
                name @ ("sizes"
                | "max-concurrent"
                | "max-snapshots"
                | "max-named-snapshots"
                | "max-timeout"
                | "request-rate"
                | "fleet-capacity"
                | "trial-credit"),
            ) => {
                let name = name.to_owned();
                let value = arguments.value()?;
                options.plan = with_limit(options.plan, &name, &value)?;
            }
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

fn with_limit(plan: Plan, name: &str, value: &OsString) -> Result<Plan, lexopt::Error> {
    Ok(match name {
        "sizes" => {
            let sizes: Vec<SandboxSize> =
                value.to_str().unwrap_or_default().split(',').map(SandboxSize::from).collect();
            if let Some(SandboxSize::Unknown(size)) =
                sizes.iter().find(|size| matches!(size, SandboxSize::Unknown(_)))
            {
                let known = SandboxSize::KNOWN.join(", ");
                return Err(format!("'{}' is no size; known: {known}", size.as_str()).into());
            }
            plan.sizes(sizes)
        }
        "max-concurrent" => plan.max_concurrent(value.parse()?),
        "max-named-snapshots" => plan.max_named_snapshots(value.parse()?),
        "max-snapshots" => plan.max_snapshots(value.parse()?),
        "max-timeout" => plan.max_timeout(Duration::from_secs(value.parse()?)),
        "fleet-capacity" => plan.fleet_capacity(value.parse()?),
        "trial-credit" => plan.trial_credit(value.parse_with(amount)?),
        _ => {
            let (per_second, burst) = value.parse_with(rate)?;
            plan.request_rate(per_second, burst)
        }
    })
}

fn amount(text: &str) -> Result<f64, String> {
    let amount = text.parse::<f64>().ok().filter(|amount| amount.is_finite() && *amount >= 0.0);
    amount.ok_or_else(|| "it should be a number, not below 0".to_owned())
}

fn rate(text: &str) -> Result<(f64, u32), String> {
    let (per_second, burst) = match text.split_once('/') {
        Some((per_second, burst)) => (per_second, Some(burst)),
        None => (text, None),
    };
    let per_second = amount(per_second)?;
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it saturates")]
    let usual = per_second.ceil().max(1.0) as u32;
    let burst = match burst {
        Some(burst) => {
            burst.parse().map_err(|_| "the burst should be a whole number".to_owned())?
        }
        None => usual,
    };
    Ok((per_second, burst))
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
    let log = tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .with_ansi(false)
        .with_max_level(options.log_level);
    if options.json {
        log.json().flatten_event(true).init();
    } else {
        log.init();
    }
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
    let mut builder =
        LocalServer::builder().listen(options.listen).api_key(options.api_key).plan(options.plan);
    for key in options.read_only_keys {
        builder = builder.key(ApiKey::new(key).scopes([Scope::SandboxesRead]));
    }
    if let Some(path) = options.data_dir {
        builder = builder.data_dir(path);
    }
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
