//! A command's output as it comes, over as many connections as that takes.

use std::fmt;
use std::future::Future as _;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use futures::Stream;
use futures::future::BoxFuture;

use super::{Command, CommandCursor, logs, on_command};
use crate::client::{Call, Client, Safety};
use crate::error::{Error, ErrorKind};
use crate::exec::{ExecEvent, body_of, event};
use crate::rt;
use crate::sse::Events;
use crate::wire::{Integer, whole_seconds};

/// How long one connection is asked to follow, unless the caller says otherwise.
const FOLLOW: Duration = Duration::from_secs(300);

/// A connection that brought nothing and lasted less counts as failed.
/// It is below the shortest limit that can be asked for, which is 1 s by the server's clock.
const WORTHWHILE: Duration = Duration::from_millis(500);

/// A connection that lasted this long did not fail, though it brought nothing: the command was
/// quiet, and something on the way does not like that.
const STEADY: Duration = Duration::from_secs(10);

/// What happens to a command that is followed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CommandEvent {
    /// A piece of the standard output, cut anywhere.
    Stdout(Vec<u8>),
    /// A piece of the standard error, cut anywhere.
    Stderr(Vec<u8>),
    /// The command has exited. The last event.
    Exited {
        /// The code that it exited with.
        exit_code: i32,
        /// How long it ran, measured by the server; zero if it did not say.
        duration: Duration,
    },
    /// A signal has ended the command. The last event.
    Killed {
        /// The signal's number, if the server says it.
        signal: Option<i32>,
    },
}

/// The output of a background command from an offset on; from [`Command::stream`] and
/// [`AttachCommand::stream`](super::AttachCommand::stream).
///
/// Yields [`CommandEvent`]s and ends after the command's end or after one error. When the
/// connection breaks or the server ends it for its time limit, the stream connects again by
/// itself and goes on from its offset: every byte comes once. It counts bytes, so a server that
/// no longer keeps what comes next is an error (code `output_truncated`), never a gap.
///
/// A broken connection is followed by waits as the client's
/// [`transient_retry`](crate::ClientBuilder::transient_retry) says, counted anew whenever output
/// has come; [`RetryPolicy::none`](crate::RetryPolicy::none) makes the first break an error of
/// kind [`ErrorKind::Connection`]. A time limit costs no retry.
///
/// Everything happens while it is polled, and nothing is read ahead of the caller beyond one
/// network read. Dropping it closes the connection; the command runs on, except if it was spawned
/// with [`kill_on_drop`](super::SpawnRequest::kill_on_drop) and this was the last of it.
#[must_use = "a stream does nothing until it is polled"]
pub struct CommandStream {
    client: Client,
    cursor: CommandCursor,
    follow: Duration,
    state: State,
    /// Connections that failed one after the other, and since when.
    failures: u32,
    failing_since: Option<rt::Instant>,
    _command: Option<Command>,
}

enum State {
    Start,
    Waiting(Pin<Box<tokio::time::Sleep>>),
    Connecting(BoxFuture<'static, Result<Connection, Error>>),
    Following(Connection),
    /// The last event is out; the connection may be freed for the next call.
    Ending(Connection),
    Done,
}

struct Connection {
    events: Events,
    request_id: Option<String>,
    since: rt::Instant,
    fruitful: bool,
}

impl CommandStream {
    pub(super) fn new(client: Client, cursor: CommandCursor) -> Self {
        Self {
            client,
            cursor,
            follow: FOLLOW,
            state: State::Start,
            failures: 0,
            failing_since: None,
            _command: None,
        }
    }

    /// A command that is killed with its handle lives as long as somebody reads it.
    pub(super) fn keeping(mut self, command: Command) -> Self {
        self._command = Some(command);
        self
    }

    /// How long the server is asked to follow on one connection, rounded up to whole seconds.
    /// Default: 300 s. When it is over the stream goes on with the next one; a server that has
    /// been silent for this long and the client's
    /// [`exec_grace`](crate::ClientBuilder::exec_grace) counts as lost.
    pub fn connection_limit(mut self, limit: Duration) -> Self {
        self.follow = limit;
        self
    }

    /// Where the next byte will come from: store it together with what has been read.
    pub fn cursor(&self) -> CommandCursor {
        self.cursor.clone()
    }

    /// How many bytes of the output have been read, those before the first offset included.
    pub fn offset(&self) -> u64 {
        self.cursor.offset
    }

    fn connect(&self) -> BoxFuture<'static, Result<Connection, Error>> {
        let (client, cursor, follow) = (self.client.clone(), self.cursor.clone(), self.follow);
        Box::pin(async move { connect(&client, &cursor, follow).await })
    }

    /// The server has ended a connection whose time was over.
    fn resume(&mut self, connection: &Connection, error: Error) -> Result<State, Error> {
        if connection.fruitful || connection.since.elapsed() >= WORTHWHILE {
            self.failures = 0;
            self.failing_since = None;
            return Ok(State::Start);
        }
        // It speaks of following: the command has no timeout that it could have run into.
        let message = "the server stops following before there is any output";
        self.retry(connection, Error::new(ErrorKind::Connection, message).with_source(error))
    }

    /// The connection broke.
    fn retry(&mut self, connection: &Connection, error: Error) -> Result<State, Error> {
        let now = rt::Instant::now();
        let lasted = connection.since.elapsed() >= STEADY;
        if connection.fruitful || lasted || self.failing_since.is_none() {
            self.failures = 0;
            self.failing_since = Some(now);
        }
        let spent = self.failing_since.map_or(Duration::ZERO, |since| now - since);
        let Some(wait) = self.client.transient_retry().delay(self.failures, spent, None) else {
            return Err(error.with_request_id(connection.request_id.clone()));
        };
        self.failures += 1;
        log::debug!("orkestr: following again in {} s: {error}", wait.as_secs_f64());
        Ok(State::Waiting(Box::pin(rt::sleep(wait))))
    }

    /// What an event means for the caller, or for the connection.
    fn on_event(&mut self, event: Result<Option<ExecEvent>, Error>) -> Step {
        let event = match event {
            Ok(Some(ExecEvent::Stdout(data))) => CommandEvent::Stdout(data),
            Ok(Some(ExecEvent::Stderr(data))) => CommandEvent::Stderr(data),
            Ok(Some(ExecEvent::Exited { exit_code, duration })) => {
                return Step::Last(CommandEvent::Exited { exit_code, duration });
            }
            // Comes at the beginning of every connection.
            Ok(Some(ExecEvent::Started { .. }) | None) => return Step::Nothing,
            // A background command has no timeout of its own.
            Err(error) if error.is_exec_timeout() => return Step::Resume(error),
            Err(error) if error.is_exec_killed() => {
                return Step::Last(CommandEvent::Killed { signal: error.signal() });
            }
            Err(error) => return Step::Fail(error),
        };
        match &event {
            CommandEvent::Stdout(data) | CommandEvent::Stderr(data) if data.is_empty() => {
                Step::Nothing
            }
            CommandEvent::Stdout(data) | CommandEvent::Stderr(data) => {
                self.cursor.offset += data.len() as u64;
                Step::Output(event)
            }
            CommandEvent::Exited { .. } | CommandEvent::Killed { .. } => Step::Last(event),
        }
    }
}

enum Step {
    Nothing,
    Output(CommandEvent),
    Last(CommandEvent),
    Resume(Error),
    Fail(Error),
}

async fn connect(
    client: &Client,
    cursor: &CommandCursor,
    follow: Duration,
) -> Result<Connection, Error> {
    let (sandbox, command) = (cursor.sandbox_id.as_str(), cursor.command_id.as_str());
    let offset = &logs::wire(cursor.offset)?;
    let seconds: &Integer = &whole_seconds(follow)?;
    let send = |api: crate::api::Client| async move {
        api.get_command_logs_stream(sandbox, command, Some(true), Some(offset), Some(seconds)).await
    };
    let call = Call { streams: true, ..on_command(client, Safety::Repeatable) };
    let since = rt::Instant::now();
    let answer = client.call(call, send).await?;
    let idle = follow.saturating_add(client.exec_grace());
    let (body, request_id) = body_of(client, answer, call.scope).await?;
    let events = Events::new(body, idle);
    Ok(Connection { events, request_id, since, fruitful: false })
}

impl Stream for CommandStream {
    type Item = Result<CommandEvent, Error>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        loop {
            // Whatever returns early without a next state has ended the stream.
            match std::mem::replace(&mut this.state, State::Done) {
                State::Start => this.state = State::Connecting(this.connect()),
                State::Waiting(mut sleep) => {
                    if sleep.as_mut().poll(cx).is_pending() {
                        this.state = State::Waiting(sleep);
                        return Poll::Pending;
                    }
                    this.state = State::Start;
                }
                State::Connecting(mut connecting) => match connecting.as_mut().poll(cx) {
                    Poll::Pending => {
                        this.state = State::Connecting(connecting);
                        return Poll::Pending;
                    }
                    Poll::Ready(Ok(connection)) => this.state = State::Following(connection),
                    Poll::Ready(Err(error)) => return Poll::Ready(Some(Err(error))),
                },
                State::Following(mut connection) => {
                    let Poll::Ready(data) = connection.events.poll_data(cx) else {
                        this.state = State::Following(connection);
                        return Poll::Pending;
                    };
                    let step = match data {
                        Some(Ok(data)) => this.on_event(event::read(&data)),
                        Some(Err(error)) if error.is_connection() => Step::Resume(error),
                        Some(Err(error)) => Step::Fail(error),
                        None => Step::Resume(Error::new(
                            ErrorKind::Connection,
                            "the stream ended before the command did; it may still run",
                        )),
                    };
                    match step {
                        Step::Nothing => this.state = State::Following(connection),
                        Step::Output(event) => {
                            connection.fruitful = true;
                            this.state = State::Following(connection);
                            return Poll::Ready(Some(Ok(event)));
                        }
                        Step::Last(event) => {
                            this.state = State::Ending(connection);
                            return Poll::Ready(Some(Ok(event)));
                        }
                        Step::Resume(error) => {
                            let next = if error.is_connection() {
                                this.retry(&connection, error)
                            } else {
                                this.resume(&connection, error)
                            };
                            match next {
                                Ok(state) => this.state = state,
                                Err(error) => return Poll::Ready(Some(Err(error))),
                            }
                        }
                        Step::Fail(error) => {
                            let error = error
                                .with_request_id(connection.request_id.clone())
                                .without(this.client.api_key().expose());
                            return Poll::Ready(Some(Err(error)));
                        }
                    }
                }
                State::Ending(mut connection) => connection.events.drain(cx),
                State::Done => return Poll::Ready(None),
            }
        }
    }
}

impl fmt::Debug for CommandStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ended = matches!(self.state, State::Ending(_) | State::Done);
        f.debug_struct("CommandStream")
            .field("cursor", &self.cursor)
            .field("ended", &ended)
            .finish_non_exhaustive()
    }
}
