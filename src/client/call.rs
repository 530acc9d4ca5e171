//! The one way to send: every request of the facade goes through [`Client::call`].

use std::future::Future;
use std::time::Duration;

use bytes::Bytes;
use futures::{Stream, StreamExt as _};
use progenitor_client::{ByteStream, Error as RawError, ResponseValue};

use super::context::{CallContext, Head};
use super::{Client, RetryPolicy};
use crate::error::{Error, ErrorKind, Scope, from_answer, known_code};
use crate::generated::client as raw;
use crate::rt;

/// How a call may be repeated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Safety {
    /// Repeating changes nothing: GET, and DELETE of what may already be gone.
    Repeatable,
    /// `fleet_full_retry` says that nothing was started: create and resume.
    Launch(RetryPolicy),
    /// Sent twice only if the first never left: exec and every other change.
    Once,
}

/// What the pipeline must know of a call besides its request.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Call {
    pub(crate) scope: Scope,
    pub(crate) safety: Safety,
    /// For the whole exchange; for a stream, until its head has come.
    pub(crate) limit: Duration,
    pub(crate) streams: bool,
}

/// No answer is read further than this in search of a reason.
const LONGEST_FAILURE: usize = 256 * 1024;

impl Client {
    /// A call on a sandbox within the client's usual limit.
    pub(crate) fn plain(&self, safety: Safety) -> Call {
        Call { scope: Scope::Sandbox, safety, limit: self.timeout(), streams: false }
    }

    /// A call on a path, which may carry content.
    pub(crate) fn transfer(&self, safety: Safety) -> Call {
        let limit = self.timeout().saturating_mul(5);
        Call { scope: Scope::Files, safety, limit, streams: false }
    }

    /// Sends, sends again where `call` allows it, and explains what went wrong.
    pub(crate) async fn call<T, F, A>(&self, call: Call, send: F) -> Result<ResponseValue<T>, Error>
    where
        F: Fn(raw::Client) -> A,
        A: Future<Output = Result<ResponseValue<T>, RawError<()>>>,
    {
        self.call_while(call, || true, send).await
    }

    /// As [`call`](Self::call), and does not send again once `wanted` says no.
    pub(crate) async fn call_while<T, F, A>(
        &self,
        call: Call,
        wanted: impl Fn() -> bool,
        send: F,
    ) -> Result<ResponseValue<T>, Error>
    where
        F: Fn(raw::Client) -> A,
        A: Future<Output = Result<ResponseValue<T>, RawError<()>>>,
    {
        let started = rt::Instant::now();
        let mut retries = [0; 2];
        loop {
            let failure = match self.attempt(call, &send).await {
                Ok(answer) => return Ok(answer),
                Err(failure) => failure,
            };
            let wait = self.retry_policy(call.safety, &failure).and_then(|(reason, policy)| {
                let retry = &mut retries[reason as usize];
                let wait = policy.delay(*retry, started.elapsed(), failure.error.retry_after());
                *retry += 1;
                wait
            });
            let Some(wait) = wait else {
                return Err(failure.finished(call.safety));
            };
            log::debug!("orkestr: trying again in {} s: {}", wait.as_secs_f64(), failure.error);
            rt::sleep(wait).await;
            if !wanted() {
                return Err(failure.finished(call.safety));
            }
        }
    }

    async fn attempt<T, F, A>(&self, call: Call, send: &F) -> Result<ResponseValue<T>, Failure>
    where
        F: Fn(raw::Client) -> A,
        A: Future<Output = Result<ResponseValue<T>, RawError<()>>>,
    {
        let total = (!call.streams).then_some(call.limit);
        let context = CallContext::new(self.0.authorization.clone()).with_timeout(total);
        let api =
            raw::Client::new_with_client(&self.0.base_url, self.0.http.clone(), context.clone());
        let answer = if call.streams {
            rt::timeout(call.limit, send(api)).await
        } else {
            Some(send(api).await)
        };
        match answer {
            Some(Ok(answer)) => Ok(answer),
            Some(Err(error)) => Err(self.explain(error, context.head(), call).await),
            None => Err(Failure { late: true, ..Failure::of(rt::no_answer(call.limit)) }),
        }
    }

    fn retry_policy(&self, safety: Safety, failure: &Failure) -> Option<(Reason, RetryPolicy)> {
        let transient = (Reason::Transient, self.0.transient_retry);
        match safety {
            _ if failure.unsent => Some(transient),
            Safety::Launch(policy) if failure.error.is_fleet_full() => {
                Some((Reason::FleetFull, policy))
            }
            Safety::Repeatable if failure.error.is_transient() && !failure.late => Some(transient),
            _ => None,
        }
    }

    async fn explain(&self, error: RawError<()>, head: Option<Head>, call: Call) -> Failure {
        let status = head.as_ref().map(|head| head.status);
        let request_id = head.as_ref().and_then(|head| head.request_id.clone());
        let failure = match error {
            RawError::UnexpectedResponse(response) => {
                Failure::of(read_failure(response, call.scope, self.0.timeout).await)
            }
            RawError::InvalidResponsePayload(body, error) => {
                Failure::of(unreadable(&body, &error, head.as_ref(), call))
            }
            RawError::CommunicationError(error) if error.is_builder() => Failure::of(
                Error::invalid_input("the request cannot be built")
                    .with_source(error.without_url()),
            ),
            RawError::CommunicationError(error) => Failure {
                unsent: error.is_connect(),
                late: error.is_timeout(),
                error: self.broken(error, call),
            },
            RawError::ResponseBodyError(error) | RawError::InvalidUpgrade(error) => {
                Failure { unsent: false, late: error.is_timeout(), error: self.broken(error, call) }
            }
            RawError::InvalidRequest(message) | RawError::Custom(message) => {
                Failure::of(Error::invalid_input(message))
            }
            RawError::ErrorResponse(answer) => Failure::of(Error::new(
                ErrorKind::Api,
                format!("the server answered {}", answer.status().as_u16()),
            )),
        };
        let error = failure.error.with_status(status).with_request_id(request_id);
        Failure { error: error.without(self.0.api_key.expose()), ..failure }
    }

    /// An error that a success turned out to be, with what its head says.
    pub(crate) fn described<T>(&self, error: Error, answer: &ResponseValue<T>) -> Error {
        let head = Head::from_parts(answer.status(), answer.headers());
        error
            .with_status(Some(head.status))
            .with_request_id(head.request_id)
            .without(self.0.api_key.expose())
    }

    /// What the body in place of a stream says, if it has a known code.
    pub(crate) async fn reason(
        &self,
        answer: ResponseValue<ByteStream>,
        scope: Scope,
    ) -> Option<Error> {
        let head = Head::from_parts(answer.status(), answer.headers());
        let chunks = answer.into_inner_stream();
        let chunks = chunks.take_while(|chunk| std::future::ready(chunk.is_ok()));
        let body = read_reason(chunks.filter_map(|chunk| async { chunk.ok() }), self.0.timeout);
        let error = classified(&head, &body.await, scope).without(self.0.api_key.expose());
        error.code().is_some_and(|code| known_code(code).is_some()).then_some(error)
    }

    fn broken(&self, error: reqwest::Error, call: Call) -> Error {
        let base_url = &self.0.base_url;
        let message = if error.is_connect() {
            format!("no connection to {base_url}")
        } else if error.is_timeout() {
            format!("no whole answer from {base_url} within {} s", call.limit.as_secs_f64())
        } else {
            format!("the connection to {base_url} broke before the answer was whole")
        };
        Error::new(ErrorKind::Connection, message).with_source(error.without_url())
    }
}

/// An error, and what decides whether it may be tried again.
struct Failure {
    error: Error,
    /// The request never left.
    unsent: bool,
    /// The whole limit is spent.
    late: bool,
}

impl Failure {
    fn of(error: Error) -> Self {
        Self { error, unsent: false, late: false }
    }

    /// Whoever gets no answer should know what that leaves open.
    fn finished(self, safety: Safety) -> Error {
        if self.error.is_connection() && !self.unsent && safety != Safety::Repeatable {
            self.error.with_hint("; the call may have been done all the same")
        } else {
            self.error
        }
    }
}

/// Why a call is sent again: each has its own count.
#[derive(Clone, Copy)]
enum Reason {
    Transient,
    FleetFull,
}

async fn read_failure(response: reqwest::Response, scope: Scope, limit: Duration) -> Error {
    let head = Head::of(&response);
    let chunks = futures::stream::unfold(response, |mut response| async {
        let chunk = response.chunk().await.ok().flatten()?;
        Some((chunk, response))
    });
    classified(&head, &read_reason(chunks, limit).await, scope)
}

/// As much as comes of a body that is read for its reason alone: that it breaks or stalls is no
/// cause to lose the status.
async fn read_reason(chunks: impl Stream<Item = Bytes>, limit: Duration) -> Vec<u8> {
    let mut body = Vec::new();
    let reading = async {
        let mut chunks = std::pin::pin!(chunks);
        while let Some(chunk) = chunks.next().await {
            let room = LONGEST_FAILURE - body.len();
            body.extend_from_slice(&chunk[..chunk.len().min(room)]);
            if body.len() == LONGEST_FAILURE {
                break;
            }
        }
    };
    rt::timeout(limit, reading).await;
    body
}

pub(super) fn classified(head: &Head, body: &[u8], scope: Scope) -> Error {
    let answer = crate::error::Answer {
        status: head.status,
        request_id: head.request_id.clone(),
        retry_after: head.retry_after.as_deref(),
        body,
    };
    from_answer(&answer, scope)
}

/// A success that does not parse: an error in disguise if it carries a known code.
fn unreadable(body: &[u8], error: &serde_json::Error, head: Option<&Head>, call: Call) -> Error {
    if let Some(head) = head {
        let disguised = classified(head, body, call.scope);
        if disguised.code().is_some_and(|code| known_code(code).is_some()) {
            return disguised;
        }
    }
    // serde's own words may quote a value, and a value may be a token.
    let problem = match error.classify() {
        serde_json::error::Category::Data => "a member is missing or of another type",
        serde_json::error::Category::Eof => "the JSON ends too early",
        _ => "it is not JSON",
    };
    let place = format!("line {}, column {}", error.line(), error.column());
    let error = Error::new(
        ErrorKind::Decode,
        format!("the answer is not what the API describes: {problem} ({place})"),
    );
    match started_sandbox(body) {
        Some(id) if matches!(call.safety, Safety::Launch(_)) => error.with_sandbox_id(&id),
        _ => error,
    }
}

/// The sandbox that an otherwise unreadable answer tells of.
fn started_sandbox(body: &[u8]) -> Option<String> {
    let body: serde_json::Value = serde_json::from_slice(body).ok()?;
    let id = body.get("id")?.as_str()?;
    check_id("sandbox id", id).ok().map(str::to_owned)
}

/// Refuses an id that would change the path of the request, whatever its encoding.
pub(crate) fn check_id<'a>(what: &str, id: &'a str) -> Result<&'a str, Error> {
    let misleading =
        |c: char| c.is_control() || c.is_whitespace() || matches!(c, '/' | '\\' | '?' | '#');
    if id.is_empty() {
        Err(Error::invalid_input(format!("the {what} is empty")))
    } else if id == "." || id == ".." || id.contains(misleading) {
        Err(Error::invalid_input(format!("{id:?} is no {what}")))
    } else {
        Ok(id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_that_change_the_path_are_refused() {
        for bad in ["", ".", "..", "a/b", "..\\x", "a b", "a\n", "a?b", "a#b"] {
            let error = check_id("sandbox id", bad).expect_err(bad);
            assert_eq!(error.kind(), ErrorKind::InvalidInput);
            assert!(error.message().contains("sandbox id"), "{error}");
        }
        assert!(check_id("sandbox id", "sbx_01JD3Z5K8QWXYV2M4N6P8R0T2A").is_ok());
    }
}
