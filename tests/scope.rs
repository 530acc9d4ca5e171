//! Sandboxes that end with a scope, however it is left.

mod local_support;
mod support;

use std::future::pending;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures::FutureExt as _;
use local_support::{TEMPLATE, TestResult, becomes, eventually, in_time, sandbox, server};
use orkestr::{Client, CreateSandbox, Error, ErrorKind, RetryPolicy, Sandbox, SandboxStatus};
use orkestr_local::LocalServer;
use serde_json::json;
use support::{Answer, ID, KEY, Recorder, sandbox_json};

/// An agent's own error.
#[derive(Debug)]
enum StepError {
    Sandbox(Error),
    Failed(&'static str),
}

impl From<Error> for StepError {
    fn from(error: Error) -> Self {
        Self::Sandbox(error)
    }
}

fn create(server: &LocalServer) -> CreateSandbox {
    Sandbox::create(TEMPLATE).client(&server.client())
}

/// The only sandbox of a server.
async fn only(server: &LocalServer) -> Sandbox {
    let mut all = Sandbox::list().client(&server.client()).await.expect("a list");
    assert_eq!(all.len(), 1, "{all:?}");
    all.remove(0)
}

async fn status(sandbox: &Sandbox) -> SandboxStatus {
    sandbox.refresh().await.expect("a sandbox that is known");
    sandbox.status()
}

#[tokio::test]
async fn with_temp_returns_what_the_closure_returns_and_has_terminated() -> TestResult {
    let server = server().await;
    let (sbx, sum) = Sandbox::with_temp(create(&server), |sbx| async move {
        let sum = sbx.exec("echo $((2 + 2))").await?.stdout;
        assert_eq!(status(&sbx).await, SandboxStatus::Running);
        Ok::<_, Error>((sbx, sum))
    })
    .await?;
    assert_eq!(sum, "4\n");
    // At once: with_temp has waited for it.
    assert_eq!(status(&sbx).await, SandboxStatus::Terminated);
    Ok(())
}

#[tokio::test]
async fn with_temp_passes_an_error_of_the_callers_own_on_and_has_terminated() {
    let server = server().await;
    let outcome: Result<(), StepError> =
        Sandbox::with_temp(create(&server), |_| async { Err(StepError::Failed("step 2")) }).await;
    assert!(matches!(outcome, Err(StepError::Failed("step 2"))), "{outcome:?}");
    assert_eq!(only(&server).await.status(), SandboxStatus::Terminated);
}

#[tokio::test]
async fn with_temp_converts_the_sdks_errors_and_has_terminated() {
    let server = server().await;
    let outcome: Result<String, StepError> =
        Sandbox::with_temp(create(&server), |sbx| async move {
            Ok(sbx.files().read("/workspace/missing").await?)
        })
        .await;
    let Err(StepError::Sandbox(error)) = outcome else { panic!("{outcome:?}") };
    assert_eq!(error.kind(), ErrorKind::NotFound);
    assert_eq!(only(&server).await.status(), SandboxStatus::Terminated);

    let refused = Sandbox::create("cobol-68").client(&server.client());
    let outcome: Result<(), StepError> =
        Sandbox::with_temp(refused, |_| async { panic!("there is no sandbox") }).await;
    assert!(matches!(outcome, Err(StepError::Sandbox(error)) if error.status() == Some(422)));
}

#[tokio::test]
async fn a_panic_goes_on_after_the_sandbox_is_terminated() {
    for before_its_future in [true, false] {
        let server = server().await;
        // On a task, which also shows that the future is Send.
        let task = tokio::spawn(Sandbox::with_temp(create(&server), move |_| {
            assert!(!before_its_future, "the closure panics");
            async move {
                if !before_its_future {
                    panic!("the future panics");
                }
                Ok::<_, Error>(())
            }
        }));
        let panic = task.await.expect_err("a panic").into_panic();
        let message = panic.downcast_ref::<&str>().expect("its own message");
        let expected = if before_its_future { "the closure panics" } else { "the future panics" };
        assert_eq!(*message, expected);
        assert_eq!(only(&server).await.status(), SandboxStatus::Terminated);
    }
}

/// A scope that never ends by itself, and the sandbox in it once it is there.
fn endless(
    server: &LocalServer,
) -> (impl Future<Output = TestResult> + use<>, Arc<Mutex<Option<Sandbox>>>) {
    let seen = Arc::new(Mutex::new(None));
    let inside = seen.clone();
    let scope = Sandbox::with_temp(create(server), move |sbx| async move {
        *inside.lock().expect("no panic while it is held") = Some(sbx);
        pending::<TestResult>().await
    });
    (scope, seen)
}

fn taken(seen: &Mutex<Option<Sandbox>>) -> Option<Sandbox> {
    seen.lock().expect("no panic while it is held").take()
}

#[tokio::test]
async fn a_scope_that_a_timeout_cuts_short_terminates() {
    let server = server().await;
    let (scope, _) = endless(&server);
    assert!(tokio::time::timeout(Duration::from_millis(500), scope).await.is_err());
    created_and_terminated(&server).await;
}

#[tokio::test]
async fn a_scope_that_loses_a_select_terminates() {
    let server = server().await;
    let (scope, seen) = endless(&server);
    let inside = async {
        let mut sandbox = None;
        while sandbox.is_none() {
            tokio::task::yield_now().await;
            sandbox = taken(&seen);
        }
        sandbox.expect("just seen")
    };
    let sbx = tokio::select! {
        outcome = scope => panic!("it has no end: {outcome:?}"),
        sbx = in_time(inside) => sbx,
    };
    becomes(&sbx, SandboxStatus::Terminated).await;
}

#[tokio::test]
async fn a_scope_on_an_aborted_task_terminates() {
    let server = server().await;
    let (scope, seen) = endless(&server);
    let task = tokio::spawn(scope);
    let mut sandbox = None;
    eventually("the sandbox is there", || {
        sandbox = sandbox.take().or_else(|| taken(&seen));
        std::future::ready(sandbox.is_some())
    })
    .await;
    task.abort();
    assert!(task.await.expect_err("aborted").is_cancelled());
    becomes(&sandbox.expect("just seen"), SandboxStatus::Terminated).await;
}

#[tokio::test]
async fn a_scope_that_is_dropped_during_create_terminates_what_comes_of_it() {
    let server = server().await;
    let scope = Sandbox::with_temp(create(&server), |_| async {
        panic!("nobody waits for it any more");
        #[allow(unreachable_code, reason = "it gives the type")]
        Ok::<(), Error>(())
    });
    // One poll sends the request, and no answer can be there yet.
    assert!(scope.now_or_never().is_none());
    created_and_terminated(&server).await;
}

#[tokio::test]
async fn a_create_whose_caller_leaves_is_undone() {
    let server = server().await;
    assert!(create(&server).into_future().now_or_never().is_none());
    created_and_terminated(&server).await;
}

async fn created_and_terminated(server: &LocalServer) {
    eventually("a sandbox was created", || async {
        let all = Sandbox::list().client(&server.client()).await.expect("a list");
        !all.is_empty()
    })
    .await;
    becomes(&only(server).await, SandboxStatus::Terminated).await;
}

#[tokio::test]
async fn a_dropped_guard_terminates() {
    let (_server, sbx) = sandbox().await;
    let guard = sbx.clone().terminate_on_drop();
    assert_eq!(guard.id(), sbx.id());
    assert_eq!(status(&sbx).await, SandboxStatus::Running);
    drop(guard);
    becomes(&sbx, SandboxStatus::Terminated).await;
}

#[tokio::test]
async fn a_guard_terminates_when_asked_and_reports_it() -> TestResult {
    let (_server, sbx) = sandbox().await;
    sbx.clone().terminate_on_drop().terminate().await?;
    assert_eq!(status(&sbx).await, SandboxStatus::Terminated);
    // A sandbox that has ended already is no failure.
    sbx.terminate_on_drop().terminate().await
}

#[tokio::test]
async fn a_guard_whose_terminate_is_cancelled_terminates_nevertheless() {
    let (_server, sbx) = sandbox().await;
    let terminate = sbx.clone().terminate_on_drop().terminate();
    assert!(terminate.now_or_never().is_none());
    becomes(&sbx, SandboxStatus::Terminated).await;
}

#[tokio::test]
async fn a_disarmed_guard_lets_the_sandbox_live() -> TestResult {
    let (server, sbx) = sandbox().await;
    let armed = create(&server).await?.terminate_on_drop();
    let kept = sbx.terminate_on_drop().disarm();
    drop(armed);
    // The other guard's drop is over by now; this one did nothing in the meantime.
    let terminated = Sandbox::list().client(kept.client()).status(SandboxStatus::Terminated);
    eventually("the other is gone", || async {
        terminated.clone().await.is_ok_and(|l| l.len() == 1)
    })
    .await;
    assert_eq!(status(&kept).await, SandboxStatus::Running);
    Ok(())
}

#[test]
fn a_guard_that_outlives_its_runtime_terminates() {
    let runtime = || tokio::runtime::Runtime::new().expect("a runtime");
    let first = runtime();
    let (server, sbx) = first.block_on(sandbox());
    let guard = sbx.clone().terminate_on_drop();
    drop(first);
    drop(guard);
    runtime().block_on(async {
        let found = Sandbox::get(sbx.id()).client(&server.client()).await.expect("found");
        becomes(&found, SandboxStatus::Terminated).await;
    });
}

type Reports = Arc<Mutex<Vec<(ErrorKind, Option<String>, String)>>>;

/// A client that keeps what it could not clean up.
fn reporting(base_url: String) -> (Client, Reports) {
    let reports = Reports::default();
    let seen = reports.clone();
    let client = Client::builder()
        .base_url(base_url)
        .api_key(KEY)
        .transient_retry(RetryPolicy::none())
        .on_cleanup_error(move |error| {
            let report = (error.kind(), error.sandbox_id().map(str::to_owned), error.to_string());
            seen.lock().expect("no panic while it is held").push(report);
        })
        .build();
    (client.expect("a valid client"), reports)
}

/// A server that creates and cannot terminate.
async fn sticky() -> (Recorder, Client, Reports) {
    let created = Answer::json(201, &sandbox_json(ID));
    let recorder = Recorder::start([created, Answer::json(500, &json!({"detail": "no"}))]).await;
    let (client, reports) = reporting(recorder.base_url());
    (recorder, client, reports)
}

#[track_caller]
fn one_report(reports: &Reports, id: &str) {
    let reports = reports.lock().expect("no panic while it is held");
    let [(ErrorKind::Cleanup, Some(named), text)] = &reports[..] else { panic!("{reports:?}") };
    assert!(named == id && text.contains(id), "{text}");
}

#[tokio::test]
async fn a_success_that_cannot_be_cleaned_up_is_a_cleanup_error() {
    let (_recorder, client, reports) = sticky().await;
    let create = Sandbox::create(TEMPLATE).client(&client);
    let error = Sandbox::with_temp(create, |_| async { Ok::<_, Error>(4) }).await.expect_err("500");
    assert_eq!((error.kind(), error.sandbox_id()), (ErrorKind::Cleanup, Some(ID)));
    assert_eq!(error.request_id(), Some("req_test"));
    let source = std::error::Error::source(&error).expect("the cause");
    assert!(source.to_string().contains("500"), "{source}");
    assert!(reports.lock().expect("not held").is_empty(), "it was told once already");
}

#[tokio::test]
async fn an_error_or_a_panic_is_kept_and_the_cleanup_error_is_reported() {
    let (_recorder, client, reports) = sticky().await;
    let create = Sandbox::create(TEMPLATE).client(&client);
    let failed = |_| async { Err::<(), _>(StepError::Failed("step 2")) };
    let outcome = Sandbox::with_temp(create, failed).await;
    assert!(matches!(outcome, Err(StepError::Failed("step 2"))), "{outcome:?}");
    one_report(&reports, ID);

    let (_recorder, client, reports) = sticky().await;
    let create = Sandbox::create(TEMPLATE).client(&client);
    let panicked = Sandbox::with_temp(create, |_| async {
        if true { panic!("step 3") } else { Ok::<_, Error>(()) }
    });
    assert!(tokio::spawn(panicked).await.expect_err("a panic").is_panic());
    one_report(&reports, ID);
}

#[tokio::test]
async fn a_guard_reports_what_it_cannot_terminate() {
    let (_recorder, client, reports) = sticky().await;
    let sbx = Sandbox::create(TEMPLATE).client(&client).await.expect("created");
    let reported = || std::future::ready(!reports.lock().expect("not held").is_empty());
    drop(sbx.clone().terminate_on_drop());
    eventually("the drop is reported", reported).await;
    one_report(&reports, ID);

    let error = sbx.terminate_on_drop().terminate().await.expect_err("500");
    assert_eq!((error.kind(), error.sandbox_id()), (ErrorKind::Cleanup, Some(ID)));
}

#[tokio::test]
async fn a_server_that_is_gone_is_reported_too() {
    let server = LocalServer::builder().api_key(KEY).start().await.expect("a server");
    let (client, reports) = reporting(server.base_url());
    let sbx = Sandbox::create(TEMPLATE).client(&client).await.expect("created");
    let id = sbx.id().to_owned();
    let guard = sbx.terminate_on_drop();
    in_time(server.shutdown()).await;
    drop(guard);
    let reported = || std::future::ready(!reports.lock().expect("not held").is_empty());
    eventually("the drop is reported", reported).await;
    one_report(&reports, &id);
}
