//! Commands that are run to their end, against the local server.

mod local_support;

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use futures::future::try_join_all;
use local_support::{Marker, PATIENCE, TEMPLATE, TestResult, failure, in_time, sandbox, server};
use orkestr::{ErrorKind, Sandbox};

#[tokio::test]
async fn stdout_stderr_and_exit_code_come_apart() -> TestResult {
    let (_server, sbx) = sandbox().await;
    let result = sbx.exec("echo out; echo err >&2; exit 7").await?;
    assert_eq!((result.stdout.as_str(), result.stderr.as_str()), ("out\n", "err\n"));
    assert_eq!(result.exit_code, 7);
    assert!(!result.success());

    let silent = sbx.exec("true").await?;
    assert_eq!((silent.stdout.as_str(), silent.stderr.as_str()), ("", ""));
    assert!(silent.success());
    Ok(())
}

#[tokio::test]
async fn the_duration_is_the_commands_own() -> TestResult {
    let (_server, sbx) = sandbox().await;
    let started = Instant::now();
    let result = sbx.exec("sleep 0.3").await?;
    assert!(result.duration >= Duration::from_millis(300), "{:?}", result.duration);
    assert!(result.duration <= started.elapsed(), "{:?}", result.duration);
    Ok(())
}

#[tokio::test]
async fn a_command_runs_in_workspace_or_where_it_is_told() -> TestResult {
    let (_server, sbx) = sandbox().await;
    assert_eq!(sbx.exec("pwd").await?.stdout, "/workspace\n");
    assert_eq!(sbx.exec("pwd").cwd("/tmp").await?.stdout, "/tmp\n");
    sbx.exec("mkdir '/workspace/a b'").await?;
    assert_eq!(sbx.exec("pwd").cwd("/workspace/a b").await?.stdout, "/workspace/a b\n");
    Ok(())
}

#[tokio::test]
async fn a_cwd_that_is_no_directory_is_an_error_that_names_it() -> TestResult {
    let (_server, sbx) = sandbox().await;
    sbx.files().write("/workspace/file", "").await?;
    for cwd in ["/workspace/nowhere", "/workspace/file"] {
        let error = failure(sbx.exec("true").cwd(cwd).await, ErrorKind::Api);
        assert!(error.message().contains(cwd), "{error}");
        let error = failure(sbx.exec_stream("true").cwd(cwd).await, ErrorKind::Api);
        assert!(error.message().contains(cwd), "{error}");
    }
    let error = failure(sbx.exec("true").cwd("relative").await, ErrorKind::Api);
    assert_eq!(error.status(), Some(422));
    assert!(error.message().starts_with("cwd: "), "{error}");
    Ok(())
}

#[tokio::test]
async fn the_commands_variables_win_over_the_sandboxs() -> TestResult {
    let server = server().await;
    let sbx = Sandbox::create(TEMPLATE)
        .client(&server.client())
        .env("BOTH", "sandbox")
        .envs([("ONE", "1"), ("ODD", "a=b 'c'\n\u{20ac}")])
        .await?;
    let show = "printf '%s|' \"$BOTH\" \"$ONE\" \"$TWO\" \"$ODD\"";
    let result = sbx.exec(show).env("BOTH", "command").envs([("TWO", "2")]).await?;
    assert_eq!(result.stdout, "command|1|2|a=b 'c'\n\u{20ac}|");
    // What one command is given, the next one has not.
    assert_eq!(sbx.exec(show).await?.stdout, "sandbox|1||a=b 'c'\n\u{20ac}|");
    Ok(())
}

#[tokio::test]
async fn nothing_of_the_hosts_environment_is_seen() -> TestResult {
    let (_server, sbx) = sandbox().await;
    let result = sbx.exec("env").env("MINE", "1").await?;
    let names: BTreeSet<&str> =
        result.stdout.lines().filter_map(|line| line.split('=').next()).collect();
    // A shell adds the last four.
    let allowed = ["HOME", "LANG", "MINE", "PATH", "USER", "PWD", "OLDPWD", "SHLVL", "_"];
    let surplus: Vec<_> = names.iter().filter(|name| !allowed.contains(name)).collect();
    assert!(surplus.is_empty(), "{surplus:?}");
    assert!(names.contains("MINE") && names.contains("PATH"), "{names:?}");
    Ok(())
}

#[tokio::test]
async fn a_command_that_reads_its_input_finds_it_empty() -> TestResult {
    let (_server, sbx) = sandbox().await;
    assert_eq!(in_time(sbx.exec("cat; echo end")).await?.stdout, "end\n");
    Ok(())
}

#[tokio::test]
async fn an_interpreter_that_the_host_lacks_is_exit_code_127() -> TestResult {
    let server = server().await;
    let sbx = Sandbox::create("python-3.12").client(&server.client()).await?;
    assert_eq!(sbx.exec("no-such-program").await?.exit_code, 127);
    let has_python = sbx.exec("command -v python3").await?.success();
    let result = sbx.exec("python -c 'print(2 + 2)'").await?;
    if has_python {
        assert_eq!((result.stdout.as_str(), result.exit_code), ("4\n", 0), "{}", result.stderr);
    } else {
        assert_eq!(result.exit_code, 127);
    }
    Ok(())
}

#[tokio::test]
async fn a_command_over_its_timeout_ends_and_the_sandbox_runs_on() -> TestResult {
    let (_server, sbx) = sandbox().await;
    let run = sbx.exec("echo begun > /workspace/begun; sleep 300").timeout(Duration::from_secs(1));
    let error = failure(in_time(run).await, ErrorKind::ExecTimeout);
    assert!(error.is_exec_timeout());
    assert_eq!(error.code(), Some("exec_timeout"));
    sbx.refresh().await?;
    assert_eq!(sbx.status(), "running");
    assert_eq!(sbx.exec("cat /workspace/begun").await?.stdout, "begun\n");
    Ok(())
}

#[tokio::test]
async fn a_timeout_ends_the_whole_process_group() {
    let (_server, sbx) = sandbox().await;
    let marker = Marker::new();
    let sleep = marker.sleep();
    let commands = [
        format!("{sleep} & {sleep} | {sleep}"),
        // Deaf to SIGTERM, as its children are: only SIGKILL ends it.
        format!("trap '' TERM; {sleep} & {sleep}"),
        format!("trap 'echo not yet' TERM; while :; do {sleep}; done"),
        // The shell ends at SIGTERM, its deaf child does not.
        format!("(trap '' TERM; {sleep}) & wait"),
    ];
    let second = Duration::from_secs(1);
    let runs = commands.map(|command| in_time(sbx.exec(command).timeout(second)));
    for outcome in futures::future::join_all(runs).await {
        failure(outcome, ErrorKind::ExecTimeout);
    }
    marker.is_gone().await;
}

#[tokio::test]
async fn a_command_that_a_signal_ends_is_an_error_with_the_signal() {
    let (_server, sbx) = sandbox().await;
    for (name, signal) in [("KILL", 9), ("TERM", 15), ("SEGV", 11)] {
        let run = sbx.exec(format!("echo lost; kill -{name} $$; sleep 300"));
        let error = failure(in_time(run).await, ErrorKind::ExecKilled);
        assert_eq!((error.signal(), error.code()), (Some(signal), Some("exec_killed")));
    }
}

#[tokio::test]
async fn a_background_child_that_holds_stdout_does_not_hold_the_answer() -> TestResult {
    let (_server, sbx) = sandbox().await;
    let marker = Marker::new();
    let result = in_time(sbx.exec(format!("{} & echo done", marker.sleep()))).await?;
    assert_eq!((result.stdout.as_str(), result.exit_code), ("done\n", 0));
    marker.has_started().await;
    Ok(())
}

#[tokio::test]
async fn output_that_is_not_utf8_is_replaced() -> TestResult {
    let (_server, sbx) = sandbox().await;
    let result = sbx.exec("printf 'a\\377\\302\\241b'; printf '\\200' >&2").await?;
    assert_eq!((result.stdout.as_str(), result.stderr.as_str()), ("a\u{fffd}\u{a1}b", "\u{fffd}"));
    Ok(())
}

#[tokio::test]
async fn long_and_odd_commands_arrive_whole() -> TestResult {
    let (_server, sbx) = sandbox().await;
    // The kernel takes at most 128 KiB in one argument.
    let long = "x".repeat(100_000);
    assert_eq!(sbx.exec(format!("printf %s {long} | wc -c")).await?.stdout.trim(), "100000");
    let odd = "printf '%s' \"it's \u{20ac} \\\\ \\$HOME\" # a comment\nprintf '\\n%s' two";
    assert_eq!(sbx.exec(odd).await?.stdout, "it's \u{20ac} \\ $HOME\ntwo");
    Ok(())
}

#[tokio::test]
async fn twenty_commands_run_at_once() -> TestResult {
    let (_server, sbx) = sandbox().await;
    // Each waits for all the others: one after the other they would never end.
    let meet = "mkdir -p /workspace/here; : > /workspace/here/$N
        while set -- /workspace/here/*; [ $# -lt 20 ]; do sleep 0.05; done; echo $N";
    let runs =
        (0..20).map(|n| sbx.exec(meet).env("N", n.to_string()).timeout(PATIENCE).into_future());
    for (n, result) in try_join_all(runs).await?.into_iter().enumerate() {
        assert_eq!(result.stdout, format!("{n}\n"));
    }
    Ok(())
}

#[tokio::test]
async fn the_last_words_of_a_short_command_are_never_lost() -> TestResult {
    let (_server, sbx) = sandbox().await;
    for round in 0..60 {
        let run = |n: u32| {
            let command = format!("echo {round}-{n}; echo err >&2");
            let (buffered, streamed) = (sbx.exec(&command), sbx.exec_stream(&command));
            async move {
                let expected = format!("{round}-{n}\n");
                let result = streamed.await?.wait_with_output().await?.into_result();
                for result in [result, buffered.await?] {
                    assert_eq!((&result.stdout, result.stderr.as_str()), (&expected, "err\n"));
                }
                Ok::<_, orkestr::Error>(())
            }
        };
        try_join_all((0..4).map(run)).await?;
    }
    Ok(())
}

#[tokio::test]
async fn more_output_than_an_answer_can_carry_is_an_error_that_says_what_to_do() -> TestResult {
    let (_server, sbx) = sandbox().await;
    let print = |bytes: usize| format!("head -c {bytes} /dev/zero | tr '\\0' x");
    let megabyte = 1024 * 1024;
    assert_eq!(sbx.exec(print(20 * megabyte)).await?.stdout.len(), 20 * megabyte);
    let error = failure(sbx.exec(print(33 * megabyte)).await, ErrorKind::Api);
    assert_eq!(error.code(), Some("output_too_large"));
    assert!(error.message().contains("stream"), "{error}");
    assert!(sbx.exec("true").await?.success());
    Ok(())
}

#[tokio::test]
async fn timeouts_out_of_bounds_are_refused() {
    let (_server, sbx) = sandbox().await;
    let run = |timeout| sbx.exec("true").timeout(timeout).into_future();
    local_support::refused(run(Duration::ZERO).await);
    let error = failure(run(Duration::from_secs(3601)).await, ErrorKind::Api);
    assert_eq!(error.status(), Some(422));
    assert!(error.message().contains("timeout_seconds"), "{error}");
}

#[tokio::test]
async fn terminating_the_sandbox_ends_a_call_that_waits() -> TestResult {
    let (_server, sbx) = sandbox().await;
    let marker = Marker::new();
    let run = sbx.exec(marker.sleep()).into_future();
    let end = async {
        marker.has_started().await;
        sbx.terminate().await
    };
    let (outcome, ended) = in_time(futures::future::join(run, end)).await;
    ended?;
    failure(outcome, ErrorKind::SandboxNotReady);
    assert_eq!(marker.processes(), 0, "terminate has waited for it");
    Ok(())
}
