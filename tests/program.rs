//! The program `orkestr-local`: its one line, its logs, its key, its end.

mod local_support;

use std::io::{BufRead as _, BufReader, Read as _};
use std::path::PathBuf;
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use local_support::{Marker, PATIENCE, TEMPLATE, TestResult, failure};
use orkestr::{Client, ErrorKind, Sandbox};

const KEY: &str = "ork_a_key_that_no_log_shows";

/// Built here, because cargo builds the programs of another package for no test: into the target
/// directory and profile that this test itself was built in.
fn binary() -> &'static PathBuf {
    static BINARY: OnceLock<PathBuf> = OnceLock::new();
    BINARY.get_or_init(|| {
        let this = std::env::current_exe().expect("a path");
        let profile_directory = this.ancestors().nth(2).expect("TARGET/PROFILE/deps/program");
        let profile = match profile_directory.file_name().and_then(|name| name.to_str()) {
            Some("debug") | None => "dev",
            Some(other) => other,
        };
        let status = Command::new(env!("CARGO"))
            .args(["build", "--quiet", "--package", "orkestr-local", "--bin", "orkestr-local"])
            .args(["--profile", profile, "--target-dir"])
            .arg(profile_directory.parent().expect("TARGET"))
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .status();
        assert!(status.is_ok_and(|status| status.success()), "the program cannot be built");
        profile_directory.join("orkestr-local")
    })
}

fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(binary());
    command.args(arguments).env_remove("ORKESTR_API_KEY");
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// A running program, which is killed with the test.
struct Program {
    child: Child,
    stdout: BufReader<ChildStdout>,
    base_url: String,
}

/// What an ended program has left.
struct Ended {
    status: ExitStatus,
    stdout: String,
    stderr: String,
}

impl Program {
    fn start(arguments: &[&str]) -> Self {
        Self::of(command(&[&["--listen", "127.0.0.1:0"], arguments].concat()))
    }

    /// Waits for the line that says ready.
    fn of(mut command: Command) -> Self {
        let mut child = command.spawn().expect("it can be run");
        let mut stdout = BufReader::new(child.stdout.take().expect("a pipe"));
        let mut line = String::new();
        stdout.read_line(&mut line).expect("text");
        let url = line.strip_prefix("listening on ").and_then(|rest| rest.strip_suffix('\n'));
        let base_url = url.unwrap_or_else(|| panic!("its first line is {line:?}")).to_owned();
        Self { child, stdout, base_url }
    }

    fn client(&self, api_key: &str) -> Client {
        let client = Client::builder().base_url(&self.base_url).api_key(api_key).build();
        client.expect("a valid client")
    }

    /// A sandbox in which `marker` sleeps in the background.
    async fn sandbox_with(&self, marker: &Marker) -> Result<Sandbox, orkestr::Error> {
        let sbx = Sandbox::create(TEMPLATE).client(&self.client("ork_local")).await?;
        sbx.exec(format!("{} &", marker.sleep())).await?;
        marker.has_started().await;
        Ok(sbx)
    }

    fn signal(&self, name: &str) {
        let id = self.child.id().to_string();
        let status = Command::new("kill").args(["-s", name, &id]).status();
        assert!(status.is_ok_and(|status| status.success()), "it cannot be signalled");
    }

    fn ended(mut self) -> Ended {
        let status = wait(&mut self.child);
        let (mut stdout, mut stderr) = (String::new(), String::new());
        self.stdout.read_to_string(&mut stdout).expect("text");
        self.child.stderr.take().expect("a pipe").read_to_string(&mut stderr).expect("text");
        Ended { status, stdout, stderr }
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // Both fail where it has ended already.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

fn wait(child: &mut Child) -> ExitStatus {
    let started = Instant::now();
    loop {
        if let Some(status) = child.try_wait().expect("a child") {
            return status;
        }
        assert!(started.elapsed() < PATIENCE, "it does not end");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// A program that must end by itself.
fn run(mut command: Command) -> (Option<i32>, String, String) {
    let mut child = command.spawn().expect("it can be run");
    let status = wait(&mut child);
    let output = child.wait_with_output().expect("its output");
    let text = |bytes| String::from_utf8(bytes).expect("text");
    (status.code(), text(output.stdout), text(output.stderr))
}

#[tokio::test]
async fn it_says_one_line_when_it_is_ready_and_logs_neither_keys_nor_bodies() -> TestResult {
    let program = Program::start(&["--api-key", KEY]);
    let port = program.base_url.strip_prefix("http://127.0.0.1:").expect("a loopback URL");
    assert!(port.parse::<u16>().is_ok_and(|port| port > 0), "{port}");

    let client = program.client(KEY);
    let create = Sandbox::create(TEMPLATE).client(&client).env("TOKEN", "value_of_a_variable");
    let sbx = create.metadata("tag", "value_of_a_tag").await?;
    sbx.exec("echo text_of_a_command").env("MORE", "value_of_a_variable").await?;
    sbx.files().write("/workspace/name_of_a_file", "text_of_a_file").await?;
    sbx.files().read("/workspace/name_of_a_file").await?;
    drop(Sandbox::list().client(&client).metadata("tag", "value_of_a_tag").await?);
    drop(sbx.exec("echo text_of_a_command; kill -9 $$").await);
    drop(Sandbox::list().client(&client).api_key("ork_another_key").await);

    program.signal("TERM");
    let ended = program.ended();
    assert_eq!(ended.stdout, "", "one line is all that stdout gets");
    assert!(ended.stderr.contains("/v1/sandboxes/{id}/exec"), "{}", ended.stderr);
    for secret in [KEY, "ork_another_key", "value_of_a", "text_of_a", "name_of_a"] {
        assert!(!ended.stderr.contains(secret), "{secret} is in the log:\n{}", ended.stderr);
    }
    assert!(!ended.stderr.contains('\u{1b}'), "colours are for terminals");
    Ok(())
}

#[tokio::test]
async fn it_asks_for_the_key_of_its_option_its_environment_or_its_default() -> TestResult {
    let listen = ["--listen", "127.0.0.1:0"];
    let with_variable = |value: &str, arguments: &[&str]| {
        let mut command = command(&[&listen, arguments].concat());
        command.env("ORKESTR_API_KEY", value);
        Program::of(command)
    };
    for (program, right, wrong) in [
        (Program::start(&[]), "ork_local", KEY),
        (Program::start(&["--api-key", KEY]), KEY, "ork_local"),
        (with_variable("ork_variable", &[]), "ork_variable", "ork_local"),
        (with_variable("", &[]), "ork_local", KEY),
        (with_variable("ork_variable", &["--api-key", KEY]), KEY, "ork_variable"),
    ] {
        assert!(Sandbox::list().client(&program.client(right)).await?.is_empty());
        let refused = Sandbox::list().client(&program.client(wrong)).await;
        failure(refused, ErrorKind::Auth);
    }
    Ok(())
}

#[tokio::test]
async fn sigterm_and_sigint_end_every_sandbox_and_then_the_program() -> TestResult {
    for signal in ["TERM", "INT"] {
        let program = Program::start(&[]);
        let markers = [Marker::new(), Marker::new(), Marker::new()];
        for marker in &markers {
            program.sandbox_with(marker).await?;
        }
        let paused = program.sandbox_with(&Marker::new()).await?;
        paused.pause().await?;
        program.signal(signal);
        let ended = program.ended();
        assert_eq!(ended.status.code(), Some(0), "{signal}: {}", ended.stderr);
        for marker in &markers {
            assert_eq!(marker.processes(), 0, "{signal}");
        }
    }
    Ok(())
}

#[tokio::test]
async fn a_request_under_way_does_not_hold_the_end_up() -> TestResult {
    let program = Program::start(&[]);
    let sbx = Sandbox::create(TEMPLATE).client(&program.client("ork_local")).await?;
    let marker = Marker::new();
    let mut stream = sbx.exec_stream(marker.sleep()).await?;
    marker.has_started().await;
    program.signal("TERM");
    assert_eq!(program.ended().status.code(), Some(0));
    assert_eq!(marker.processes(), 0);
    let last = local_support::in_time(async {
        let mut last = None;
        while let Some(event) = futures::StreamExt::next(&mut stream).await {
            last = Some(event);
        }
        last
    });
    assert!(last.await.expect("an item").is_err(), "a stream that is cut ends with an error");
    Ok(())
}

#[tokio::test]
async fn a_program_that_is_killed_takes_its_sandboxes_with_it() -> TestResult {
    let program = Program::start(&[]);
    let (running, paused) = (Marker::new(), Marker::new());
    program.sandbox_with(&running).await?;
    program.sandbox_with(&paused).await?.pause().await?;
    program.signal("KILL");
    assert_eq!(program.ended().status.code(), None);
    running.is_gone().await;
    paused.is_gone().await;
    Ok(())
}

#[tokio::test]
async fn more_of_the_host_can_be_shown_read_only() -> TestResult {
    let tests = concat!(env!("CARGO_MANIFEST_DIR"), "/tests");
    let program = Program::start(&["--read-only-path", tests]);
    let sbx = Sandbox::create(TEMPLATE).client(&program.client("ork_local")).await?;
    let shown = sbx.exec(format!("head -n 1 {tests}/program.rs")).await?;
    assert!(shown.stdout.starts_with("//! The program"), "{shown:?}");
    assert!(!sbx.exec(format!("touch {tests}/x")).await?.success());
    assert!(!sbx.exec(format!("test -e {tests}/../src")).await?.success());
    Ok(())
}

#[test]
fn a_port_in_use_is_a_failure_that_names_it() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = taken.local_addr().expect("bound").to_string();
    let (code, stdout, stderr) = run(command(&["--listen", &address]));
    assert_eq!((code, stdout.as_str()), (Some(1), ""), "{stderr}");
    assert!(stderr.contains(&address) && stderr.to_lowercase().contains("in use"), "{stderr}");
}

#[test]
fn an_address_beyond_loopback_is_refused() {
    for address in ["0.0.0.0:0", "192.0.2.1:8787", "[::]:0"] {
        let (code, stdout, stderr) = run(command(&["--listen", address]));
        assert!(matches!(code, Some(1 | 2)), "{code:?} {stderr}");
        assert_eq!(stdout, "");
        assert!(stderr.contains("loopback"), "{stderr}");
    }
}

#[test]
fn bad_arguments_are_exit_code_2_and_name_the_problem() {
    for (arguments, named) in [
        (&["--port", "1"][..], "--port"),
        (&["serve"], "serve"),
        (&["--listen"], "--listen"),
        (&["--listen", "localhost"], "localhost"),
        (&["--listen", "127.0.0.1:99999"], "127.0.0.1:99999"),
        (&["--api-key", ""], "--api-key"),
        (&["-x"], "-x"),
    ] {
        let (code, stdout, stderr) = run(command(arguments));
        assert_eq!((code, stdout.as_str()), (Some(2), ""), "{arguments:?}: {stderr}");
        assert!(stderr.contains(named), "{arguments:?}: {stderr}");
    }
}

#[test]
fn help_and_version_are_printed() {
    for flag in ["--help", "-h"] {
        let (code, stdout, stderr) = run(command(&[flag]));
        assert_eq!((code, stderr.as_str()), (Some(0), ""));
        for option in ["--listen", "--api-key", "--read-only-path", "--version"] {
            assert!(stdout.contains(option), "{option} is not in the help");
        }
    }
    for flag in ["--version", "-V"] {
        let (code, stdout, _) = run(command(&[flag]));
        assert_eq!(
            (code, stdout.as_str()),
            (Some(0), concat!("orkestr-local ", env!("CARGO_PKG_VERSION"), "\n"))
        );
    }
}
