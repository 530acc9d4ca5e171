//! The code calls of a [`Sandbox`].

use super::context::{self, CodeContext, CreateContext};
use super::{CodeRequest, CodeStreamRequest};
use crate::{Error, Sandbox};

/// Code in the interpreter, which the template `code-interpreter` has.
impl Sandbox {
    /// Runs code in an interpreter that keeps its variables from run to run, and returns what it
    /// wrote and showed. Await the request; options are its setters.
    /// `POST /v1/sandboxes/{id}/code`.
    ///
    /// The value of the last expression is a result, as in a notebook; so is what `display` is
    /// given, and a matplotlib figure.
    ///
    /// ```no_run
    /// use orkestr::{Sandbox, Template};
    ///
    /// # async fn run() -> Result<(), orkestr::Error> {
    /// let sbx = Sandbox::create(Template::CodeInterpreter).await?;
    /// sbx.run_code("x = 20").await?;
    /// let run = sbx.run_code("print('adding'); x + 1").await?;
    /// assert_eq!((run.stdout.as_str(), run.text()), ("adding\n", Some("21")));
    ///
    /// let run = sbx.run_code("x / 0").await?; // an exception is data
    /// assert_eq!(run.error().map(|error| error.name.as_str()), Some("ZeroDivisionError"));
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InterpreterUnavailable`](crate::ErrorKind::InterpreterUnavailable) in a
    /// sandbox of another template; [`NotFound`](crate::ErrorKind::NotFound) if there is no such
    /// context; [`ExecTimeout`](crate::ErrorKind::ExecTimeout) if the code did not come to run
    /// within its timeout; [`SandboxNotReady`](crate::ErrorKind::SandboxNotReady) on a paused or
    /// terminated sandbox. An exception in the code is none of them, nor is a run that was
    /// interrupted at its timeout.
    ///
    /// # Cancel safety
    ///
    /// The request is never sent twice. Dropping the future does not stop the code: it runs until
    /// its timeout.
    pub fn run_code(&self, code: impl Into<String>) -> CodeRequest {
        CodeRequest::new(self, code.into())
    }

    /// Runs code and yields what it writes and shows as it comes. Await the request for a
    /// [`CodeStream`](crate::CodeStream). `POST /v1/sandboxes/{id}/code` with `stream`.
    ///
    /// ```no_run
    /// use futures::TryStreamExt;
    /// use orkestr::CodeEvent;
    ///
    /// # async fn run(sbx: orkestr::Sandbox) -> Result<(), orkestr::Error> {
    /// let mut events = sbx.run_code_stream("for n in range(3): print(n)").await?;
    /// while let Some(event) = events.try_next().await? {
    ///     match event {
    ///         CodeEvent::Stdout(text) => print!("{text}"),
    ///         CodeEvent::Result(result) => println!("{result:?}"),
    ///         CodeEvent::Error(error) => println!("{error}"),
    ///         CodeEvent::Done(done) => println!("{:?}", done.duration),
    ///         _ => {}
    ///     }
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// As for [`run_code`](Self::run_code), here or from the stream. A stream that ends before its
    /// last event is an error of kind [`Connection`](crate::ErrorKind::Connection).
    ///
    /// # Cancel safety
    ///
    /// The request is never sent twice. Dropping the future or the stream does not stop the code:
    /// it runs until its timeout.
    pub fn run_code_stream(&self, code: impl Into<String>) -> CodeStreamRequest {
        CodeStreamRequest::new(self, code.into())
    }

    /// Starts an interpreter with variables of its own. Await the request.
    /// `POST /v1/sandboxes/{id}/code/contexts`.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InterpreterUnavailable`](crate::ErrorKind::InterpreterUnavailable) in a
    /// sandbox of another template, [`SandboxNotReady`](crate::ErrorKind::SandboxNotReady) on a
    /// paused or terminated sandbox, [`Api`](crate::ErrorKind::Api) for a directory that is not
    /// there.
    ///
    /// # Cancel safety
    ///
    /// The request is never sent twice. If the future is dropped, the context may exist:
    /// [`code_contexts`](Self::code_contexts) tells.
    pub fn create_code_context(&self) -> CreateContext {
        CreateContext::new(self)
    }

    /// The contexts of the sandbox, the default one included once it was used.
    /// `GET /v1/sandboxes/{id}/code/contexts`.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InterpreterUnavailable`](crate::ErrorKind::InterpreterUnavailable) in a
    /// sandbox of another template, [`SandboxNotReady`](crate::ErrorKind::SandboxNotReady) on a
    /// terminated one.
    pub async fn code_contexts(&self) -> Result<Vec<CodeContext>, Error> {
        context::list(self).await
    }
}
