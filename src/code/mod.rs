//! Code in the interpreter: `sbx.run_code`, `sbx.run_code_stream`, and contexts.

mod context;
mod event;
mod execution;
mod request;
mod result;
mod sandbox;
mod stream;

pub use context::{CodeContext, CodeContextInfo, CreateContext};
pub use event::CodeEvent;
pub use execution::{CodeDone, CodeError, Execution};
pub use request::{CodeRequest, CodeStreamRequest};
pub use result::CodeResult;
pub use stream::CodeStream;
