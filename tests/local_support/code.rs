//! What the tests of the code interpreter share. They need a python3 where sandboxes see it; without
//! one they check that the server says so.

#![allow(unused_imports, unused_macros, reason = "each test binary uses its part")]

use std::time::Duration;

use futures::TryStreamExt as _;
use orkestr::{CodeError, CodeEvent, CodeStream, ErrorKind, Execution, Sandbox, Template};
use orkestr_local::LocalServer;

use super::{TestResult, failure, in_time, server};

/// A sandbox with the interpreter, which ends with its server; `None` where the machine has no
/// python3, once the server has said so.
pub(crate) async fn interpreter() -> Option<(LocalServer, Sandbox)> {
    let server = server().await;
    let create = Sandbox::create(Template::CodeInterpreter).client(&server.client());
    let sbx = create.timeout(Duration::from_secs(3600)).env("GREETING", "hello").await;
    let sbx = sbx.expect("a sandbox");
    if sbx.exec("command -v python3").await.expect("a shell").success() {
        return Some((server, sbx));
    }
    let error = failure(sbx.run_code("1").await, ErrorKind::InterpreterUnavailable);
    assert!(error.message().contains("python3"), "{error}");
    failure(sbx.create_code_context().await, ErrorKind::InterpreterUnavailable);
    None
}

/// Starts a test's sandbox, and ends the test where there is no python3.
macro_rules! with_interpreter {
    () => {
        match local_support::code::interpreter().await {
            Some(started) => started,
            None => return Ok(()),
        }
    };
}
pub(crate) use with_interpreter;

/// Reads until the code has written `text`.
pub(crate) async fn until(stream: &mut CodeStream, text: &str) -> TestResult {
    let mut seen = String::new();
    while !seen.contains(text) {
        match in_time(stream.try_next()).await? {
            Some(CodeEvent::Stdout(text)) => seen += &text,
            Some(_) => {}
            None => panic!("{text:?} did not come, but {seen:?}"),
        }
    }
    Ok(())
}

#[track_caller]
pub(crate) fn raised<'a>(run: &'a Execution, name: &str) -> &'a CodeError {
    let error = run.error().unwrap_or_else(|| panic!("no {name}: {run:?}"));
    assert_eq!(error.name, name, "{error}");
    error
}
