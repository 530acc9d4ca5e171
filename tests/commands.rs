//! Background commands on the local server, over connections that last and that do not.

#[path = "support/proxy.rs"]
#[allow(dead_code, unreachable_pub, reason = "shared by test binaries")]
mod proxy;

use std::future::IntoFuture as _;
use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Command as Process, Stdio};
use std::time::Duration;

use futures::{FutureExt as _, StreamExt as _, TryStreamExt as _};
use orkestr::{
    Client, Command, CommandCursor, CommandEvent, CommandStatus, CommandStream, Error, ErrorKind,
    RetryPolicy, Sandbox,
};
use orkestr_local::LocalServer;
use proptest::prelude::*;
use proxy::Proxy;

/// Runs until the file is there.
const UNTIL_GO: &str = "until [ -e /workspace/go ]; do sleep 0.02; done";

async fn start() -> (LocalServer, Sandbox) {
    let server = LocalServer::start().await.expect("a server");
    let client = server.client();
    let sbx = Sandbox::create("debian-12").client(&client).await.expect("a sandbox");
    (server, sbx)
}

async fn go(sbx: &Sandbox) {
    sbx.files().write("/workspace/go", "").await.expect("written");
}

/// A client that is never tired of connecting again.
fn patient(server: &LocalServer, base_url: String) -> Client {
    let policy = RetryPolicy::transient()
        .max_retries(u32::MAX)
        .initial_delay(Duration::ZERO)
        .max_delay(Duration::ZERO)
        .budget(Duration::from_secs(600));
    let builder = Client::builder().api_key(server.api_key().clone()).base_url(base_url);
    builder.transient_retry(policy).build().expect("a client")
}

#[derive(Debug, Default, PartialEq)]
struct All {
    stdout: Vec<u8>,
    stderr: Vec<u8>,
    combined: Vec<u8>,
    last: Option<CommandEvent>,
}

impl All {
    fn add(&mut self, event: CommandEvent) {
        assert_eq!(self.last, None, "nothing follows the last event");
        match event {
            CommandEvent::Stdout(bytes) => {
                self.stdout.extend_from_slice(&bytes);
                self.combined.extend(bytes);
            }
            CommandEvent::Stderr(bytes) => {
                self.stderr.extend_from_slice(&bytes);
                self.combined.extend(bytes);
            }
            last => self.last = Some(last),
        }
    }
}

async fn all(mut stream: CommandStream) -> Result<All, Error> {
    let mut all = All::default();
    let first = stream.offset();
    while let Some(event) = stream.try_next().await? {
        all.add(event);
        assert_eq!(stream.offset(), first + all.combined.len() as u64);
    }
    assert!(stream.next().await.is_none(), "an ended stream stays so");
    Ok(all)
}

/// Reads until the standard output has this text.
async fn read_until(stream: &mut CommandStream, text: &str) -> Vec<u8> {
    let mut seen = Vec::new();
    while !String::from_utf8_lossy(&seen).contains(text) {
        match stream.try_next().await.expect("no error") {
            Some(CommandEvent::Stdout(bytes)) => seen.extend(bytes),
            other => panic!("{other:?} before {text:?}"),
        }
    }
    seen
}

#[tokio::test]
async fn spawn_wait_and_logs() {
    let (_server, sbx) = start().await;
    let command = sbx
        .spawn("pwd; echo \"$A$B\" >&2; exit 7")
        .cwd("/tmp")
        .env("A", "1")
        .envs([("B", "2")])
        .await
        .expect("spawned");
    assert!(command.id().starts_with("cmd_"), "{}", command.id());
    assert_eq!(command.sandbox_id(), sbx.id());
    assert!(command.pid().is_some() && command.started_at().is_some());

    let exit = command.wait().timeout(Duration::from_secs(60)).await.expect("it ends");
    assert_eq!((exit.status.clone(), exit.exit_code), (CommandStatus::Exited, Some(7)));
    assert!(!exit.success());
    assert_eq!((command.status(), command.exit_code()), (CommandStatus::Exited, Some(7)));

    let read = all(command.stream(0)).await.expect("whole");
    assert_eq!((read.stdout, read.stderr), (b"/tmp\n".to_vec(), b"12\n".to_vec()));
    assert!(matches!(read.last, Some(CommandEvent::Exited { exit_code: 7, .. })));

    let page = command.logs(0).await.expect("logs");
    assert_eq!(page.as_bytes(), read.combined);
    assert_eq!((page.next_offset, page.truncated), (8, false));
    let rest = command.logs(3).await.expect("logs");
    assert_eq!(rest.as_bytes(), &read.combined[3..]);
    let nothing = command.logs(page.next_offset).await.expect("logs");
    assert_eq!((nothing.text.as_str(), nothing.next_offset), ("", 8));
}

#[tokio::test]
async fn a_command_that_cannot_be_started_is_refused_or_exits() {
    let (_server, sbx) = start().await;
    let error = sbx.spawn("true").cwd("/nowhere").await.expect_err("no such directory");
    assert_eq!(error.code(), Some("bad_cwd"), "{error}");
    let error = sbx.spawn("true").cwd("tmp").await.expect_err("not absolute");
    assert_eq!(error.status(), Some(422), "{error}");
    let command = sbx.spawn("no-such-program-here").await.expect("the shell starts");
    assert_eq!(command.wait().await.expect("it ends").exit_code, Some(127));
}

#[tokio::test]
async fn a_limit_on_waiting_does_not_touch_the_command() {
    let (_server, sbx) = start().await;
    let command = sbx.spawn(UNTIL_GO).await.expect("spawned");
    let error = command.wait().timeout(Duration::from_millis(50)).await.expect_err("it runs");
    assert_eq!(error.kind(), ErrorKind::WaitTimeout, "{error}");
    assert!(error.message().contains(command.id()), "{error}");
    command.refresh().await.expect("refreshed");
    assert_eq!((command.status(), command.exit_code()), (CommandStatus::Running, None));
    go(&sbx).await;
    assert!(command.wait().await.expect("it ends").success());
}

#[tokio::test]
async fn another_client_lists_and_reattaches() {
    let (server, sbx) = start().await;
    let command = sbx.spawn(UNTIL_GO).await.expect("spawned");
    let ended = sbx.spawn("true").await.expect("spawned");
    ended.wait().await.expect("it ends");

    let elsewhere = Sandbox::get(sbx.id()).client(&server.client()).await.expect("attached");
    let listed = elsewhere.commands().await.expect("listed");
    let mut ids: Vec<_> = listed.iter().map(|one| (one.id(), one.status())).collect();
    ids.sort_by_key(|(id, _)| *id != command.id());
    assert_eq!(ids, [(command.id(), CommandStatus::Running), (ended.id(), CommandStatus::Exited)]);

    let again = elsewhere.command(command.id()).await.expect("reattached");
    assert_eq!(again.command_line().as_deref(), Some(UNTIL_GO));
    assert_eq!((again.pid(), again.started_at()), (command.pid(), command.started_at()));
    let stored = serde_json::to_string(&command).expect("it serialises");
    let cursor: CommandCursor = serde_json::from_str(&stored).expect("a cursor");
    let third = Command::attach(cursor).client(&server.client()).await.expect("attached");
    go(&sbx).await;
    assert!(third.wait().await.expect("it ends").success());
    assert!(again.wait().await.expect("it ends").success());
}

#[tokio::test]
async fn what_is_missing_is_not_found_and_the_sandbox_is_blamed_only_if_it_is_gone() {
    let (server, sbx) = start().await;
    let error = sbx.command("cmd_01").await.expect_err("none");
    assert_eq!((error.kind(), error.code()), (ErrorKind::NotFound, Some("command_not_found")));
    for bad in ["", "..", "a/b"] {
        let error = sbx.command(bad).await.expect_err(bad);
        assert_eq!(error.kind(), ErrorKind::InvalidInput, "{bad}");
        let cursor = CommandCursor::new(sbx.id(), bad, 0);
        let stream = Command::attach(cursor).client(&server.client()).stream();
        assert_eq!(stream.expect_err(bad).kind(), ErrorKind::InvalidInput);
    }
    let cursor = CommandCursor::new(sbx.id(), "cmd_01", 0);
    let stream = Command::attach(cursor).client(&server.client()).stream().expect("a stream");
    assert_eq!(all(stream).await.expect_err("none").kind(), ErrorKind::NotFound);
}

#[tokio::test]
async fn kill_is_heard_and_can_be_repeated() {
    let (_server, sbx) = start().await;
    let polite = "trap 'echo bye; exit 3' TERM; echo ready; while :; do sleep 0.02; done";
    let command = sbx.spawn(polite).await.expect("spawned");
    let mut stream = command.stream(0);
    read_until(&mut stream, "ready\n").await;
    command.kill().await.expect("killed");
    let rest = all(stream).await.expect("whole");
    assert_eq!(rest.stdout, b"bye\n");
    assert!(matches!(rest.last, Some(CommandEvent::Exited { exit_code: 3, .. })), "{rest:?}");
    command.kill().await.expect("a second time does nothing");
    assert_eq!(command.wait().await.expect("it ended").exit_code, Some(3));

    let command = sbx.spawn("exec sleep 1000").await.expect("spawned");
    command.kill().await.expect("killed");
    let exit = command.wait().await.expect("it ended");
    assert_eq!((exit.status, exit.exit_code), (CommandStatus::Killed, None));
    let read = all(command.stream(0)).await.expect("a kill is no error");
    assert_eq!(read.last, Some(CommandEvent::Killed { signal: Some(15) }));
}

#[tokio::test]
async fn what_ignores_sigterm_is_killed_with_all_its_group() {
    let (_server, sbx) = start().await;
    let stubborn = "trap '' TERM; sleep 1000 & echo $!; while :; do sleep 1; done";
    let command = sbx.spawn(stubborn).await.expect("spawned");
    let mut stream = command.stream(0);
    let pid = read_until(&mut stream, "\n").await;
    let pid = String::from_utf8(pid).expect("a number");
    command.kill().await.expect("killed");
    let rest = all(stream).await.expect("whole");
    assert_eq!(rest.last, Some(CommandEvent::Killed { signal: Some(9) }));
    let left = sbx.exec(format!("kill -0 {pid}")).await.expect("run");
    assert_ne!(left.exit_code, 0, "its child {pid} lives on");
}

#[tokio::test]
async fn output_is_lossless_from_any_offset() {
    let (_server, sbx) = start().await;
    let command = sbx.spawn(noise(20)).await.expect("spawned");
    // While it writes, and again when it has ended.
    let live = all(command.stream(0)).await.expect("whole");
    assert_eq!(live.stdout, sbx.files().read_bytes("/tmp/out").await.expect("read"));
    assert_eq!(live.stderr, sbx.files().read_bytes("/tmp/err").await.expect("read"));
    let size = live.combined.len();
    assert_eq!(size, 20 * (777 + 333));
    for offset in [0, 1, 776, 777, 778, size / 2, size - 1, size] {
        let rest = all(command.stream(offset as u64)).await.expect("whole");
        assert!(rest.combined == live.combined[offset..], "from {offset}");
        assert_eq!(rest.last, live.last);
    }
    let page = command.logs(0).await.expect("logs");
    assert_eq!(page.next_offset, size as u64, "whatever the text has lost");
}

#[tokio::test]
async fn long_output_comes_in_pages() {
    let (_server, sbx) = start().await;
    let command = sbx.spawn("yes größer | head -c 2999997").await.expect("spawned");
    assert!(command.wait().await.expect("it ends").success());
    let (mut text, mut offset, mut pages) = (String::new(), 0, 0);
    loop {
        let page = command.logs(offset).await.expect("logs");
        text.push_str(&page.text);
        (offset, pages) = (page.next_offset, pages + 1);
        if !page.truncated {
            break;
        }
    }
    assert!(text == "größer\n".repeat(333_333));
    assert!(pages > 1 && offset == 2_999_997);
}

/// Random bytes on both outputs, kept in files as well.
fn noise(rounds: u32) -> String {
    format!(
        "for i in $(seq {rounds}); do head -c 777 /dev/urandom | tee -a /tmp/out; \
         head -c 333 /dev/urandom | tee -a /tmp/err >&2; done"
    )
}

#[tokio::test]
async fn output_that_is_no_longer_kept_is_an_error_and_never_a_gap() {
    let (_server, sbx) = start().await;
    let command = sbx.spawn("yes | head -c 80000000").await.expect("spawned");
    assert!(command.wait().await.expect("it ends").success());
    let error = all(command.stream(0)).await.expect_err("the beginning is gone");
    assert_eq!(error.code(), Some("output_truncated"), "{error}");
    let rest = all(command.stream(79_999_999)).await.expect("the end is there");
    assert_eq!(rest.combined, b"\n");
    let error = command.logs(0).await.expect_err("the beginning is gone");
    assert_eq!(error.code(), Some("output_truncated"), "{error}");
    let page = command.logs(79_999_998).await.expect("logs");
    assert_eq!((page.text.as_str(), page.next_offset, page.truncated), ("y\n", 80_000_000, false));
}

#[tokio::test]
async fn a_follower_gets_more_than_is_kept() {
    const SIZE: usize = 80_000_000;
    let (_server, sbx) = start().await;
    let command = format!("echo ready; {UNTIL_GO}; yes 0123456 | head -c {SIZE}");
    let command = sbx.spawn(command).await.expect("spawned");
    let mut stream = command.stream(0);
    read_until(&mut stream, "ready\n").await;
    go(&sbx).await;
    let mut at = 0;
    while let Some(event) = stream.try_next().await.expect("nothing is lost") {
        if let CommandEvent::Stdout(bytes) = event {
            let wanted = b"0123456\n".repeat(bytes.len() / 8 + 2);
            assert!(bytes == wanted[at % 8..][..bytes.len()], "in {at}..");
            at += bytes.len();
        }
    }
    assert_eq!(at, SIZE);
}

#[tokio::test]
async fn a_stream_goes_on_after_a_cut_in_the_middle() {
    let (server, sbx) = start().await;
    let proxy = Proxy::start(server.address(), []).await;
    let command = sbx.spawn(format!("echo one; {UNTIL_GO}; echo two")).await.expect("spawned");
    let client = patient(&server, proxy.base_url());
    let mut stream = Command::attach(&command).client(&client).stream().expect("a stream");
    read_until(&mut stream, "one\n").await;
    proxy.cut();
    go(&sbx).await;
    let rest = all(stream).await.expect("whole");
    assert_eq!(rest.stdout, b"two\n");
    assert!(matches!(rest.last, Some(CommandEvent::Exited { exit_code: 0, .. })));
    assert_eq!(proxy.follows(), 2);
}

#[tokio::test]
async fn without_retries_a_cut_is_an_error_whose_cursor_goes_on() {
    let (server, sbx) = start().await;
    let proxy = Proxy::start(server.address(), []).await;
    let command = sbx.spawn(format!("echo one; {UNTIL_GO}; echo two")).await.expect("spawned");
    let client = Client::builder()
        .api_key(server.api_key().clone())
        .base_url(proxy.base_url())
        .transient_retry(RetryPolicy::none())
        .build()
        .expect("a client");
    let mut stream = Command::attach(&command).client(&client).stream().expect("a stream");
    read_until(&mut stream, "one\n").await;
    proxy.cut();
    let error = stream.next().await.expect("an item").expect_err("a cut");
    assert_eq!(error.kind(), ErrorKind::Connection, "{error}");
    assert!(stream.next().await.is_none());
    go(&sbx).await;
    let stream = Command::attach(stream.cursor()).client(&client).stream().expect("a stream");
    assert_eq!(all(stream).await.expect("whole").stdout, b"two\n");
}

#[tokio::test]
async fn a_stream_goes_on_after_the_servers_time_limit() {
    let (server, sbx) = start().await;
    let proxy = Proxy::start(server.address(), []).await;
    let command = sbx.spawn(format!("echo one; {UNTIL_GO}; echo two")).await.expect("spawned");
    // The time limit is no failure: it needs no retry.
    let client = Client::builder()
        .api_key(server.api_key().clone())
        .base_url(proxy.base_url())
        .transient_retry(RetryPolicy::none())
        .build()
        .expect("a client");
    let stream = Command::attach(&command).client(&client).stream().expect("a stream");
    let stream = stream.connection_limit(Duration::from_secs(1));
    let followed = async {
        while proxy.follows() < 3 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    let read = all(stream);
    tokio::pin!(read);
    tokio::select! {
        read = &mut read => panic!("the stream ended before the command: {read:?}"),
        () = followed => {}
    }
    let (read, ()) = tokio::join!(read, go(&sbx));
    assert_eq!(read.expect("whole").stdout, b"one\ntwo\n");
}

/// One command that has ended, and what it wrote.
async fn recorded() -> (LocalServer, Command, All) {
    let (server, sbx) = start().await;
    let command = sbx.spawn(noise(6)).await.expect("spawned");
    let whole = all(command.stream(0)).await.expect("whole");
    (server, command, whole)
}

#[test]
fn any_cuts_give_every_byte_exactly_once() {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let (server, command, whole) = runtime.block_on(recorded());
    // About what one connection carries: the head, and base64 in frames.
    let wire = whole.combined.len() * 2;
    let cuts = prop::collection::vec(prop_oneof![0..600_usize, 0..wire], 0..12);
    let first = 0..=whole.combined.len();
    proptest!(ProptestConfig::with_cases(60), |(cuts in cuts, first in first)| {
        let read = runtime.block_on(async {
            let proxy = Proxy::start(server.address(), cuts.clone()).await;
            let client = patient(&server, proxy.base_url());
            let cursor = command.cursor(first as u64);
            let stream = Command::attach(cursor).client(&client).stream().expect("a stream");
            all(stream).await
        });
        let read = read.expect("whole");
        prop_assert!(read.combined == whole.combined[first..], "cut at {:?} from {}", cuts, first);
        prop_assert_eq!(&read.last, &whole.last);
    });
}

#[tokio::test]
async fn kill_on_drop_kills_with_the_last_handle_and_the_last_stream() {
    let (_server, sbx) = start().await;
    let kept = sbx.spawn(UNTIL_GO).await.expect("spawned");
    let left = sbx.command(kept.id()).await.expect("attached");
    drop(kept);

    let command = sbx.spawn("exec sleep 1000").kill_on_drop(true).await.expect("spawned");
    let watcher = sbx.command(command.id()).await.expect("attached");
    drop(command.clone());
    let stream = command.stream(0);
    drop(command);
    watcher.refresh().await.expect("refreshed");
    assert_eq!(watcher.status(), CommandStatus::Running, "a stream and a clone are left");
    drop(stream);
    assert_eq!(watcher.wait().await.expect("it ends").status, CommandStatus::Killed);

    left.refresh().await.expect("refreshed");
    assert_eq!(left.status(), CommandStatus::Running, "by default a command outlives its handle");
    go(&sbx).await;
    assert!(left.wait().await.expect("it ends").success());
}

#[tokio::test]
async fn kill_on_drop_holds_for_a_spawn_whose_caller_left() {
    let (_server, sbx) = start().await;
    let spawn = sbx.spawn("exec sleep 1000").kill_on_drop(true).into_future();
    assert!(spawn.now_or_never().is_none(), "no request is answered at once");
    let command = loop {
        if let Some(command) = sbx.commands().await.expect("listed").pop() {
            break command;
        }
        tokio::task::yield_now().await;
    };
    assert_eq!(command.wait().await.expect("it ends").status, CommandStatus::Killed);
}

#[tokio::test]
async fn a_command_survives_pause_and_resume() {
    let (server, sbx) = start().await;
    let command = sbx.spawn(format!("echo one; {UNTIL_GO}; echo two")).await.expect("spawned");
    let mut stream = command.stream(0);
    read_until(&mut stream, "one\n").await;
    let id = sbx.pause().await.expect("paused");
    command.refresh().await.expect("it can be asked for");
    assert_eq!(command.status(), CommandStatus::Running);
    assert_eq!(command.logs(0).await.expect("logs").text, "one\n");
    let error = command.kill().await.expect_err("paused");
    assert_eq!(error.kind(), ErrorKind::SandboxNotReady, "{error}");
    let resumed = Sandbox::resume(id).client(&server.client()).await.expect("resumed");
    go(&resumed).await;
    let rest = all(stream).await.expect("whole");
    assert_eq!(rest.stdout, b"two\n");
    assert!(command.wait().await.expect("it ends").success());
}

#[tokio::test]
async fn a_command_ends_with_its_sandbox_and_the_stream_says_so() {
    let (_server, sbx) = start().await;
    let command = sbx.spawn("echo one; exec sleep 1000").await.expect("spawned");
    let mut stream = command.stream(0);
    read_until(&mut stream, "one\n").await;
    sbx.terminate().await.expect("terminated");
    let error = all(stream).await.expect_err("no exit code is made up");
    assert_eq!(error.code(), Some("sandbox_ended"), "{error}");
    for error in [
        command.refresh().await.expect_err("gone"),
        command.kill().await.expect_err("gone"),
        command.wait().await.expect_err("gone"),
        sbx.commands().await.expect_err("gone"),
        sbx.spawn("true").await.expect_err("gone"),
        all(command.stream(0)).await.expect_err("gone"),
    ] {
        assert_eq!(error.kind(), ErrorKind::SandboxNotReady, "{error}");
    }
}

const CURSOR: &str = "ORKESTR_TEST_CURSOR";
const MARK: &str = "@@ ";

/// The reader that dies: it prints each piece with the cursor behind it, in one line.
#[tokio::test]
#[ignore = "runs inside `a_killed_reader_is_continued_by_another_process`"]
async fn reader_in_a_process_of_its_own() {
    let Ok(cursor) = std::env::var(CURSOR) else { return };
    let cursor: CommandCursor = serde_json::from_str(&cursor).expect("a cursor");
    // The key and the base URL come from the environment, as they would elsewhere.
    let mut stream = Command::attach(cursor).stream().expect("a stream");
    let mut out = std::io::stdout();
    while let Some(event) = stream.try_next().await.expect("no error") {
        let bytes = match event {
            CommandEvent::Stdout(bytes) | CommandEvent::Stderr(bytes) => bytes,
            _ => Vec::new(),
        };
        let line = serde_json::to_string(&(bytes, stream.cursor())).expect("JSON");
        writeln!(out, "{MARK}{line}").expect("the parent reads");
        out.flush().expect("the parent reads");
    }
    writeln!(out, "{MARK}end").expect("the parent reads");
}

/// What a reader printed until it was killed after `lines` lines, or whether it came to the end.
fn read_in_a_process(
    server: &LocalServer,
    cursor: &mut CommandCursor,
    seen: &mut Vec<u8>,
    lines: usize,
) -> bool {
    let mut child = Process::new(std::env::current_exe().expect("this program"))
        .args(["--exact", "reader_in_a_process_of_its_own", "--ignored", "--nocapture"])
        .env(CURSOR, serde_json::to_string(cursor).expect("JSON"))
        .env("ORKESTR_API_KEY", server.api_key().expose())
        .env("ORKESTR_BASE_URL", server.base_url())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("a process");
    let out = BufReader::new(child.stdout.take().expect("piped"));
    let mut ended = false;
    let mut left = lines;
    for line in out.split(b'\n') {
        let line = String::from_utf8(line.expect("readable")).expect("text");
        // The harness may have written something before it on the same line.
        let Some((_, line)) = line.split_once(MARK) else { continue };
        if line == "end" {
            ended = true;
            break;
        }
        // The last line may be half written.
        let Ok((bytes, next)) = serde_json::from_str::<(Vec<u8>, CommandCursor)>(line) else {
            break;
        };
        seen.extend(bytes);
        *cursor = next;
        left = left.saturating_sub(1);
        if left == 0 {
            child.kill().expect("it runs");
        }
    }
    child.kill().expect("it runs or has run");
    child.wait().expect("waited for");
    ended
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_reader_is_continued_by_another_process() {
    let (server, sbx) = start().await;
    let command = sbx.spawn(noise(300)).await.expect("spawned");
    let mut cursor = command.cursor(0);
    let mut seen = Vec::new();
    let mut readers = 0;
    for lines in [1, 3, 10, usize::MAX] {
        readers += 1;
        if read_in_a_process(&server, &mut cursor, &mut seen, lines) {
            break;
        }
    }
    assert!(readers > 1, "no reader was killed before the end");
    let whole = all(command.stream(0)).await.expect("whole");
    assert_eq!(whole.combined.len(), 300 * (777 + 333));
    assert!(seen == whole.combined, "{} bytes of {}", seen.len(), whole.combined.len());
    assert_eq!(cursor.offset, seen.len() as u64);
    assert_eq!(whole.stdout, sbx.files().read_bytes("/tmp/out").await.expect("read"));
}
