//! Contexts of the interpreter: what becomes of variables at timeouts, deaths, pauses and ends.

mod local_support;

use std::time::Duration;

use local_support::code::{raised, until, with_interpreter};
use local_support::{TestResult, failure, in_time};
use orkestr::{ErrorKind, Sandbox, Template};

#[tokio::test]
async fn a_timeout_interrupts_and_keeps_the_variables() -> TestResult {
    let (server, sbx) = with_interpreter!();
    for body in [
        "while True:\n    pass",
        "import time\ntime.sleep(1000)",
        "import asyncio\nawait asyncio.sleep(1000)",
    ] {
        let code = format!("kept = 'kept'\nprint('running')\n{body}");
        let mut stream = sbx.run_code_stream(code).timeout(Duration::from_secs(30)).await?;
        until(&mut stream, "running").await?;
        server.advance(Duration::from_secs(31)).await;
        let run = in_time(stream.wait()).await?;
        assert_eq!((run.interrupted, run.restarted), (true, false), "{body}: {run:?}");
        raised(&run, "KeyboardInterrupt");
        assert!(run.duration >= Duration::from_secs(30));
        assert_eq!(sbx.run_code("kept").await?.text(), Some("'kept'"), "{body}");
    }
    let swallowing = "import time
try:
    print('running')
    time.sleep(1000)
except KeyboardInterrupt:
    pass
'went on'";
    let mut stream = sbx.run_code_stream(swallowing).timeout(Duration::from_secs(30)).await?;
    until(&mut stream, "running").await?;
    server.advance(Duration::from_secs(31)).await;
    let run = in_time(stream.wait()).await?;
    assert_eq!((run.interrupted, run.error(), run.text()), (true, None, Some("'went on'")));
    Ok(())
}

#[tokio::test]
async fn code_that_ignores_the_interrupt_is_ended_and_its_variables_are_lost() -> TestResult {
    let (server, sbx) = with_interpreter!();
    let code = "import signal, time
lost = 1
signal.signal(signal.SIGINT, signal.SIG_IGN)
print('running')
while True:
    time.sleep(1)";
    let mut stream = sbx.run_code_stream(code).timeout(Duration::from_secs(30)).await?;
    until(&mut stream, "running").await?;
    server.advance(Duration::from_secs(31)).await;
    let run = in_time(stream.wait()).await?;
    assert_eq!((run.interrupted, run.restarted), (true, true), "{run:?}");
    let error = raised(&run, "KernelDied");
    assert!(error.value.contains("timeout of 30 s"), "{error}");
    let contexts = sbx.code_contexts().await?;
    assert_eq!(
        (contexts.len(), contexts[0].alive(), contexts[0].executions()),
        (1, Some(true), Some(0))
    );

    let run = sbx.run_code("lost").await?;
    raised(&run, "NameError");
    assert_eq!((run.execution_count, run.restarted), (Some(1), false));
    assert_eq!(run.context_id.as_deref(), Some(contexts[0].id()));
    Ok(())
}

#[tokio::test]
async fn a_kernel_that_dies_is_told_of_and_replaced() -> TestResult {
    let (_server, sbx) = with_interpreter!();
    for (code, reason) in [
        ("x = 1\nimport os\nprint('last words')\nos._exit(3)", "exited with code 3"),
        ("x = 1\nimport os\nprint('last words')\nos.kill(os.getpid(), 9)", "ended by signal 9"),
        ("x = 1\nimport ctypes\nprint('last words')\nctypes.string_at(0)", "ended by signal 11"),
        ("x = 1\nimport os\nprint('last words')\nos.closerange(3, 100)", "exited with code"),
        ("x = 1\nimport os\nprint('last words')\nos.write(3, b'x\\n')", "own channel"),
    ] {
        let run = sbx.run_code(code).await?;
        let error = raised(&run, "KernelDied");
        assert!(error.value.contains(reason), "{code}: {error}");
        assert_eq!((run.restarted, run.interrupted), (true, false), "{code}");
        assert_eq!(run.stdout, "last words\n", "{code}");
        let run = sbx.run_code("x").await?;
        raised(&run, "NameError");
        assert!(!run.restarted, "{code}: told twice");
    }

    // Between two runs: the next one says so.
    let code = "import os, threading\nx = 1\nthreading.Timer(0.1, os._exit, [0]).start()";
    assert!(sbx.run_code(code).await?.success());
    local_support::eventually("the kernel is gone", async || {
        sbx.code_contexts().await.expect("listed")[0].alive() == Some(false)
    })
    .await;
    let run = sbx.run_code("'x' in globals()").await?;
    assert_eq!((run.text(), run.restarted), (Some("False"), true));
    assert!(!sbx.run_code("1").await?.restarted);
    Ok(())
}

#[tokio::test]
async fn a_kernel_beyond_the_memory_of_its_sandbox_is_told_of() -> TestResult {
    let (server, sbx) = with_interpreter!();
    drop(sbx);
    let create = Sandbox::create(Template::CodeInterpreter).client(&server.client());
    let sbx = create.memory_mb(128).await?;
    let run = sbx.run_code("x = bytearray(300 << 20)\nimport time\ntime.sleep(30)").await?;
    let error = raised(&run, "KernelDied");
    assert!(error.value.contains("beyond its memory"), "{error}");
    assert_eq!(sbx.run_code("1 + 1").await?.text(), Some("2"));
    Ok(())
}

#[tokio::test]
async fn contexts_have_variables_and_a_directory_of_their_own() -> TestResult {
    let (_server, sbx) = with_interpreter!();
    sbx.exec("mkdir /workspace/data").await?;
    let one = sbx.create_code_context().cwd("/workspace/data").await?;
    let two = sbx.create_code_context().await?;
    assert_eq!((one.cwd(), two.cwd()), (Some("/workspace/data"), Some("/workspace")));
    assert_eq!((one.alive(), one.executions(), one.last_used_at()), (Some(true), Some(0), None));
    one.run_code("x = 'one'; import os; open('here', 'w').close()").await?;
    two.run_code("x = 'two'").await?;
    sbx.run_code("x = 'default'").await?;
    assert!(sbx.files().exists("/workspace/data/here").await?);
    assert_eq!(sbx.run_code("x").context(&one).await?.text(), Some("'one'"));
    assert_eq!(sbx.run_code("x").context(two.id()).await?.text(), Some("'two'"));
    let run = sbx.run_code("x").await?;
    assert_eq!((run.text(), run.execution_count), (Some("'default'"), Some(2)));

    let listed = sbx.code_contexts().await?;
    assert_eq!(listed.len(), 3);
    assert_eq!((listed[0].id(), listed[0].executions()), (one.id(), Some(2)));
    assert!(listed[0].last_used_at() >= listed[0].created_at());
    assert_eq!(Some(listed[2].id()), run.context_id.as_deref());

    one.restart().await?;
    let run = one.run_code("x").await?;
    raised(&run, "NameError");
    assert_eq!((run.execution_count, run.restarted), (Some(1), false));
    assert_eq!(two.run_code("x").await?.text(), Some("'two'"));

    two.delete().await?;
    let error = failure(two.run_code("1").await, ErrorKind::NotFound);
    assert_eq!(error.code(), Some("context_not_found"));
    failure(two.restart().await, ErrorKind::NotFound);
    two.delete().await?;
    assert_eq!(sbx.code_contexts().await?.len(), 2);

    // The default one as well, and the next run makes another.
    listed[2].delete().await?;
    let run = sbx.run_code("'x' in globals()").await?;
    assert_eq!(run.text(), Some("False"));
    assert_ne!(run.context_id.as_deref(), Some(listed[2].id()));
    Ok(())
}

#[tokio::test]
async fn runs_in_a_context_take_turns_and_contexts_do_not() -> TestResult {
    let (_server, sbx) = with_interpreter!();
    let other = sbx.create_code_context().await?;
    // Each waits for what only the other writes: one after the other would hang.
    let meet = |mine: &str, theirs: &str| {
        format!(
            "import os, time\nopen('/workspace/{mine}', 'w').close()\n\
             while not os.path.exists('/workspace/{theirs}'): time.sleep(0.02)\n'met'"
        )
    };
    let both = async {
        tokio::join!(
            sbx.run_code(meet("a", "b")).into_future(),
            other.run_code(meet("b", "a")).into_future()
        )
    };
    let (one, two) = in_time(both).await;
    assert_eq!((one?.text(), two?.text()), (Some("'met'"), Some("'met'")));

    sbx.run_code("inside = 0\nmost = 0").await?;
    let code = "import time\ninside += 1\nmost = max(most, inside)\ntime.sleep(0.02)\ninside -= 1";
    let runs = (0..8).map(|_| sbx.run_code(code).into_future());
    let mut counts = Vec::new();
    for run in futures::future::join_all(runs).await {
        counts.extend(run?.execution_count);
    }
    counts.sort_unstable();
    assert_eq!(counts, (3..=10).collect::<Vec<_>>());
    assert_eq!(sbx.run_code("most").await?.text(), Some("1"));
    Ok(())
}

#[tokio::test]
async fn a_run_behind_a_long_one_gives_up_at_its_timeout() -> TestResult {
    let (server, sbx) = with_interpreter!();
    let code = "print('running')\nimport time\ntime.sleep(10000)";
    let mut long = sbx.run_code_stream(code).timeout(Duration::from_secs(3600)).await?;
    until(&mut long, "running").await?;
    let code = "open('/workspace/ran', 'w').close()";
    for streams in [false, true] {
        let second = Duration::from_secs(1);
        let buffered = sbx.run_code(code).timeout(second).into_future();
        let streamed = sbx.run_code_stream(code).timeout(second).into_future();
        let behind = tokio::spawn(async move {
            if streams { streamed.await.map(drop) } else { buffered.await.map(drop) }
        });
        // Its timeout counts from when it has arrived.
        local_support::eventually("the run behind has given up", async || {
            server.advance(second).await;
            behind.is_finished()
        })
        .await;
        let error = failure(behind.await.expect("no panic"), ErrorKind::ExecTimeout);
        assert!(error.message().contains("did not start"), "{error}");
    }
    sbx.code_contexts().await?[0].restart().await?;
    assert!(in_time(long.wait()).await?.restarted);
    assert!(sbx.run_code("1").await?.success());
    assert!(!sbx.files().exists("/workspace/ran").await?);
    Ok(())
}

#[tokio::test]
async fn restarting_and_deleting_end_the_run_under_way() -> TestResult {
    let (_server, sbx) = with_interpreter!();
    let context = sbx.create_code_context().await?;
    let code = "print('running')\nimport time\ntime.sleep(1000)";
    let mut stream = context.run_code_stream(code).await?;
    until(&mut stream, "running").await?;
    in_time(context.restart()).await?;
    let run = in_time(stream.wait()).await?;
    assert!(raised(&run, "KernelDied").value.contains("restarted"));
    assert!(run.restarted);

    let mut stream = context.run_code_stream(code).await?;
    until(&mut stream, "running").await?;
    in_time(context.delete()).await?;
    let run = in_time(stream.wait()).await?;
    assert!(raised(&run, "KernelDied").value.contains("deleted"));
    assert!(!run.restarted);
    Ok(())
}

#[tokio::test]
async fn a_pause_keeps_contexts_and_the_end_of_the_sandbox_ends_them() -> TestResult {
    let (server, sbx) = with_interpreter!();
    sbx.run_code("x = 'kept'").await?;
    let code = "print('running')\nimport time\ntime.sleep(1000)";
    let other = sbx.create_code_context().await?;
    let mut stream = other.run_code_stream(code).timeout(Duration::from_secs(60)).await?;
    until(&mut stream, "running").await?;
    sbx.pause().await?;
    assert_eq!(sbx.code_contexts().await?.len(), 2);
    failure(sbx.run_code("x").await, ErrorKind::SandboxNotReady);
    // A pause does not count.
    server.advance(Duration::from_secs(600)).await;
    let sbx = Sandbox::resume(sbx.id()).client(&server.client()).await?;
    assert_eq!(sbx.run_code("x").await?.text(), Some("'kept'"));
    let listed = sbx.code_contexts().await?;
    assert!(listed.iter().all(|context| context.alive() == Some(true)));

    sbx.terminate().await?;
    let error = in_time(stream.wait()).await.expect_err("the sandbox is gone");
    assert_eq!((error.kind(), error.code()), (ErrorKind::SandboxNotReady, Some("sandbox_ended")));
    failure(sbx.run_code("x").await, ErrorKind::SandboxNotReady);
    failure(sbx.code_contexts().await, ErrorKind::SandboxNotReady);
    Ok(())
}

#[tokio::test]
async fn code_that_waits_for_its_turn_does_not_age_in_a_pause() -> TestResult {
    let (server, sbx) = with_interpreter!();
    let code = "print('running')
import os, time
while not os.path.exists('/workspace/go'):
    time.sleep(0.02)";
    let context = sbx.create_code_context().await?;
    let mut stream = context.run_code_stream(code).timeout(Duration::from_secs(3000)).await?;
    until(&mut stream, "running").await?;
    let waiting = tokio::spawn({
        let context = context.clone();
        async move { context.run_code("1 + 1").timeout(Duration::from_secs(60)).await }
    });
    // Nothing tells that it waits; after as many calls it most likely does.
    for _ in 0..20 {
        assert_eq!(sbx.code_contexts().await?.len(), 1);
    }
    sbx.pause().await?;
    server.advance(Duration::from_secs(600)).await;
    let sbx = Sandbox::resume(sbx.id()).client(&server.client()).await?;
    local_support::go(&sbx).await?;
    in_time(stream.wait()).await?;
    match in_time(waiting).await.expect("no panic") {
        Ok(run) => assert_eq!(run.text(), Some("2")),
        // It came when the sandbox was paused already.
        Err(error) => assert_eq!(error.kind(), ErrorKind::SandboxNotReady, "{error}"),
    }
    Ok(())
}

#[tokio::test]
async fn a_python_that_closes_its_channel_is_not_waited_for() -> TestResult {
    let server = local_support::server().await;
    let create = Sandbox::create(Template::CodeInterpreter).client(&server.client());
    let sbx = create.env("PYTHONPATH", "/workspace/site").await?;
    let script = "import os, time\nos.close(0)\nos.open('/dev/null', 0)\ntime.sleep(1000)";
    sbx.files().write("/workspace/site/sitecustomize.py", script).await?;
    failure(in_time(sbx.create_code_context()).await, ErrorKind::InterpreterUnavailable);
    failure(in_time(sbx.run_code("1")).await, ErrorKind::InterpreterUnavailable);
    Ok(())
}

#[tokio::test]
async fn code_runs_on_when_its_client_leaves() -> TestResult {
    let (_server, sbx) = with_interpreter!();
    let code = "import os, time
print('running')
while not os.path.exists('/workspace/go'):
    time.sleep(0.02)
    print('x' * 10000)
done = True";
    let mut stream = sbx.run_code_stream(code).await?;
    until(&mut stream, "running").await?;
    drop(stream);
    local_support::go(&sbx).await?;
    assert_eq!(in_time(sbx.run_code("done")).await?.text(), Some("True"));
    Ok(())
}

#[tokio::test]
async fn a_client_that_does_not_read_costs_no_variables() -> TestResult {
    let (server, sbx) = with_interpreter!();
    let code = "kept = True
print('running')
while True:
    print('x' * 100_000)";
    let mut stream = sbx.run_code_stream(code).timeout(Duration::from_secs(30)).await?;
    until(&mut stream, "running").await?;
    // It is stuck by then, or soon: between here and there is no room for so much.
    server.advance(Duration::from_secs(31)).await;
    let run = in_time(sbx.run_code("kept")).await?;
    assert_eq!((run.text(), run.restarted), (Some("True"), false));
    let run = in_time(stream.wait()).await?;
    assert_eq!((run.interrupted, run.restarted), (true, false));
    raised(&run, "KeyboardInterrupt");
    Ok(())
}
