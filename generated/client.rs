// Written by `cargo regenerate` from openapi.yaml. Do not edit.

#[allow(unused_imports)]
pub use progenitor_client::{ByteStream, ClientInfo, Error, ResponseValue};
#[allow(unused_imports)]
use progenitor_client::{encode_path, ClientHooks, OperationInfo, RequestBuilderExt};
/// Types used as operation parameters and responses.
#[allow(clippy::all)]
pub mod types {
    ///One file of a batch.
    #[derive(::serde::Deserialize, ::serde::Serialize, Clone, Debug, Default)]
    pub struct BatchFile {
        ///The content in standard base64 (REST).
        pub content: crate::wire::Base64,
        ///The permission bits as a decimal number (REST). Default 420, which is octal 644 (guess).
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub mode: ::std::option::Option<crate::wire::Integer>,
        ///An absolute path in the writable roots (REST).
        pub path: ::std::string::String,
    }
    ///Why one file could not be written.
    #[derive(::serde::Deserialize, ::serde::Serialize, Clone, Debug, Default)]
    pub struct BatchFileError {
        ///Why, for programs, such as `not_permitted` (REST).
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub code: ::std::option::Option<::std::string::String>,
        ///Why, for people (REST).
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub message: ::std::option::Option<::std::string::String>,
    }
    ///What became of one file.
    #[derive(::serde::Deserialize, ::serde::Serialize, Clone, Debug, Default)]
    pub struct BatchFileResult {
        ///How many bytes were written; null if it failed (REST).
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub bytes_written: ::std::option::Option<crate::wire::Integer>,
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub error: ::std::option::Option<BatchFileError>,
        ///The file's path (REST).
        pub path: ::std::string::String,
    }
    ///Files to write in one call.
    #[derive(::serde::Deserialize, ::serde::Serialize, Clone, Debug, Default)]
    pub struct BatchWriteRequest {
        ///The files; at most 64 (REST).
        pub files: ::std::vec::Vec<BatchFile>,
    }
    ///What became of the files of a batch.
    #[derive(::serde::Deserialize, ::serde::Serialize, Clone, Debug, Default)]
    pub struct BatchWriteResponse {
        ///One row for each file (REST).
        pub results: ::std::vec::Vec<BatchFileResult>,
    }
    ///An interpreter with a state of its own.
    #[derive(::serde::Deserialize, ::serde::Serialize, Clone, Debug, Default)]
    pub struct CodeContext {
        ///Whether its interpreter runs (REST).
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub alive: ::std::option::Option<bool>,
        ///The id (REST).
        pub context_id: ::std::string::String,
        ///When it was created (REST).
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub created_at: ::std::option::Option<crate::Timestamp>,
        ///The directory that it runs in (REST).
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub cwd: ::std::option::Option<::std::string::String>,
        ///How many runs it has seen (REST).
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub executions: ::std::option::Option<crate::wire::Integer>,
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub language: ::std::option::Option<crate::generated::enums::CodeLanguage>,
        ///When it last ran code (REST).
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub last_used_at: ::std::option::Option<crate::Timestamp>,
    }
    ///The code contexts of a sandbox.
    #[derive(::serde::Deserialize, ::serde::Serialize, Clone, Debug, Default)]
    pub struct CodeContextList {
        ///The contexts (REST).
        pub contexts: ::std::vec::Vec<CodeContext>,
    }
    ///The run has ended; the last event. It has what `CodeExecution` has but for the results and the output, which came in events before.
    #[derive(::serde::Deserialize, ::serde::Serialize, Clone, Debug, Default)]
    pub struct CodeDoneEvent {
        ///The context that it ran in (REST).
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub context_id: ::std::option::Option<::std::string::String>,
        ///How long it ran, in milliseconds (REST).
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub duration_ms: ::std::option::Option<crate::wire::Integer>,
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub error: ::std::option::Option<CodeError>,
        ///The number of the run in its context (REST).
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub execution_count: ::std::option::Option<crate::wire::Integer>,
        ///Whether the run was cut short (REST).
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub interrupted: ::std::option::Option<bool>,
        ///The text `done` (REST).
        pub kind: ::std::string::String,
        ///Whether the interpreter had died and its variables are lost (Python SDK).
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub restarted: ::std::option::Option<bool>,
        ///The names of the parts that were too long and were cut (REST).
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub truncated: ::std::option::Option<::std::vec::Vec<::std::string::String>>,
    }
    ///An exception in the code.
    #[derive(::serde::Deserialize, ::serde::Serialize, Clone, Debug, Default)]
    pub struct CodeError {
        ///The exception's type, such as `ValueError` (REST).
        pub name: ::std::string::String,
        ///Where it was raised, for people (REST).
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub traceback: ::std::option::Option<::std::vec::Vec<::std::string::String>>,
        ///Its message (REST).
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub value: ::std::option::Option<::std::string::String>,
    }
    ///An error. Without `error_code` it is an exception in the code, which is data; with it, the run itself has failed and the stream ends.
    #[derive(::serde::Deserialize, ::serde::Serialize, Clone, Debug, Default)]
    pub struct CodeErrorEvent {
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub error: ::std::option::Option<CodeError>,
        ///Why the run itself has failed, for programs (REST).
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub error_code: ::std::option::Option<::std::string::String>,
        ///The text `error` (REST).
        pub kind: ::std::string::String,
    }
    ///An event of a run's stream; `kind` says which. Kinds not listed may appear and are to be passed over.
    #[derive(::serde::Deserialize, ::serde::Serialize, Clone, Debug)]
    #[serde(untagged)]
    pub enum CodeEvent {
        StreamEvent(CodeStreamEvent),
        ResultEvent(CodeResultEvent),
        ErrorEvent(CodeErrorEvent),
        DoneEvent(CodeDoneEvent),
    }
    impl ::std::convert::From<CodeStreamEvent> for CodeEvent {
        fn from(value: CodeStreamEvent) -> Self {
            Self::StreamEvent(value)
        }
    }
    impl ::std::convert::From<CodeResultEvent> for CodeEvent {
        fn from(value: CodeResultEvent) -> Self {
            Self::ResultEvent(value)
        }
    }
    impl ::std::convert::From<CodeErrorEvent> for CodeEvent {
        fn from(value: CodeErrorEvent) -> Self {
            Self::ErrorEvent(value)
        }
    }
    impl ::std::convert::From<CodeDoneEvent> for CodeEvent {
        fn from(value: CodeDoneEvent) -> Self {
            Self::DoneEvent(value)
        }
    }
    ///What a run of code has left.
    #[derive(::serde::Deserialize, ::serde::Serialize, Clone, Debug, Default)]
    pub struct CodeExecution {
        ///The context that it ran in (REST).
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub context_id: ::std::option::Option<::std::string::String>,
        ///How long it ran, in milliseconds (REST).
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub duration_ms: ::std::option::Option<crate::wire::Integer>,
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub error: ::std::option::Option<CodeError>,
        ///The number of the run in its context (REST).
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub execution_count: ::std::option::Option<crate::wire::Integer>,
        ///Whether the run was cut short by its timeout; the variables are kept (Python SDK).
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub interrupted: ::std::option::Option<bool>,
        ///Whether the interpreter had died and its variables are lost (Python SDK).
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub restarted: ::std::option::Option<bool>,
        ///The values that the code showed, in order (REST).
        pub results: ::std::vec::Vec<CodeResult>,
        ///The standard error as text (REST).
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub stderr: ::std::option::Option<::std::string::String>,
        ///The standard output as text (REST).
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub stdout: ::std::option::Option<::std::string::String>,
        ///The names of the parts that were too long and were cut (REST).
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub truncated: ::std::option::Option<::std::vec::Vec<::std::string::String>>,
    }
    ///A value that the code showed; `type` says which property holds it. Others may hold the same value in other forms (guess), and a type that is not listed its own property.
    #[derive(::serde::Deserialize, ::serde::Serialize, Clone, Debug, Default)]
    pub struct CodeResult {
        ///It as the data of a chart, any JSON (REST).
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub chart: ::std::option::Option<::serde_json::Value>,
        ///It as HTML (REST).
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub html: ::std::option::Option<::std::string::String>,
        ///It as any JSON (REST).
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub json: ::std::option::Option<::serde_json::Value>,
        ///It as a PNG image in standard base64 (REST).
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub png: ::std::option::Option<crate::wire::Base64>,
        ///It as text (REST).
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub text: ::std::option::Option<::std::string::String>,
        #[serde(rename = "type")]
        pub type_: crate::generated::enums::CodeResultType,
        #[serde(flatten)]
        pub extra: ::serde_json::Map<::std::string::String, ::serde_json::Value>,
    }
    ///A value that the code showed.
    #[derive(::serde::Deserialize, ::serde::Serialize, Clone, Debug, Default)]
    pub struct CodeResultEvent {
        ///The text `result` (REST).
        pub kind: ::std::string::String,
        pub result: CodeResult,
    }
    ///A piece of the code's output.
    #[derive(::serde::Deserialize, ::serde::Serialize, Clone, Debug, Default)]
    pub struct CodeStreamEvent {
        ///The text `stream` (REST).
        pub kind: ::std::string::String,
        pub stream: crate::generated::enums::OutputStream,
        ///The piece, as text (REST).
        pub text: ::std::string::String,
    }
    ///A background command.
    #[derive(::serde::Deserialize, ::serde::Serialize, Clone, Debug, Default)]
    pub struct Command {
        ///The command line (REST).
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub command: ::std::option::Option<::std::string::String>,
        ///The code that it exited with; null while it runs (REST).
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub exit_code: ::std::option::Option<i32>,
        ///The id, `cmd_` and a ULID (REST).
        pub id: ::std::string::String,
        ///Its process id in the sandbox (REST).
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub pid: ::std::option::Option<crate::wire::Integer>,
        ///When it was started (REST).
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub started_at: ::std::option::Option<crate::Timestamp>,
        pub status: crate::generated::enums::CommandStatus,
    }
    ///The background commands of a sandbox.
    #[derive(::serde::Deserialize, ::serde::Serialize, Clone, Debug, Default)]
    pub struct CommandList {
        ///The commands (REST).
        pub commands: ::std::vec::Vec<Command>,
        ///How many there are (REST).
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub total: ::std::option::Option<crate::wire::Integer>,
    }
    ///Output of a background command, stdout and stderr combined.
    #[derive(::serde::Deserialize, ::serde::Serialize, Clone, Debug, Default)]
    pub struct CommandLogs {
        ///The output from `offset` on, as text (REST).
        pub content: ::std::string::String,
        ///The size of the whole output in bytes (REST).
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub size: ::std::option::Option<crate::wire::Integer>,
        ///Whether the answer has reached its bound and there is more: ask again from `offset` and the bytes of `content` on (Python SDK).
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub truncated: ::std::option::Option<bool>,
    }
    ///The processor's use.
    #[derive(::serde::Deserialize, ::serde::Serialize, Clone, Debug, Default)]
    pub struct CpuMetrics {
        ///The virtual CPUs that the sandbox has (REST).
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub cores: ::std::option::Option<f64>,
        ///How many of them are busy; null while it does not run (REST).
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub usage_cores: ::std::option::Option<f64>,
        ///The same in percent of all its virtual CPUs; null while it does not run (Python SDK).
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub usage_percent: ::std::option::Option<f64>,
    }
    ///A code context to create.
    #[derive(::serde::Deserialize, ::serde::Serialize, Clone, Debug, Default)]
    pub struct CreateContextRequest {
        ///The directory to run in (REST). Default `/workspace` (guess).
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub cwd: ::std::option::Option<::std::string::String>,
    }
    ///A sandbox to create. Give exactly one of `template` and `snapshot`. With `snapshot` only `timeout_seconds`, `on_timeout`, `auto_resume`, `preview_auth`, `env` and `metadata` may stand beside it; the rest comes from the snapshot.
    #[derive(::serde::Deserialize, ::serde::Serialize, Clone, Debug, Default)]
    pub struct CreateSandboxRequest {
        ///The domains that it reaches, in place of the default allowlist. Only with the network mode `restricted` (REST).
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub allow_domains: ::std::option::Option<::std::vec::Vec<::std::string::String>>,
        ///Whether exec and file calls resume it when it is paused (REST).
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub auto_resume: ::std::option::Option<bool>,
        ///Virtual CPUs. Default 1.0; the plan caps it (JS reference).
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub cpu: ::std::option::Option<f64>,
        ///Environment variables of every process in it, by name (JS reference).
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub env: ::std::option::Option<
            ::std::collections::BTreeMap<::std::string::String, crate::Secret>,
        >,
        ///Memory in MB. Default 2048; the plan caps it (JS reference).
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub memory_mb: ::std::option::Option<crate::wire::Integer>,
        ///The caller's tags, repeated in every answer. At most 16, with at most 256 characters a value (JS reference).
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub metadata: ::std::option::Option<
            ::std::collections::BTreeMap<::std::string::String, ::std::string::String>,
        >,
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub network: ::std::option::Option<crate::generated::enums::NetworkMode>,
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub on_timeout: ::std::option::Option<crate::generated::enums::OnTimeout>,
        ///Whether its preview URLs ask for a token (REST).
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub preview_auth: ::std::option::Option<bool>,
        ///Where to run, such as `fsn1` or `hel1`. Default is that the server picks (JS reference).
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub region: ::std::option::Option<::std::string::String>,
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub size: ::std::option::Option<crate::generated::enums::SandboxSize>,
        ///The snapshot to start from, by its id `snap_...` (REST).
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub snapshot: ::std::option::Option<::std::string::String>,
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub template: ::std::option::Option<crate::generated::enums::Template>,
        ///The lifetime in seconds, after which `on_timeout` applies. Default 600 (JS reference); from 10 to 3600, and the plan may allow less (REST).
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub timeout_seconds: ::std::option::Option<crate::wire::Integer>,
        ///The volume to mount at `/persist`, by its name or its id `vol_...` (REST). A name that there is not makes a volume of 10 GB; a `region` must be the volume's (Python SDK).
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub volume: ::std::option::Option<::std::string::String>,
    }
    ///A snapshot to take.
    #[derive(::serde::Deserialize, ::serde::Serialize, Clone, Debug, Default)]
    pub struct CreateSnapshotRequest {
        ///A name for people (REST).
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub name: ::std::option::Option<::std::string::String>,
    }
    ///A volume to create.
    #[derive(::serde::Deserialize, ::serde::Serialize, Clone, Debug, Default)]
    pub struct CreateVolumeRequest {
        ///How many days it lives, in place of `max_lifetime_hours`. Without a lifetime it stays until it is deleted (the bounds are the Python SDK's).
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub max_lifetime_days: ::std::option::Option<crate::wire::Integer>,
        ///How many hours it lives (the bounds are the Python SDK's).
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub max_lifetime_hours: ::std::option::Option<crate::wire::Integer>,
        ///Its name, which a sandbox's `volume` takes (REST).
        pub name: ::std::string::String,
        ///Where it is, such as `fsn1`. Default is that of the first sandbox that has it (Python SDK).
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub region: ::std::option::Option<::std::string::String>,
        ///Its size in GB, which may be a fraction (the bound is the Python SDK's).
        pub size_gb: f64,
    }
    ///A webhook to create.
    #[derive(::serde::Deserialize, ::serde::Serialize, Clone, Debug, Default)]
    pub struct CreateWebhookRequest {
        ///The events to call for (REST). Absent for all (guess).
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub event_types: ::std::option::Option<
            ::std::vec::Vec<crate::generated::enums::WebhookEventType>,
        >,
        ///The URL that the service calls (REST).
        pub url: ::std::string::String,
    }
    ///Why a call failed. Every property may be missing.
    #[derive(::serde::Deserialize, ::serde::Serialize, Clone, Debug, Default)]
    pub struct ErrorBody {
        ///Why, for programs; decides before the status. Codes not listed here may appear (REST).
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub code: ::std::option::Option<::std::string::String>,
        ///Why, normally as text. With the status 422 a list of `ValidationIssue`. Any JSON may come (REST).
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub detail: ::std::option::Option<::serde_json::Value>,
        ///Why, for people (REST).
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub message: ::std::option::Option<::std::string::String>,
        ///How many seconds to wait; the header `retry-after` wins (REST).
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub retry_after: ::std::option::Option<f64>,
        ///With the code `exec_killed`, the number of the signal (JS reference).
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub signal: ::std::option::Option<i32>,
    }
    ///A piece of a command's output.
    #[derive(::serde::Deserialize, ::serde::Serialize, Clone, Debug, Default)]
    pub struct ExecChunk {
        ///The raw bytes in standard base64. They may be binary, and may be cut inside a UTF-8 sequence (REST).
        pub data: crate::wire::Base64,
        ///The text `exec_chunk` (REST).
        pub kind: ::std::string::String,
        pub stream: crate::generated::enums::OutputStream,
    }
    ///The command did not come to an exit code; the last event.
    #[derive(::serde::Deserialize, ::serde::Serialize, Clone, Debug, Default)]
    pub struct ExecError {
        ///Why, for programs; `exec_timeout` and `timed_out` are a timeout, `exec_killed` and `killed_by_signal` a kill (REST).
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub code: ::std::option::Option<::std::string::String>,
        ///The text `error` (REST).
        pub kind: ::std::string::String,
        ///Why, for people (REST).
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub message: ::std::option::Option<::std::string::String>,
        ///The number of the signal that ended it (REST).
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub signal: ::std::option::Option<i32>,
    }
    ///An event of a command's stream; `kind` says which. Kinds not listed may appear and are to be passed over.
    #[derive(::serde::Deserialize, ::serde::Serialize, Clone, Debug)]
    #[serde(untagged)]
    pub enum ExecEvent {
        Started(ExecStarted),
        Chunk(ExecChunk),
        Exited(ExecExited),
        Error(ExecError),
    }
    impl ::std::convert::From<ExecStarted> for ExecEvent {
        fn from(value: ExecStarted) -> Self {
            Self::Started(value)
        }
    }
    impl ::std::convert::From<ExecChunk> for ExecEvent {
        fn from(value: ExecChunk) -> Self {
            Self::Chunk(value)
        }
    }
    impl ::std::convert::From<ExecExited> for ExecEvent {
        fn from(value: ExecExited) -> Self {
            Self::Exited(value)
        }
    }
    impl ::std::convert::From<ExecError> for ExecEvent {
        fn from(value: ExecError) -> Self {
            Self::Error(value)
        }
    }
    ///The command has exited; the last event.
    #[derive(::serde::Deserialize, ::serde::Serialize, Clone, Debug, Default)]
    pub struct ExecExited {
        ///The exit code (REST).
        pub code: i32,
        ///How long it ran, in milliseconds (REST).
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub duration_ms: ::std::option::Option<crate::wire::Integer>,
        ///The text `exec_exited` (REST).
        pub kind: ::std::string::String,
    }
    ///A command to run.
    #[derive(::serde::Deserialize, ::serde::Serialize, Clone, Debug, Default)]
    pub struct ExecRequest {
        ///The command line, for the shell (JS reference).
        pub command: ::std::string::String,
        ///The directory to run in. Default `/workspace` (REST).
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub cwd: ::std::option::Option<::std::string::String>,
        ///Environment variables for this command (REST), over the sandbox's own (guess).
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub env: ::std::option::Option<
            ::std::collections::BTreeMap<::std::string::String, crate::Secret>,
        >,
        ///Whether to answer with an event stream. Default false (REST).
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub stream: ::std::option::Option<bool>,
        ///How long it may run, in seconds (JS reference). Default 60 (REST).
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub timeout_seconds: ::std::option::Option<crate::wire::Integer>,
    }
    ///What a command has left. No source names a limit on the output.
    #[derive(::serde::Deserialize, ::serde::Serialize, Clone, Debug, Default)]
    pub struct ExecResult {
        ///The reason of a failure, such as `exec_timeout`; absent for a result (guess).
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub code: ::std::option::Option<::std::string::String>,
        ///The failure in words, as errors have it; absent for a result (guess).
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub detail: ::std::option::Option<::std::string::String>,
        ///How long it ran, in milliseconds (JS reference).
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub duration_ms: ::std::option::Option<crate::wire::Integer>,
        ///The code that it exited with; any value is a result (JS reference).
        pub exit_code: i32,
        ///The failure in words; absent for a result (guess).
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub message: ::std::option::Option<::std::string::String>,
        ///The signal that ended the command, with `exec_killed` (guess).
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub signal: ::std::option::Option<i32>,
        ///The standard error as text (JS reference).
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub stderr: ::std::option::Option<::std::string::String>,
        ///The standard output as text (JS reference).
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub stdout: ::std::option::Option<::std::string::String>,
    }
    ///The command has started; the first event.
    #[derive(::serde::Deserialize, ::serde::Serialize, Clone, Debug, Default)]
    pub struct ExecStarted {
        ///The text `exec_started` (REST).
        pub kind: ::std::string::String,
        ///Its process id in the sandbox (REST).
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub pid: ::std::option::Option<crate::wire::Integer>,
    }
    ///One entry of a directory.
    #[derive(::serde::Deserialize, ::serde::Serialize, Clone, Debug, Default)]
    pub struct FileEntry {
        ///Whether it is a directory (JS reference).
        pub is_dir: bool,
        ///The permission bits as a decimal number (JS reference).
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub mode: ::std::option::Option<crate::wire::Integer>,
        ///When its content last changed (JS reference).
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub modified_at: ::std::option::Option<crate::Timestamp>,
        ///The name, without the directory (JS reference).
        pub name: ::std::string::String,
        ///The size in bytes (JS reference).
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub size: ::std::option::Option<crate::wire::Integer>,
    }
    ///Facts about a path.
    #[derive(::serde::Deserialize, ::serde::Serialize, Clone, Debug, Default)]
    pub struct FileStat {
        ///Whether there is something; if not, the rest is absent or null (REST).
        pub exists: bool,
        ///Whether it is a directory (REST).
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub is_dir: ::std::option::Option<bool>,
        ///The permission bits as a decimal number (REST).
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub mode: ::std::option::Option<crate::wire::Integer>,
        ///When its content last changed (REST).
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub modified_at: ::std::option::Option<crate::Timestamp>,
        ///The path (REST).
        pub path: ::std::string::String,
        ///The size in bytes (REST).
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub size: ::std::option::Option<crate::wire::Integer>,
    }
    ///Totals over a sandbox's lifetime.
    #[derive(::serde::Deserialize, ::serde::Serialize, Clone, Debug, Default)]
    pub struct LifetimeMetrics {
        ///Seconds of one virtual CPU (REST).
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub cpu_seconds: ::std::option::Option<f64>,
        ///GB of memory times seconds (REST).
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub gb_seconds: ::std::option::Option<f64>,
    }
    ///What the caller's plan allows.
    #[derive(::serde::Deserialize, ::serde::Serialize, Clone, Debug, Default)]
    pub struct Limits {
        ///The sizes that may be chosen (REST).
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub allowed_sizes: ::std::option::Option<
            ::std::vec::Vec<crate::generated::enums::SandboxSize>,
        >,
        ///Whether `allow_domains` may be used (REST).
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub custom_egress_allowlist: ::std::option::Option<bool>,
        ///The default allowlist of the network mode `restricted` (REST).
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub default_egress_domains: ::std::option::Option<
            ::std::vec::Vec<::std::string::String>,
        >,
        ///How many sandboxes may run at once (REST).
        pub max_concurrent: crate::wire::Integer,
        ///How many of them may have a name (REST).
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub max_named_snapshots: ::std::option::Option<crate::wire::Integer>,
        ///How many seconds a sandbox may run in all; null for no cap (REST).
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub max_running_lifetime_seconds: ::std::option::Option<crate::wire::Integer>,
        ///How many snapshots may exist (REST).
        pub max_snapshots: crate::wire::Integer,
        ///The longest `timeout_seconds` (REST).
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub max_timeout_seconds: ::std::option::Option<crate::wire::Integer>,
        ///The plan's name (REST).
        pub plan: ::std::string::String,
        ///The regions that may be chosen (REST).
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub regions: ::std::option::Option<::std::vec::Vec<Region>>,
        ///All sizes (REST).
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub sizes: ::std::option::Option<::std::vec::Vec<SizeLimit>>,
        ///The trial credit in euros (REST).
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub trial_credit_eur: ::std::option::Option<f64>,
        ///How much of it is used, in euros (REST).
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub trial_credit_used_eur: ::std::option::Option<f64>,
    }
    ///A directory to make.
    #[derive(::serde::Deserialize, ::serde::Serialize, Clone, Debug, Default)]
    pub struct MakeDirectoryRequest {
        ///Whether to make the missing directories above it too. Default true (REST).
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub parents: ::std::option::Option<bool>,
        ///An absolute path in the writable roots (REST).
        pub path: ::std::string::String,
    }
    ///The memory's use.
    #[derive(::serde::Deserialize, ::serde::Serialize, Clone, Debug, Default)]
    pub struct MemoryMetrics {
        ///The bytes that the sandbox has (REST).
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub limit_bytes: ::std::option::Option<crate::wire::Integer>,
        ///The bytes that are in use; null while it does not run (REST).
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub usage_bytes: ::std::option::Option<crate::wire::Integer>,
        ///The same in percent of what it has; null while it does not run (REST).
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub usage_percent: ::std::option::Option<f64>,
    }
    ///What a sandbox uses and has used.
    #[derive(::serde::Deserialize, ::serde::Serialize, Clone, Debug, Default)]
    pub struct Metrics {
        ///When the usage was measured (REST).
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub as_of: ::std::option::Option<crate::Timestamp>,
        ///The same in Unix seconds, for the next call's `since` (REST).
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub as_of_unix: ::std::option::Option<f64>,
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub cpu: ::std::option::Option<CpuMetrics>,
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub lifetime: ::std::option::Option<LifetimeMetrics>,
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub memory: ::std::option::Option<MemoryMetrics>,
        ///The time between two samples, in seconds (REST).
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub sample_interval_seconds: ::std::option::Option<f64>,
        ///The samples, oldest first (REST).
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub samples: ::std::option::Option<::std::vec::Vec<MetricsSample>>,
        ///The sandbox (REST).
        pub sandbox_id: ::std::string::String,
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub sandbox_status: ::std::option::Option<
            crate::generated::enums::SandboxStatus,
        >,
        ///How far back the samples reach, in seconds; about 60 (REST).
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub window_seconds: ::std::option::Option<f64>,
    }
    ///The usage at one moment.
    #[derive(::serde::Deserialize, ::serde::Serialize, Clone, Debug, Default)]
    pub struct MetricsSample {
        ///The processor's use in percent (REST).
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub cpu_percent: ::std::option::Option<f64>,
        ///The memory in use, in bytes (REST).
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub mem_bytes: ::std::option::Option<crate::wire::Integer>,
        ///When (REST; the form is the Python SDK's).
        pub t: crate::Timestamp,
    }
    ///A path to move.
    #[derive(::serde::Deserialize, ::serde::Serialize, Clone, Debug, Default)]
    pub struct MovePathRequest {
        ///The absolute path that it shall have (REST).
        pub destination: ::std::string::String,
        ///The absolute path that exists (REST).
        pub source: ::std::string::String,
    }
    ///Where to move a volume.
    #[derive(::serde::Deserialize, ::serde::Serialize, Clone, Debug, Default)]
    pub struct MoveVolumeRequest {
        ///The region to move to, such as `hel1` (REST).
        pub region: ::std::string::String,
    }
    ///The context to run in; null or absent for the sandbox's default context (REST).
    #[derive(::serde::Deserialize, ::serde::Serialize, Clone, Debug)]
    #[serde(transparent)]
    pub struct NullableContextId(pub ::std::option::Option<::std::string::String>);
    impl ::std::ops::Deref for NullableContextId {
        type Target = ::std::option::Option<::std::string::String>;
        fn deref(&self) -> &::std::option::Option<::std::string::String> {
            &self.0
        }
    }
    impl ::std::convert::From<NullableContextId>
    for ::std::option::Option<::std::string::String> {
        fn from(value: NullableContextId) -> Self {
            value.0
        }
    }
    impl ::std::convert::From<::std::option::Option<::std::string::String>>
    for NullableContextId {
        fn from(value: ::std::option::Option<::std::string::String>) -> Self {
            Self(value)
        }
    }
    ///How many days a volume lives from its creation; null clears it, absent leaves it (REST).
    #[derive(::serde::Deserialize, ::serde::Serialize, Clone, Debug)]
    #[serde(transparent)]
    pub struct NullableLifetimeDays(pub ::std::option::Option<crate::wire::Integer>);
    impl ::std::ops::Deref for NullableLifetimeDays {
        type Target = ::std::option::Option<crate::wire::Integer>;
        fn deref(&self) -> &::std::option::Option<crate::wire::Integer> {
            &self.0
        }
    }
    impl ::std::convert::From<NullableLifetimeDays>
    for ::std::option::Option<crate::wire::Integer> {
        fn from(value: NullableLifetimeDays) -> Self {
            value.0
        }
    }
    impl ::std::convert::From<::std::option::Option<crate::wire::Integer>>
    for NullableLifetimeDays {
        fn from(value: ::std::option::Option<crate::wire::Integer>) -> Self {
            Self(value)
        }
    }
    ///How many hours a volume lives from its creation; null clears it, absent leaves it (REST).
    #[derive(::serde::Deserialize, ::serde::Serialize, Clone, Debug)]
    #[serde(transparent)]
    pub struct NullableLifetimeHours(pub ::std::option::Option<crate::wire::Integer>);
    impl ::std::ops::Deref for NullableLifetimeHours {
        type Target = ::std::option::Option<crate::wire::Integer>;
        fn deref(&self) -> &::std::option::Option<crate::wire::Integer> {
            &self.0
        }
    }
    impl ::std::convert::From<NullableLifetimeHours>
    for ::std::option::Option<crate::wire::Integer> {
        fn from(value: NullableLifetimeHours) -> Self {
            value.0
        }
    }
    impl ::std::convert::From<::std::option::Option<crate::wire::Integer>>
    for NullableLifetimeHours {
        fn from(value: ::std::option::Option<crate::wire::Integer>) -> Self {
            Self(value)
        }
    }
    ///A file or a directory, as `is_dir` says: a file has `content` and `size`, a directory has `entries`.
    #[derive(::serde::Deserialize, ::serde::Serialize, Clone, Debug, Default)]
    pub struct PathContent {
        ///The file's content in standard base64; only for a file (REST).
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub content: ::std::option::Option<crate::wire::Base64>,
        ///What the directory holds; only for a directory (REST).
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub entries: ::std::option::Option<::std::vec::Vec<FileEntry>>,
        ///Whether it is a directory (REST).
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub is_dir: ::std::option::Option<bool>,
        ///The path (REST).
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub path: ::std::option::Option<::std::string::String>,
        ///The file's size in bytes; only for a file (REST).
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub size: ::std::option::Option<crate::wire::Integer>,
    }
    ///What a pause has left.
    #[derive(::serde::Deserialize, ::serde::Serialize, Clone, Debug, Default)]
    pub struct PausedSandbox {
        ///When the snapshot was made (REST).
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub created_at: ::std::option::Option<crate::Timestamp>,
        ///The sandbox to resume later (JS reference).
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub sandbox_id: ::std::option::Option<::std::string::String>,
        ///The snapshot that holds its state (REST).
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub snapshot_id: ::std::option::Option<::std::string::String>,
        ///The size of the snapshot in MB (REST).
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub snapshot_size_mb: ::std::option::Option<crate::wire::Integer>,
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub status: ::std::option::Option<crate::generated::enums::SandboxStatus>,
    }
    ///A file to make a URL for.
    #[derive(::serde::Deserialize, ::serde::Serialize, Clone, Debug, Default)]
    pub struct PresignRequest {
        ///How long the URL is good for, in seconds. Default 600; from 60 to 3600 (REST).
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub expires_in: ::std::option::Option<crate::wire::Integer>,
        ///The file's absolute path; for an upload in the writable roots (REST).
        pub path: ::std::string::String,
    }
    ///A URL for one file that needs no authorization header.
    #[derive(::serde::Deserialize, ::serde::Serialize, Clone, Debug, Default)]
    pub struct PresignedUrl {
        ///When it expires (REST).
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub expires_at: ::std::option::Option<crate::Timestamp>,
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub method: ::std::option::Option<crate::generated::enums::PresignMethod>,
        ///The file's path (REST).
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub path: ::std::option::Option<::std::string::String>,
        ///The URL. Whoever has it can use it until it expires, any number of times (REST).
        pub url: crate::Secret,
    }
    ///Where a port of a sandbox can be reached.
    #[derive(::serde::Deserialize, ::serde::Serialize, Clone, Debug, Default)]
    pub struct PreviewHost {
        ///The host name, or an address with its port (REST).
        pub host: ::std::string::String,
        ///The port (REST).
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub port: ::std::option::Option<i32>,
        ///The URL, `https://` and the host (REST), or `http://` and an address.
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub url: ::std::option::Option<::std::string::String>,
    }
    ///A place where sandboxes run.
    #[derive(::serde::Deserialize, ::serde::Serialize, Clone, Debug, Default)]
    pub struct Region {
        ///What `region` takes, such as `fsn1` (REST).
        pub id: ::std::string::String,
        ///Its name for people (REST).
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub label: ::std::option::Option<::std::string::String>,
    }
    ///Code to run.
    #[derive(::serde::Deserialize, ::serde::Serialize, Clone, Debug, Default)]
    pub struct RunCodeRequest {
        ///The code (REST).
        pub code: ::std::string::String,
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub context_id: ::std::option::Option<NullableContextId>,
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub language: ::std::option::Option<crate::generated::enums::CodeLanguage>,
        ///Whether to answer with an event stream. Default false (REST).
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub stream: ::std::option::Option<bool>,
        ///How long it may run, in seconds (REST).
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub timeout_seconds: ::std::option::Option<crate::wire::Integer>,
    }
    ///A sandbox at one moment.
    #[derive(::serde::Deserialize, ::serde::Serialize, Clone, Debug, Default)]
    pub struct Sandbox {
        ///Whether exec and file calls resume it when it is paused (REST).
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub auto_resume: ::std::option::Option<bool>,
        ///Virtual CPUs (REST).
        pub cpu: f64,
        ///When it was created (JS reference).
        pub created_at: crate::Timestamp,
        ///When its lifetime ends (REST).
        pub expires_at: crate::Timestamp,
        ///The id, `sbx_` and a ULID (JS reference).
        pub id: ::std::string::String,
        ///Memory in MB (REST).
        pub memory_mb: crate::wire::Integer,
        ///The caller's tags (JS reference).
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub metadata: ::std::option::Option<
            ::std::collections::BTreeMap<::std::string::String, ::std::string::String>,
        >,
        pub network: crate::generated::enums::NetworkMode,
        ///The machine that it runs on (REST).
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub node_id: ::std::option::Option<::std::string::String>,
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub on_timeout: ::std::option::Option<crate::generated::enums::OnTimeout>,
        ///When it is deleted if it stays paused (Python SDK).
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub paused_expires_at: ::std::option::Option<crate::Timestamp>,
        ///Whether its preview URLs ask for a token (REST).
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub preview_auth: ::std::option::Option<bool>,
        ///The token that its preview URLs ask for; a secret (REST).
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub preview_auth_token: ::std::option::Option<crate::Secret>,
        ///The domain below which its preview hosts are (REST).
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub preview_host_base: ::std::option::Option<::std::string::String>,
        ///Where it runs (REST).
        pub region: ::std::string::String,
        pub status: crate::generated::enums::SandboxStatus,
        pub template: crate::generated::enums::Template,
        ///The volume at `/persist` (REST).
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub volume: ::std::option::Option<::std::string::String>,
    }
    ///One page of sandboxes.
    #[derive(::serde::Deserialize, ::serde::Serialize, Clone, Debug, Default)]
    pub struct SandboxList {
        ///The `cursor` of the next page; null or absent on the last (Python SDK).
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub next_cursor: ::std::option::Option<::std::string::String>,
        ///The sandboxes, newest first (JS reference).
        pub sandboxes: ::std::vec::Vec<Sandbox>,
        ///How many there are on all pages (REST).
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub total: ::std::option::Option<crate::wire::Integer>,
    }
    ///A new lifetime.
    #[derive(::serde::Deserialize, ::serde::Serialize, Clone, Debug, Default)]
    pub struct SetTimeoutRequest {
        ///The lifetime in seconds, counted from now; from 10 to 3600, and the plan may allow less (REST).
        pub timeout_seconds: crate::wire::Integer,
    }
    ///A size, and whether the plan allows it.
    #[derive(::serde::Deserialize, ::serde::Serialize, Clone, Debug, Default)]
    pub struct SizeLimit {
        ///Whether the plan allows it (REST).
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub allowed: ::std::option::Option<bool>,
        ///Its virtual CPUs (REST).
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub cpu: ::std::option::Option<f64>,
        ///Its memory in MB (REST).
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub memory_mb: ::std::option::Option<crate::wire::Integer>,
        pub size: crate::generated::enums::SandboxSize,
    }
    ///A saved state of a sandbox.
    #[derive(::serde::Deserialize, ::serde::Serialize, Clone, Debug, Default)]
    pub struct Snapshot {
        ///The virtual CPUs of sandboxes that start from it (REST).
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub cpu: ::std::option::Option<f64>,
        ///When it was asked for (REST).
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub created_at: ::std::option::Option<crate::Timestamp>,
        ///Why it failed, for people (REST).
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub error_message: ::std::option::Option<::std::string::String>,
        ///The id, `snap_...` (REST).
        pub id: ::std::string::String,
        ///Their memory in MB (REST).
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub memory_mb: ::std::option::Option<crate::wire::Integer>,
        ///Its name for people (REST).
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub name: ::std::option::Option<::std::string::String>,
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub network: ::std::option::Option<crate::generated::enums::NetworkMode>,
        ///The machine that it is on (REST).
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub node_id: ::std::option::Option<::std::string::String>,
        ///When it became ready (REST).
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub ready_at: ::std::option::Option<crate::Timestamp>,
        ///The region that it is in (REST).
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub region: ::std::option::Option<::std::string::String>,
        ///Its size in MB (REST).
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub size_mb: ::std::option::Option<crate::wire::Integer>,
        ///The sandbox that it was taken of (REST).
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub source_sandbox_id: ::std::option::Option<::std::string::String>,
        pub status: crate::generated::enums::SnapshotStatus,
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub template: ::std::option::Option<crate::generated::enums::Template>,
    }
    ///The caller's snapshots.
    #[derive(::serde::Deserialize, ::serde::Serialize, Clone, Debug, Default)]
    pub struct SnapshotList {
        ///The snapshots (REST).
        pub snapshots: ::std::vec::Vec<Snapshot>,
    }
    ///A background command to start.
    #[derive(::serde::Deserialize, ::serde::Serialize, Clone, Debug, Default)]
    pub struct StartCommandRequest {
        ///The command line, for the shell (REST).
        pub command: ::std::string::String,
        ///The directory to run in. Default `/workspace` (guess).
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub cwd: ::std::option::Option<::std::string::String>,
        ///Environment variables for this command (REST), over the sandbox's own (guess).
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub env: ::std::option::Option<
            ::std::collections::BTreeMap<::std::string::String, crate::Secret>,
        >,
    }
    ///A change of a volume's lifetime; exactly one property.
    #[derive(::serde::Deserialize, ::serde::Serialize, Clone, Debug, Default)]
    pub struct UpdateVolumeRequest {
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub max_lifetime_days: ::std::option::Option<NullableLifetimeDays>,
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub max_lifetime_hours: ::std::option::Option<NullableLifetimeHours>,
    }
    ///One thing that is wrong with a request.
    #[derive(::serde::Deserialize, ::serde::Serialize, Clone, Debug, Default)]
    pub struct ValidationIssue {
        ///Where, from `body`, `query` or `path` inwards (REST).
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub loc: ::std::option::Option<::std::vec::Vec<::serde_json::Value>>,
        ///Why, for people (REST).
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub msg: ::std::option::Option<::std::string::String>,
        ///Why, for programs (REST).
        #[serde(rename = "type", skip_serializing_if = "::std::option::Option::is_none")]
        pub type_: ::std::option::Option<::std::string::String>,
    }
    ///Storage that outlives sandboxes.
    #[derive(::serde::Deserialize, ::serde::Serialize, Clone, Debug, Default)]
    pub struct Volume {
        ///The sandbox that uses it (REST).
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub attached_sandbox_id: ::std::option::Option<::std::string::String>,
        ///When it is deleted; null for never (REST).
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub expires_at: ::std::option::Option<crate::Timestamp>,
        ///The id, `vol_...` (REST).
        pub id: ::std::string::String,
        ///How many days it lives (REST).
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub max_lifetime_days: ::std::option::Option<crate::wire::Integer>,
        ///How many hours it lives (REST).
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub max_lifetime_hours: ::std::option::Option<crate::wire::Integer>,
        ///Its name (REST).
        pub name: ::std::string::String,
        ///The machine that it is on (REST).
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub node_id: ::std::option::Option<::std::string::String>,
        ///The region that it is in (REST).
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub region: ::std::option::Option<::std::string::String>,
        ///Its size in MB (REST).
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub size_mb: ::std::option::Option<crate::wire::Integer>,
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub status: ::std::option::Option<crate::generated::enums::VolumeStatus>,
    }
    ///The caller's volumes.
    #[derive(::serde::Deserialize, ::serde::Serialize, Clone, Debug, Default)]
    pub struct VolumeList {
        ///The volumes (REST).
        pub volumes: ::std::vec::Vec<Volume>,
    }
    ///A URL that the service calls.
    #[derive(::serde::Deserialize, ::serde::Serialize, Clone, Debug, Default)]
    pub struct Webhook {
        ///Whether it is called (REST).
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub active: ::std::option::Option<bool>,
        ///How many calls have failed since the last that did not (REST).
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub consecutive_failures: ::std::option::Option<crate::wire::Integer>,
        ///When it was created (REST).
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub created_at: ::std::option::Option<crate::Timestamp>,
        ///The events that it is called for (REST); null for all (guess).
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub event_types: ::std::option::Option<
            ::std::vec::Vec<crate::generated::enums::WebhookEventType>,
        >,
        ///The id, `whk_...` (REST).
        pub id: ::std::string::String,
        ///When it was last called (REST).
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub last_delivery_at: ::std::option::Option<crate::Timestamp>,
        ///Why the last call failed, for people (REST).
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub last_error: ::std::option::Option<::std::string::String>,
        ///The key of the signatures, `whsec_...`; only in the answer to its creation (REST).
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub secret: ::std::option::Option<crate::Secret>,
        ///The URL (REST).
        pub url: ::std::string::String,
    }
    ///The body of a delivery (guess).
    #[derive(::serde::Deserialize, ::serde::Serialize, Clone, Debug, Default)]
    pub struct WebhookEvent {
        ///When it happened (guess).
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub created_at: ::std::option::Option<crate::Timestamp>,
        ///What it happened to, as the API shows it, without tokens. `sandbox.terminated` adds `reason`: `requested`, `timeout` or `failed` (guess).
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub data: ::std::option::Option<
            ::serde_json::Map<::std::string::String, ::serde_json::Value>,
        >,
        ///The delivery's id, the same in each attempt (guess).
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub delivery_id: ::std::option::Option<::std::string::String>,
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub event: ::std::option::Option<crate::generated::enums::WebhookEventType>,
        ///The sandbox that it happened to, if it was one (guess).
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub sandbox_id: ::std::option::Option<::std::string::String>,
        ///The template that it happened to, if it was one (guess).
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub template_id: ::std::option::Option<::std::string::String>,
        ///The volume that it happened to, if it was one (guess).
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub volume_id: ::std::option::Option<::std::string::String>,
    }
    ///The caller's webhooks.
    #[derive(::serde::Deserialize, ::serde::Serialize, Clone, Debug, Default)]
    pub struct WebhookList {
        ///The webhooks (REST).
        pub webhooks: ::std::vec::Vec<Webhook>,
    }
    ///A file to write.
    #[derive(::serde::Deserialize, ::serde::Serialize, Clone, Debug, Default)]
    pub struct WriteFileRequest {
        ///The content in standard base64; at most 16 MiB before encoding (REST).
        pub content: crate::wire::Base64,
        ///The permission bits as a decimal number. Default 420, which is octal 644 (REST).
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub mode: ::std::option::Option<crate::wire::Integer>,
        ///An absolute path below `/workspace`, `/tmp` or, with a volume, `/persist` (REST).
        pub path: ::std::string::String,
    }
    /// Error types.
    pub mod error {
        /// Error from a `TryFrom` or `FromStr` implementation.
        pub struct ConversionError(::std::borrow::Cow<'static, str>);
        impl ::std::error::Error for ConversionError {}
        impl ::std::fmt::Display for ConversionError {
            fn fmt(
                &self,
                f: &mut ::std::fmt::Formatter<'_>,
            ) -> Result<(), ::std::fmt::Error> {
                ::std::fmt::Display::fmt(&self.0, f)
            }
        }
        impl ::std::fmt::Debug for ConversionError {
            fn fmt(
                &self,
                f: &mut ::std::fmt::Formatter<'_>,
            ) -> Result<(), ::std::fmt::Error> {
                ::std::fmt::Debug::fmt(&self.0, f)
            }
        }
        impl From<&'static str> for ConversionError {
            fn from(value: &'static str) -> Self {
                Self(value.into())
            }
        }
        impl From<String> for ConversionError {
            fn from(value: String) -> Self {
                Self(value.into())
            }
        }
    }
}
#[derive(Clone, Debug)]
/**Client for orkestr sandbox API

Runs code in isolated sandboxes: create one, run commands in it, move files in and out, pause
it, resume it, end it.

Bodies are JSON with names in snake_case. Timestamps are ISO 8601 and end in `Z` or in an
offset such as `+00:00`. Sizes named `_mb` and `_gb` count in MB and GB, all other sizes in
bytes; durations named `_ms` count in milliseconds, `_seconds` in seconds.

Additions do not count as breaking. Response properties, enum values, kinds of stream events
and error codes that this document does not name may appear at any time, and a client must
pass over them. A response property that is not required may be absent or null. A request
property that the caller did not set is left out, never sent as null, except where null is
said to have a meaning.

Each fact names its source. `(JS reference)` is the public reference of the JS SDK, `(REST)`
the public REST reference and the other public facts about the wire, `(Python SDK)` what only
the official Python SDK shows, and `(guess)` what no source states and a client should not
insist on. A bound without a tag has the tag of its property.

Version: 1*/
pub struct Client {
    pub(crate) baseurl: String,
    pub(crate) client: reqwest::Client,
    pub(crate) inner: crate::client::CallContext,
}
impl Client {
    /// Create a new client.
    ///
    /// `baseurl` is the base URL provided to the internal
    /// `reqwest::Client`, and should include a scheme and hostname,
    /// as well as port and a path stem if applicable.
    pub fn new(baseurl: &str, inner: crate::client::CallContext) -> Self {
        #[cfg(not(target_arch = "wasm32"))]
        let client = {
            let dur = ::std::time::Duration::from_secs(15u64);
            reqwest::ClientBuilder::new().connect_timeout(dur).timeout(dur)
        };
        #[cfg(target_arch = "wasm32")]
        let client = reqwest::ClientBuilder::new();
        Self::new_with_client(baseurl, client.build().unwrap(), inner)
    }
    /// Construct a new client with an existing `reqwest::Client`,
    /// allowing more control over its configuration.
    ///
    /// `baseurl` is the base URL provided to the internal
    /// `reqwest::Client`, and should include a scheme and hostname,
    /// as well as port and a path stem if applicable.
    pub fn new_with_client(
        baseurl: &str,
        client: reqwest::Client,
        inner: crate::client::CallContext,
    ) -> Self {
        Self {
            baseurl: baseurl.to_string(),
            client,
            inner,
        }
    }
}
impl ClientInfo<crate::client::CallContext> for Client {
    fn api_version() -> &'static str {
        "1"
    }
    fn baseurl(&self) -> &str {
        self.baseurl.as_str()
    }
    fn client(&self) -> &reqwest::Client {
        &self.client
    }
    fn inner(&self) -> &crate::client::CallContext {
        &self.inner
    }
}
const _: () = {
    #[allow(dead_code)]
    fn assert_client_hooks()
    where
        Client: ClientHooks<crate::client::CallContext>,
    {}
};
#[allow(clippy::all)]
impl Client {
    /**List sandboxes

The caller's sandboxes, newest first, in pages. An answer without `next_cursor` is the last page; older servers answer with the whole list at once. Scope `sandboxes:read`.

Sends a `GET` request to `/v1/sandboxes`

Arguments:
- `cursor`: The `next_cursor` of the page before; absent for the first page (Python SDK).
- `limit`: The largest number of sandboxes in one page; 50 unless given, at most 200 (REST).
- `metadata`: Only sandboxes with all of these tags, each as a parameter `metadata[KEY]=VALUE` (REST).
- `status`: Only sandboxes with this status (JS reference).
*/
    pub async fn list_sandboxes<'a>(
        &'a self,
        cursor: Option<&'a str>,
        limit: Option<&'a crate::wire::Integer>,
        metadata: Option<&'a crate::wire::MetadataQuery>,
        status: Option<&'a crate::generated::enums::SandboxStatus>,
    ) -> Result<ResponseValue<types::SandboxList>, Error<()>> {
        let url = format!("{}/v1/sandboxes", self.baseurl,);
        let mut header_map = ::reqwest::header::HeaderMap::with_capacity(1usize);
        header_map
            .append(
                ::reqwest::header::HeaderName::from_static("api-version"),
                ::reqwest::header::HeaderValue::from_static(Self::api_version()),
            );
        #[allow(unused_mut)]
        let mut request = self
            .client
            .get(url)
            .header(
                ::reqwest::header::ACCEPT,
                ::reqwest::header::HeaderValue::from_static("application/json"),
            )
            .query(&progenitor_client::QueryParam::new("cursor", &cursor))
            .query(&progenitor_client::QueryParam::new("limit", &limit))
            .query(&progenitor_client::QueryParam::new("metadata", &metadata))
            .query(&progenitor_client::QueryParam::new("status", &status))
            .headers(header_map)
            .build()?;
        let info = OperationInfo {
            operation_id: "list_sandboxes",
        };
        self.pre(&mut request, &info).await?;
        let result = self.exec(request, &info).await;
        self.post(&result, &info).await?;
        let response = result?;
        match response.status().as_u16() {
            200..=299 => ResponseValue::from_response(response).await,
            _ => Err(Error::UnexpectedResponse(response)),
        }
    }
    /**Create a sandbox

Starts a sandbox from a template or from a snapshot. With the code `fleet_full_retry` there was no capacity, nothing was created, and the call is safe to send again after the wait. Scope `sandboxes:write`.

Sends a `POST` request to `/v1/sandboxes`

Arguments:
- `body`: Exactly one of `template` and `snapshot`, and what the sandbox should have.
*/
    pub async fn create_sandbox<'a>(
        &'a self,
        body: &'a types::CreateSandboxRequest,
    ) -> Result<ResponseValue<types::Sandbox>, Error<()>> {
        let url = format!("{}/v1/sandboxes", self.baseurl,);
        let mut header_map = ::reqwest::header::HeaderMap::with_capacity(1usize);
        header_map
            .append(
                ::reqwest::header::HeaderName::from_static("api-version"),
                ::reqwest::header::HeaderValue::from_static(Self::api_version()),
            );
        #[allow(unused_mut)]
        let mut request = self
            .client
            .post(url)
            .header(
                ::reqwest::header::ACCEPT,
                ::reqwest::header::HeaderValue::from_static("application/json"),
            )
            .json(&body)
            .headers(header_map)
            .build()?;
        let info = OperationInfo {
            operation_id: "create_sandbox",
        };
        self.pre(&mut request, &info).await?;
        let result = self.exec(request, &info).await;
        self.post(&result, &info).await?;
        let response = result?;
        match response.status().as_u16() {
            200..=299 => ResponseValue::from_response(response).await,
            _ => Err(Error::UnexpectedResponse(response)),
        }
    }
    /**What the plan allows

The caller's plan, with its sizes, regions and caps. Scope `sandboxes:read`.

Sends a `GET` request to `/v1/sandboxes/limits`

*/
    pub async fn get_limits<'a>(
        &'a self,
    ) -> Result<ResponseValue<types::Limits>, Error<()>> {
        let url = format!("{}/v1/sandboxes/limits", self.baseurl,);
        let mut header_map = ::reqwest::header::HeaderMap::with_capacity(1usize);
        header_map
            .append(
                ::reqwest::header::HeaderName::from_static("api-version"),
                ::reqwest::header::HeaderValue::from_static(Self::api_version()),
            );
        #[allow(unused_mut)]
        let mut request = self
            .client
            .get(url)
            .header(
                ::reqwest::header::ACCEPT,
                ::reqwest::header::HeaderValue::from_static("application/json"),
            )
            .headers(header_map)
            .build()?;
        let info = OperationInfo {
            operation_id: "get_limits",
        };
        self.pre(&mut request, &info).await?;
        let result = self.exec(request, &info).await;
        self.post(&result, &info).await?;
        let response = result?;
        match response.status().as_u16() {
            200..=299 => ResponseValue::from_response(response).await,
            _ => Err(Error::UnexpectedResponse(response)),
        }
    }
    /**List snapshots

The caller's snapshots. Scope `sandboxes:read`.

Sends a `GET` request to `/v1/sandboxes/snapshots`

*/
    pub async fn list_snapshots<'a>(
        &'a self,
    ) -> Result<ResponseValue<types::SnapshotList>, Error<()>> {
        let url = format!("{}/v1/sandboxes/snapshots", self.baseurl,);
        let mut header_map = ::reqwest::header::HeaderMap::with_capacity(1usize);
        header_map
            .append(
                ::reqwest::header::HeaderName::from_static("api-version"),
                ::reqwest::header::HeaderValue::from_static(Self::api_version()),
            );
        #[allow(unused_mut)]
        let mut request = self
            .client
            .get(url)
            .header(
                ::reqwest::header::ACCEPT,
                ::reqwest::header::HeaderValue::from_static("application/json"),
            )
            .headers(header_map)
            .build()?;
        let info = OperationInfo {
            operation_id: "list_snapshots",
        };
        self.pre(&mut request, &info).await?;
        let result = self.exec(request, &info).await;
        self.post(&result, &info).await?;
        let response = result?;
        match response.status().as_u16() {
            200..=299 => ResponseValue::from_response(response).await,
            _ => Err(Error::UnexpectedResponse(response)),
        }
    }
    /**Get a snapshot

The snapshot as it is now. Scope `sandboxes:read`.

Sends a `GET` request to `/v1/sandboxes/snapshots/{snapshot_id}`

Arguments:
- `snapshot_id`: The snapshot, by its id `snap_...` (REST).
*/
    pub async fn get_snapshot<'a>(
        &'a self,
        snapshot_id: &'a str,
    ) -> Result<ResponseValue<types::Snapshot>, Error<()>> {
        let url = format!(
            "{}/v1/sandboxes/snapshots/{}", self.baseurl, encode_path(& snapshot_id
            .to_string()),
        );
        let mut header_map = ::reqwest::header::HeaderMap::with_capacity(1usize);
        header_map
            .append(
                ::reqwest::header::HeaderName::from_static("api-version"),
                ::reqwest::header::HeaderValue::from_static(Self::api_version()),
            );
        #[allow(unused_mut)]
        let mut request = self
            .client
            .get(url)
            .header(
                ::reqwest::header::ACCEPT,
                ::reqwest::header::HeaderValue::from_static("application/json"),
            )
            .headers(header_map)
            .build()?;
        let info = OperationInfo {
            operation_id: "get_snapshot",
        };
        self.pre(&mut request, &info).await?;
        let result = self.exec(request, &info).await;
        self.post(&result, &info).await?;
        let response = result?;
        match response.status().as_u16() {
            200..=299 => ResponseValue::from_response(response).await,
            _ => Err(Error::UnexpectedResponse(response)),
        }
    }
    /**Delete a snapshot

Removes the snapshot for good; idempotent (Python SDK). Scope `sandboxes:write`.

Sends a `DELETE` request to `/v1/sandboxes/snapshots/{snapshot_id}`

Arguments:
- `snapshot_id`: The snapshot, by its id `snap_...` (REST).
*/
    pub async fn delete_snapshot<'a>(
        &'a self,
        snapshot_id: &'a str,
    ) -> Result<ResponseValue<()>, Error<()>> {
        let url = format!(
            "{}/v1/sandboxes/snapshots/{}", self.baseurl, encode_path(& snapshot_id
            .to_string()),
        );
        let mut header_map = ::reqwest::header::HeaderMap::with_capacity(1usize);
        header_map
            .append(
                ::reqwest::header::HeaderName::from_static("api-version"),
                ::reqwest::header::HeaderValue::from_static(Self::api_version()),
            );
        #[allow(unused_mut)]
        let mut request = self.client.delete(url).headers(header_map).build()?;
        let info = OperationInfo {
            operation_id: "delete_snapshot",
        };
        self.pre(&mut request, &info).await?;
        let result = self.exec(request, &info).await;
        self.post(&result, &info).await?;
        let response = result?;
        match response.status().as_u16() {
            200..=299 => Ok(ResponseValue::empty(response)),
            _ => Err(Error::UnexpectedResponse(response)),
        }
    }
    /**List volumes

The caller's volumes. Scope `sandboxes:read`.

Sends a `GET` request to `/v1/sandboxes/volumes`

*/
    pub async fn list_volumes<'a>(
        &'a self,
    ) -> Result<ResponseValue<types::VolumeList>, Error<()>> {
        let url = format!("{}/v1/sandboxes/volumes", self.baseurl,);
        let mut header_map = ::reqwest::header::HeaderMap::with_capacity(1usize);
        header_map
            .append(
                ::reqwest::header::HeaderName::from_static("api-version"),
                ::reqwest::header::HeaderValue::from_static(Self::api_version()),
            );
        #[allow(unused_mut)]
        let mut request = self
            .client
            .get(url)
            .header(
                ::reqwest::header::ACCEPT,
                ::reqwest::header::HeaderValue::from_static("application/json"),
            )
            .headers(header_map)
            .build()?;
        let info = OperationInfo {
            operation_id: "list_volumes",
        };
        self.pre(&mut request, &info).await?;
        let result = self.exec(request, &info).await;
        self.post(&result, &info).await?;
        let response = result?;
        match response.status().as_u16() {
            200..=299 => ResponseValue::from_response(response).await,
            _ => Err(Error::UnexpectedResponse(response)),
        }
    }
    /**Create a volume

Makes storage that outlives sandboxes; a sandbox created with it has it at `/persist`. Scope `sandboxes:write`.

Sends a `POST` request to `/v1/sandboxes/volumes`

Arguments:
- `body`: The volume.
*/
    pub async fn create_volume<'a>(
        &'a self,
        body: &'a types::CreateVolumeRequest,
    ) -> Result<ResponseValue<types::Volume>, Error<()>> {
        let url = format!("{}/v1/sandboxes/volumes", self.baseurl,);
        let mut header_map = ::reqwest::header::HeaderMap::with_capacity(1usize);
        header_map
            .append(
                ::reqwest::header::HeaderName::from_static("api-version"),
                ::reqwest::header::HeaderValue::from_static(Self::api_version()),
            );
        #[allow(unused_mut)]
        let mut request = self
            .client
            .post(url)
            .header(
                ::reqwest::header::ACCEPT,
                ::reqwest::header::HeaderValue::from_static("application/json"),
            )
            .json(&body)
            .headers(header_map)
            .build()?;
        let info = OperationInfo {
            operation_id: "create_volume",
        };
        self.pre(&mut request, &info).await?;
        let result = self.exec(request, &info).await;
        self.post(&result, &info).await?;
        let response = result?;
        match response.status().as_u16() {
            200..=299 => ResponseValue::from_response(response).await,
            _ => Err(Error::UnexpectedResponse(response)),
        }
    }
    /**Delete a volume

Removes the volume and what is on it. While a sandbox uses it the answer is 409 with the code `volume_in_use`. Scope `sandboxes:write`.

Sends a `DELETE` request to `/v1/sandboxes/volumes/{volume_id}`

Arguments:
- `volume_id`: The volume, by its id `vol_...` (REST).
*/
    pub async fn delete_volume<'a>(
        &'a self,
        volume_id: &'a str,
    ) -> Result<ResponseValue<()>, Error<()>> {
        let url = format!(
            "{}/v1/sandboxes/volumes/{}", self.baseurl, encode_path(& volume_id
            .to_string()),
        );
        let mut header_map = ::reqwest::header::HeaderMap::with_capacity(1usize);
        header_map
            .append(
                ::reqwest::header::HeaderName::from_static("api-version"),
                ::reqwest::header::HeaderValue::from_static(Self::api_version()),
            );
        #[allow(unused_mut)]
        let mut request = self.client.delete(url).headers(header_map).build()?;
        let info = OperationInfo {
            operation_id: "delete_volume",
        };
        self.pre(&mut request, &info).await?;
        let result = self.exec(request, &info).await;
        self.post(&result, &info).await?;
        let response = result?;
        match response.status().as_u16() {
            200..=299 => Ok(ResponseValue::empty(response)),
            _ => Err(Error::UnexpectedResponse(response)),
        }
    }
    /**Change a volume's lifetime

Sets or clears one of the two lifetimes. Send exactly one: null clears it, and the one that is absent stays as it is. Scope `sandboxes:write`.

Sends a `PATCH` request to `/v1/sandboxes/volumes/{volume_id}`

Arguments:
- `volume_id`: The volume, by its id `vol_...` (REST).
- `body`: Exactly one lifetime.
*/
    pub async fn update_volume<'a>(
        &'a self,
        volume_id: &'a str,
        body: &'a types::UpdateVolumeRequest,
    ) -> Result<ResponseValue<types::Volume>, Error<()>> {
        let url = format!(
            "{}/v1/sandboxes/volumes/{}", self.baseurl, encode_path(& volume_id
            .to_string()),
        );
        let mut header_map = ::reqwest::header::HeaderMap::with_capacity(1usize);
        header_map
            .append(
                ::reqwest::header::HeaderName::from_static("api-version"),
                ::reqwest::header::HeaderValue::from_static(Self::api_version()),
            );
        #[allow(unused_mut)]
        let mut request = self
            .client
            .patch(url)
            .header(
                ::reqwest::header::ACCEPT,
                ::reqwest::header::HeaderValue::from_static("application/json"),
            )
            .json(&body)
            .headers(header_map)
            .build()?;
        let info = OperationInfo {
            operation_id: "update_volume",
        };
        self.pre(&mut request, &info).await?;
        let result = self.exec(request, &info).await;
        self.post(&result, &info).await?;
        let response = result?;
        match response.status().as_u16() {
            200..=299 => ResponseValue::from_response(response).await,
            _ => Err(Error::UnexpectedResponse(response)),
        }
    }
    /**Move a volume to another region

Moves the volume; the event `volume.moved` says that it has arrived. Scope `sandboxes:write`.

Sends a `POST` request to `/v1/sandboxes/volumes/{volume_id}/move`

Arguments:
- `volume_id`: The volume, by its id `vol_...` (REST).
- `body`: Where to.
*/
    pub async fn move_volume<'a>(
        &'a self,
        volume_id: &'a str,
        body: &'a types::MoveVolumeRequest,
    ) -> Result<ResponseValue<types::Volume>, Error<()>> {
        let url = format!(
            "{}/v1/sandboxes/volumes/{}/move", self.baseurl, encode_path(& volume_id
            .to_string()),
        );
        let mut header_map = ::reqwest::header::HeaderMap::with_capacity(1usize);
        header_map
            .append(
                ::reqwest::header::HeaderName::from_static("api-version"),
                ::reqwest::header::HeaderValue::from_static(Self::api_version()),
            );
        #[allow(unused_mut)]
        let mut request = self
            .client
            .post(url)
            .header(
                ::reqwest::header::ACCEPT,
                ::reqwest::header::HeaderValue::from_static("application/json"),
            )
            .json(&body)
            .headers(header_map)
            .build()?;
        let info = OperationInfo {
            operation_id: "move_volume",
        };
        self.pre(&mut request, &info).await?;
        let result = self.exec(request, &info).await;
        self.post(&result, &info).await?;
        let response = result?;
        match response.status().as_u16() {
            200..=299 => ResponseValue::from_response(response).await,
            _ => Err(Error::UnexpectedResponse(response)),
        }
    }
    /**List webhooks

The caller's webhooks, without their secrets. Scope `sandboxes:read`.

Sends a `GET` request to `/v1/sandboxes/webhooks`

*/
    pub async fn list_webhooks<'a>(
        &'a self,
    ) -> Result<ResponseValue<types::WebhookList>, Error<()>> {
        let url = format!("{}/v1/sandboxes/webhooks", self.baseurl,);
        let mut header_map = ::reqwest::header::HeaderMap::with_capacity(1usize);
        header_map
            .append(
                ::reqwest::header::HeaderName::from_static("api-version"),
                ::reqwest::header::HeaderValue::from_static(Self::api_version()),
            );
        #[allow(unused_mut)]
        let mut request = self
            .client
            .get(url)
            .header(
                ::reqwest::header::ACCEPT,
                ::reqwest::header::HeaderValue::from_static("application/json"),
            )
            .headers(header_map)
            .build()?;
        let info = OperationInfo {
            operation_id: "list_webhooks",
        };
        self.pre(&mut request, &info).await?;
        let result = self.exec(request, &info).await;
        self.post(&result, &info).await?;
        let response = result?;
        match response.status().as_u16() {
            200..=299 => ResponseValue::from_response(response).await,
            _ => Err(Error::UnexpectedResponse(response)),
        }
    }
    /**Create a webhook

Lets the service call a URL when something happens. The answer holds the `secret` that signs the deliveries; it is never shown again. Scope `sandboxes:write`.

Sends a `POST` request to `/v1/sandboxes/webhooks`

Arguments:
- `body`: The webhook.
*/
    pub async fn create_webhook<'a>(
        &'a self,
        body: &'a types::CreateWebhookRequest,
    ) -> Result<ResponseValue<types::Webhook>, Error<()>> {
        let url = format!("{}/v1/sandboxes/webhooks", self.baseurl,);
        let mut header_map = ::reqwest::header::HeaderMap::with_capacity(1usize);
        header_map
            .append(
                ::reqwest::header::HeaderName::from_static("api-version"),
                ::reqwest::header::HeaderValue::from_static(Self::api_version()),
            );
        #[allow(unused_mut)]
        let mut request = self
            .client
            .post(url)
            .header(
                ::reqwest::header::ACCEPT,
                ::reqwest::header::HeaderValue::from_static("application/json"),
            )
            .json(&body)
            .headers(header_map)
            .build()?;
        let info = OperationInfo {
            operation_id: "create_webhook",
        };
        self.pre(&mut request, &info).await?;
        let result = self.exec(request, &info).await;
        self.post(&result, &info).await?;
        let response = result?;
        match response.status().as_u16() {
            200..=299 => ResponseValue::from_response(response).await,
            _ => Err(Error::UnexpectedResponse(response)),
        }
    }
    /**Delete a webhook

Ends the deliveries. Scope `sandboxes:write`.

Sends a `DELETE` request to `/v1/sandboxes/webhooks/{webhook_id}`

Arguments:
- `webhook_id`: The webhook, by its id `whk_...` (REST).
*/
    pub async fn delete_webhook<'a>(
        &'a self,
        webhook_id: &'a str,
    ) -> Result<ResponseValue<()>, Error<()>> {
        let url = format!(
            "{}/v1/sandboxes/webhooks/{}", self.baseurl, encode_path(& webhook_id
            .to_string()),
        );
        let mut header_map = ::reqwest::header::HeaderMap::with_capacity(1usize);
        header_map
            .append(
                ::reqwest::header::HeaderName::from_static("api-version"),
                ::reqwest::header::HeaderValue::from_static(Self::api_version()),
            );
        #[allow(unused_mut)]
        let mut request = self.client.delete(url).headers(header_map).build()?;
        let info = OperationInfo {
            operation_id: "delete_webhook",
        };
        self.pre(&mut request, &info).await?;
        let result = self.exec(request, &info).await;
        self.post(&result, &info).await?;
        let response = result?;
        match response.status().as_u16() {
            200..=299 => Ok(ResponseValue::empty(response)),
            _ => Err(Error::UnexpectedResponse(response)),
        }
    }
    /**Enable a webhook again

Switches a webhook on that 20 failures in a row had switched off, and forgets them (Python SDK). Scope `sandboxes:write`.

Sends a `POST` request to `/v1/sandboxes/webhooks/{webhook_id}/enable`

Arguments:
- `webhook_id`: The webhook, by its id `whk_...` (REST).
*/
    pub async fn enable_webhook<'a>(
        &'a self,
        webhook_id: &'a str,
    ) -> Result<ResponseValue<types::Webhook>, Error<()>> {
        let url = format!(
            "{}/v1/sandboxes/webhooks/{}/enable", self.baseurl, encode_path(& webhook_id
            .to_string()),
        );
        let mut header_map = ::reqwest::header::HeaderMap::with_capacity(1usize);
        header_map
            .append(
                ::reqwest::header::HeaderName::from_static("api-version"),
                ::reqwest::header::HeaderValue::from_static(Self::api_version()),
            );
        #[allow(unused_mut)]
        let mut request = self
            .client
            .post(url)
            .header(
                ::reqwest::header::ACCEPT,
                ::reqwest::header::HeaderValue::from_static("application/json"),
            )
            .headers(header_map)
            .build()?;
        let info = OperationInfo {
            operation_id: "enable_webhook",
        };
        self.pre(&mut request, &info).await?;
        let result = self.exec(request, &info).await;
        self.post(&result, &info).await?;
        let response = result?;
        match response.status().as_u16() {
            200..=299 => ResponseValue::from_response(response).await,
            _ => Err(Error::UnexpectedResponse(response)),
        }
    }
    /**Get a sandbox

The sandbox as it is now, whatever its status. Scope `sandboxes:read`.

Sends a `GET` request to `/v1/sandboxes/{sandbox_id}`

Arguments:
- `sandbox_id`: The sandbox, by its id `sbx_...` (JS reference).
*/
    pub async fn get_sandbox<'a>(
        &'a self,
        sandbox_id: &'a str,
    ) -> Result<ResponseValue<types::Sandbox>, Error<()>> {
        let url = format!(
            "{}/v1/sandboxes/{}", self.baseurl, encode_path(& sandbox_id.to_string()),
        );
        let mut header_map = ::reqwest::header::HeaderMap::with_capacity(1usize);
        header_map
            .append(
                ::reqwest::header::HeaderName::from_static("api-version"),
                ::reqwest::header::HeaderValue::from_static(Self::api_version()),
            );
        #[allow(unused_mut)]
        let mut request = self
            .client
            .get(url)
            .header(
                ::reqwest::header::ACCEPT,
                ::reqwest::header::HeaderValue::from_static("application/json"),
            )
            .headers(header_map)
            .build()?;
        let info = OperationInfo {
            operation_id: "get_sandbox",
        };
        self.pre(&mut request, &info).await?;
        let result = self.exec(request, &info).await;
        self.post(&result, &info).await?;
        let response = result?;
        match response.status().as_u16() {
            200..=299 => ResponseValue::from_response(response).await,
            _ => Err(Error::UnexpectedResponse(response)),
        }
    }
    /**Terminate a sandbox

Ends the sandbox with everything in it. On a terminated sandbox it does nothing and succeeds; exec and file calls answer 409 from then on. Scope `sandboxes:write`.

Sends a `DELETE` request to `/v1/sandboxes/{sandbox_id}`

Arguments:
- `sandbox_id`: The sandbox, by its id `sbx_...` (JS reference).
*/
    pub async fn terminate_sandbox<'a>(
        &'a self,
        sandbox_id: &'a str,
    ) -> Result<ResponseValue<()>, Error<()>> {
        let url = format!(
            "{}/v1/sandboxes/{}", self.baseurl, encode_path(& sandbox_id.to_string()),
        );
        let mut header_map = ::reqwest::header::HeaderMap::with_capacity(1usize);
        header_map
            .append(
                ::reqwest::header::HeaderName::from_static("api-version"),
                ::reqwest::header::HeaderValue::from_static(Self::api_version()),
            );
        #[allow(unused_mut)]
        let mut request = self.client.delete(url).headers(header_map).build()?;
        let info = OperationInfo {
            operation_id: "terminate_sandbox",
        };
        self.pre(&mut request, &info).await?;
        let result = self.exec(request, &info).await;
        self.post(&result, &info).await?;
        let response = result?;
        match response.status().as_u16() {
            200..=299 => Ok(ResponseValue::empty(response)),
            _ => Err(Error::UnexpectedResponse(response)),
        }
    }
    /**Run code in the interpreter

Runs code in a context that keeps its variables between calls and answers when it has ended or, with `stream`, as its output comes. An exception in the code is data, in `error`. A sandbox of another template than `code-interpreter` answers 409 with the code `interpreter_unavailable`. Scope `sandboxes:write`.

Sends a `POST` request to `/v1/sandboxes/{sandbox_id}/code`

Arguments:
- `sandbox_id`: The sandbox, by its id `sbx_...` (JS reference).
- `body`: The code.
*/
    pub async fn run_code<'a>(
        &'a self,
        sandbox_id: &'a str,
        body: &'a types::RunCodeRequest,
    ) -> Result<ResponseValue<types::CodeExecution>, Error<()>> {
        let url = format!(
            "{}/v1/sandboxes/{}/code", self.baseurl, encode_path(& sandbox_id
            .to_string()),
        );
        let mut header_map = ::reqwest::header::HeaderMap::with_capacity(1usize);
        header_map
            .append(
                ::reqwest::header::HeaderName::from_static("api-version"),
                ::reqwest::header::HeaderValue::from_static(Self::api_version()),
            );
        #[allow(unused_mut)]
        let mut request = self
            .client
            .post(url)
            .header(
                ::reqwest::header::ACCEPT,
                ::reqwest::header::HeaderValue::from_static("application/json"),
            )
            .json(&body)
            .headers(header_map)
            .build()?;
        let info = OperationInfo {
            operation_id: "run_code",
        };
        self.pre(&mut request, &info).await?;
        let result = self.exec(request, &info).await;
        self.post(&result, &info).await?;
        let response = result?;
        match response.status().as_u16() {
            200..=299 => ResponseValue::from_response(response).await,
            _ => Err(Error::UnexpectedResponse(response)),
        }
    }
    /**Run code in the interpreter

Runs code in a context that keeps its variables between calls and answers when it has ended or, with `stream`, as its output comes. An exception in the code is data, in `error`. A sandbox of another template than `code-interpreter` answers 409 with the code `interpreter_unavailable`. Scope `sandboxes:write`.

Sends a `POST` request to `/v1/sandboxes/{sandbox_id}/code#stream`

Arguments:
- `sandbox_id`: The sandbox, by its id `sbx_...` (JS reference).
- `body`: The code.
*/
    pub async fn run_code_stream<'a>(
        &'a self,
        sandbox_id: &'a str,
        body: &'a types::RunCodeRequest,
    ) -> Result<ResponseValue<ByteStream>, Error<()>> {
        let url = format!(
            "{}/v1/sandboxes/{}/code#stream", self.baseurl, encode_path(& sandbox_id
            .to_string()),
        );
        let mut header_map = ::reqwest::header::HeaderMap::with_capacity(1usize);
        header_map
            .append(
                ::reqwest::header::HeaderName::from_static("api-version"),
                ::reqwest::header::HeaderValue::from_static(Self::api_version()),
            );
        #[allow(unused_mut)]
        let mut request = self.client.post(url).json(&body).headers(header_map).build()?;
        let info = OperationInfo {
            operation_id: "run_code_stream",
        };
        self.pre(&mut request, &info).await?;
        let result = self.exec(request, &info).await;
        self.post(&result, &info).await?;
        let response = result?;
        match response.status().as_u16() {
            200..=299 => Ok(ResponseValue::stream(response)),
            _ => Err(Error::UnexpectedResponse(response)),
        }
    }
    /**List code contexts

The contexts of a sandbox. Scope `sandboxes:read`.

Sends a `GET` request to `/v1/sandboxes/{sandbox_id}/code/contexts`

Arguments:
- `sandbox_id`: The sandbox, by its id `sbx_...` (JS reference).
*/
    pub async fn list_contexts<'a>(
        &'a self,
        sandbox_id: &'a str,
    ) -> Result<ResponseValue<types::CodeContextList>, Error<()>> {
        let url = format!(
            "{}/v1/sandboxes/{}/code/contexts", self.baseurl, encode_path(& sandbox_id
            .to_string()),
        );
        let mut header_map = ::reqwest::header::HeaderMap::with_capacity(1usize);
        header_map
            .append(
                ::reqwest::header::HeaderName::from_static("api-version"),
                ::reqwest::header::HeaderValue::from_static(Self::api_version()),
            );
        #[allow(unused_mut)]
        let mut request = self
            .client
            .get(url)
            .header(
                ::reqwest::header::ACCEPT,
                ::reqwest::header::HeaderValue::from_static("application/json"),
            )
            .headers(header_map)
            .build()?;
        let info = OperationInfo {
            operation_id: "list_contexts",
        };
        self.pre(&mut request, &info).await?;
        let result = self.exec(request, &info).await;
        self.post(&result, &info).await?;
        let response = result?;
        match response.status().as_u16() {
            200..=299 => ResponseValue::from_response(response).await,
            _ => Err(Error::UnexpectedResponse(response)),
        }
    }
    /**Create a code context

Starts an interpreter with a state of its own. Scope `sandboxes:write`.

Sends a `POST` request to `/v1/sandboxes/{sandbox_id}/code/contexts`

Arguments:
- `sandbox_id`: The sandbox, by its id `sbx_...` (JS reference).
- `body`: The context; an empty object takes the defaults.
*/
    pub async fn create_context<'a>(
        &'a self,
        sandbox_id: &'a str,
        body: &'a types::CreateContextRequest,
    ) -> Result<ResponseValue<types::CodeContext>, Error<()>> {
        let url = format!(
            "{}/v1/sandboxes/{}/code/contexts", self.baseurl, encode_path(& sandbox_id
            .to_string()),
        );
        let mut header_map = ::reqwest::header::HeaderMap::with_capacity(1usize);
        header_map
            .append(
                ::reqwest::header::HeaderName::from_static("api-version"),
                ::reqwest::header::HeaderValue::from_static(Self::api_version()),
            );
        #[allow(unused_mut)]
        let mut request = self
            .client
            .post(url)
            .header(
                ::reqwest::header::ACCEPT,
                ::reqwest::header::HeaderValue::from_static("application/json"),
            )
            .json(&body)
            .headers(header_map)
            .build()?;
        let info = OperationInfo {
            operation_id: "create_context",
        };
        self.pre(&mut request, &info).await?;
        let result = self.exec(request, &info).await;
        self.post(&result, &info).await?;
        let response = result?;
        match response.status().as_u16() {
            200..=299 => ResponseValue::from_response(response).await,
            _ => Err(Error::UnexpectedResponse(response)),
        }
    }
    /**Delete a code context

Ends the context's interpreter. Scope `sandboxes:write`.

Sends a `DELETE` request to `/v1/sandboxes/{sandbox_id}/code/contexts/{context_id}`

Arguments:
- `sandbox_id`: The sandbox, by its id `sbx_...` (JS reference).
- `context_id`: The code context, by its `context_id` (REST).
*/
    pub async fn delete_context<'a>(
        &'a self,
        sandbox_id: &'a str,
        context_id: &'a str,
    ) -> Result<ResponseValue<()>, Error<()>> {
        let url = format!(
            "{}/v1/sandboxes/{}/code/contexts/{}", self.baseurl, encode_path(& sandbox_id
            .to_string()), encode_path(& context_id.to_string()),
        );
        let mut header_map = ::reqwest::header::HeaderMap::with_capacity(1usize);
        header_map
            .append(
                ::reqwest::header::HeaderName::from_static("api-version"),
                ::reqwest::header::HeaderValue::from_static(Self::api_version()),
            );
        #[allow(unused_mut)]
        let mut request = self.client.delete(url).headers(header_map).build()?;
        let info = OperationInfo {
            operation_id: "delete_context",
        };
        self.pre(&mut request, &info).await?;
        let result = self.exec(request, &info).await;
        self.post(&result, &info).await?;
        let response = result?;
        match response.status().as_u16() {
            200..=299 => Ok(ResponseValue::empty(response)),
            _ => Err(Error::UnexpectedResponse(response)),
        }
    }
    /**Restart a code context

Replaces the context's interpreter by a fresh one; its variables are lost. Scope `sandboxes:write`.

Sends a `POST` request to `/v1/sandboxes/{sandbox_id}/code/contexts/{context_id}/restart`

Arguments:
- `sandbox_id`: The sandbox, by its id `sbx_...` (JS reference).
- `context_id`: The code context, by its `context_id` (REST).
- `body`: An empty object.
*/
    pub async fn restart_context<'a>(
        &'a self,
        sandbox_id: &'a str,
        context_id: &'a str,
        body: &'a ::serde_json::Map<::std::string::String, ::serde_json::Value>,
    ) -> Result<ResponseValue<()>, Error<()>> {
        let url = format!(
            "{}/v1/sandboxes/{}/code/contexts/{}/restart", self.baseurl, encode_path(&
            sandbox_id.to_string()), encode_path(& context_id.to_string()),
        );
        let mut header_map = ::reqwest::header::HeaderMap::with_capacity(1usize);
        header_map
            .append(
                ::reqwest::header::HeaderName::from_static("api-version"),
                ::reqwest::header::HeaderValue::from_static(Self::api_version()),
            );
        #[allow(unused_mut)]
        let mut request = self.client.post(url).json(&body).headers(header_map).build()?;
        let info = OperationInfo {
            operation_id: "restart_context",
        };
        self.pre(&mut request, &info).await?;
        let result = self.exec(request, &info).await;
        self.post(&result, &info).await?;
        let response = result?;
        match response.status().as_u16() {
            200..=299 => Ok(ResponseValue::empty(response)),
            _ => Err(Error::UnexpectedResponse(response)),
        }
    }
    /**List background commands

The background commands of a sandbox, ended ones included. Scope `sandboxes:read`.

Sends a `GET` request to `/v1/sandboxes/{sandbox_id}/commands`

Arguments:
- `sandbox_id`: The sandbox, by its id `sbx_...` (JS reference).
*/
    pub async fn list_commands<'a>(
        &'a self,
        sandbox_id: &'a str,
    ) -> Result<ResponseValue<types::CommandList>, Error<()>> {
        let url = format!(
            "{}/v1/sandboxes/{}/commands", self.baseurl, encode_path(& sandbox_id
            .to_string()),
        );
        let mut header_map = ::reqwest::header::HeaderMap::with_capacity(1usize);
        header_map
            .append(
                ::reqwest::header::HeaderName::from_static("api-version"),
                ::reqwest::header::HeaderValue::from_static(Self::api_version()),
            );
        #[allow(unused_mut)]
        let mut request = self
            .client
            .get(url)
            .header(
                ::reqwest::header::ACCEPT,
                ::reqwest::header::HeaderValue::from_static("application/json"),
            )
            .headers(header_map)
            .build()?;
        let info = OperationInfo {
            operation_id: "list_commands",
        };
        self.pre(&mut request, &info).await?;
        let result = self.exec(request, &info).await;
        self.post(&result, &info).await?;
        let response = result?;
        match response.status().as_u16() {
            200..=299 => ResponseValue::from_response(response).await,
            _ => Err(Error::UnexpectedResponse(response)),
        }
    }
    /**Start a background command

Starts a command and answers at once. The command survives pause and resume and ends with the sandbox. Scope `sandboxes:write`.

Sends a `POST` request to `/v1/sandboxes/{sandbox_id}/commands`

Arguments:
- `sandbox_id`: The sandbox, by its id `sbx_...` (JS reference).
- `body`: The command.
*/
    pub async fn start_command<'a>(
        &'a self,
        sandbox_id: &'a str,
        body: &'a types::StartCommandRequest,
    ) -> Result<ResponseValue<types::Command>, Error<()>> {
        let url = format!(
            "{}/v1/sandboxes/{}/commands", self.baseurl, encode_path(& sandbox_id
            .to_string()),
        );
        let mut header_map = ::reqwest::header::HeaderMap::with_capacity(1usize);
        header_map
            .append(
                ::reqwest::header::HeaderName::from_static("api-version"),
                ::reqwest::header::HeaderValue::from_static(Self::api_version()),
            );
        #[allow(unused_mut)]
        let mut request = self
            .client
            .post(url)
            .header(
                ::reqwest::header::ACCEPT,
                ::reqwest::header::HeaderValue::from_static("application/json"),
            )
            .json(&body)
            .headers(header_map)
            .build()?;
        let info = OperationInfo {
            operation_id: "start_command",
        };
        self.pre(&mut request, &info).await?;
        let result = self.exec(request, &info).await;
        self.post(&result, &info).await?;
        let response = result?;
        match response.status().as_u16() {
            200..=299 => ResponseValue::from_response(response).await,
            _ => Err(Error::UnexpectedResponse(response)),
        }
    }
    /**Get a background command

The command as it is now. Scope `sandboxes:read`.

Sends a `GET` request to `/v1/sandboxes/{sandbox_id}/commands/{command_id}`

Arguments:
- `sandbox_id`: The sandbox, by its id `sbx_...` (JS reference).
- `command_id`: The background command, by its id `cmd_...` (REST).
*/
    pub async fn get_command<'a>(
        &'a self,
        sandbox_id: &'a str,
        command_id: &'a str,
    ) -> Result<ResponseValue<types::Command>, Error<()>> {
        let url = format!(
            "{}/v1/sandboxes/{}/commands/{}", self.baseurl, encode_path(& sandbox_id
            .to_string()), encode_path(& command_id.to_string()),
        );
        let mut header_map = ::reqwest::header::HeaderMap::with_capacity(1usize);
        header_map
            .append(
                ::reqwest::header::HeaderName::from_static("api-version"),
                ::reqwest::header::HeaderValue::from_static(Self::api_version()),
            );
        #[allow(unused_mut)]
        let mut request = self
            .client
            .get(url)
            .header(
                ::reqwest::header::ACCEPT,
                ::reqwest::header::HeaderValue::from_static("application/json"),
            )
            .headers(header_map)
            .build()?;
        let info = OperationInfo {
            operation_id: "get_command",
        };
        self.pre(&mut request, &info).await?;
        let result = self.exec(request, &info).await;
        self.post(&result, &info).await?;
        let response = result?;
        match response.status().as_u16() {
            200..=299 => ResponseValue::from_response(response).await,
            _ => Err(Error::UnexpectedResponse(response)),
        }
    }
    /**Kill a background command

Sends SIGTERM to the command's process group, then SIGKILL. On a command that has ended it does nothing and succeeds. Scope `sandboxes:write`.

Sends a `DELETE` request to `/v1/sandboxes/{sandbox_id}/commands/{command_id}`

Arguments:
- `sandbox_id`: The sandbox, by its id `sbx_...` (JS reference).
- `command_id`: The background command, by its id `cmd_...` (REST).
*/
    pub async fn kill_command<'a>(
        &'a self,
        sandbox_id: &'a str,
        command_id: &'a str,
    ) -> Result<ResponseValue<()>, Error<()>> {
        let url = format!(
            "{}/v1/sandboxes/{}/commands/{}", self.baseurl, encode_path(& sandbox_id
            .to_string()), encode_path(& command_id.to_string()),
        );
        let mut header_map = ::reqwest::header::HeaderMap::with_capacity(1usize);
        header_map
            .append(
                ::reqwest::header::HeaderName::from_static("api-version"),
                ::reqwest::header::HeaderValue::from_static(Self::api_version()),
            );
        #[allow(unused_mut)]
        let mut request = self.client.delete(url).headers(header_map).build()?;
        let info = OperationInfo {
            operation_id: "kill_command",
        };
        self.pre(&mut request, &info).await?;
        let result = self.exec(request, &info).await;
        self.post(&result, &info).await?;
        let response = result?;
        match response.status().as_u16() {
            200..=299 => Ok(ResponseValue::empty(response)),
            _ => Err(Error::UnexpectedResponse(response)),
        }
    }
    /**Output of a background command

What the command has written, stdout and stderr combined, up to a bound. With `follow` the answer is an event stream that goes on until the command ends or `timeout_seconds` have passed. Scope `sandboxes:read`.

Sends a `GET` request to `/v1/sandboxes/{sandbox_id}/commands/{command_id}/logs`

Arguments:
- `sandbox_id`: The sandbox, by its id `sbx_...` (JS reference).
- `command_id`: The background command, by its id `cmd_...` (REST).
- `follow`: Whether to answer with an event stream (REST).
- `offset`: How many bytes of the output to skip, counted from its start (REST).
- `timeout_seconds`: How long to follow, in seconds; only with `follow` (REST).
*/
    pub async fn get_command_logs<'a>(
        &'a self,
        sandbox_id: &'a str,
        command_id: &'a str,
        follow: Option<bool>,
        offset: Option<&'a crate::wire::Integer>,
        timeout_seconds: Option<&'a crate::wire::Integer>,
    ) -> Result<ResponseValue<types::CommandLogs>, Error<()>> {
        let url = format!(
            "{}/v1/sandboxes/{}/commands/{}/logs", self.baseurl, encode_path(& sandbox_id
            .to_string()), encode_path(& command_id.to_string()),
        );
        let mut header_map = ::reqwest::header::HeaderMap::with_capacity(1usize);
        header_map
            .append(
                ::reqwest::header::HeaderName::from_static("api-version"),
                ::reqwest::header::HeaderValue::from_static(Self::api_version()),
            );
        #[allow(unused_mut)]
        let mut request = self
            .client
            .get(url)
            .header(
                ::reqwest::header::ACCEPT,
                ::reqwest::header::HeaderValue::from_static("application/json"),
            )
            .query(&progenitor_client::QueryParam::new("follow", &follow))
            .query(&progenitor_client::QueryParam::new("offset", &offset))
            .query(
                &progenitor_client::QueryParam::new("timeout_seconds", &timeout_seconds),
            )
            .headers(header_map)
            .build()?;
        let info = OperationInfo {
            operation_id: "get_command_logs",
        };
        self.pre(&mut request, &info).await?;
        let result = self.exec(request, &info).await;
        self.post(&result, &info).await?;
        let response = result?;
        match response.status().as_u16() {
            200..=299 => ResponseValue::from_response(response).await,
            _ => Err(Error::UnexpectedResponse(response)),
        }
    }
    /**Output of a background command

What the command has written, stdout and stderr combined, up to a bound. With `follow` the answer is an event stream that goes on until the command ends or `timeout_seconds` have passed. Scope `sandboxes:read`.

Sends a `GET` request to `/v1/sandboxes/{sandbox_id}/commands/{command_id}/logs#stream`

Arguments:
- `sandbox_id`: The sandbox, by its id `sbx_...` (JS reference).
- `command_id`: The background command, by its id `cmd_...` (REST).
- `follow`: Whether to answer with an event stream (REST).
- `offset`: How many bytes of the output to skip, counted from its start (REST).
- `timeout_seconds`: How long to follow, in seconds; only with `follow` (REST).
*/
    pub async fn get_command_logs_stream<'a>(
        &'a self,
        sandbox_id: &'a str,
        command_id: &'a str,
        follow: Option<bool>,
        offset: Option<&'a crate::wire::Integer>,
        timeout_seconds: Option<&'a crate::wire::Integer>,
    ) -> Result<ResponseValue<ByteStream>, Error<()>> {
        let url = format!(
            "{}/v1/sandboxes/{}/commands/{}/logs#stream", self.baseurl, encode_path(&
            sandbox_id.to_string()), encode_path(& command_id.to_string()),
        );
        let mut header_map = ::reqwest::header::HeaderMap::with_capacity(1usize);
        header_map
            .append(
                ::reqwest::header::HeaderName::from_static("api-version"),
                ::reqwest::header::HeaderValue::from_static(Self::api_version()),
            );
        #[allow(unused_mut)]
        let mut request = self
            .client
            .get(url)
            .query(&progenitor_client::QueryParam::new("follow", &follow))
            .query(&progenitor_client::QueryParam::new("offset", &offset))
            .query(
                &progenitor_client::QueryParam::new("timeout_seconds", &timeout_seconds),
            )
            .headers(header_map)
            .build()?;
        let info = OperationInfo {
            operation_id: "get_command_logs_stream",
        };
        self.pre(&mut request, &info).await?;
        let result = self.exec(request, &info).await;
        self.post(&result, &info).await?;
        let response = result?;
        match response.status().as_u16() {
            200..=299 => Ok(ResponseValue::stream(response)),
            _ => Err(Error::UnexpectedResponse(response)),
        }
    }
    /**Run a shell command

Runs a command and answers when it has ended or, with `stream`, as its output comes. A
non-zero exit is a result, not an error. A command over its timeout gets SIGTERM, 2 s later
SIGKILL, and the call fails with the code `exec_timeout`; the sandbox runs on. A command
that a signal ended fails with `exec_killed` and the `signal`. A buffered call sends these
as an error answer, a stream as its last event.

On a paused sandbox the call answers 409, unless the sandbox was created with `auto_resume`:
then it resumes first. Leaving a stream early does not stop the command, which runs until
its own timeout. Scope `sandboxes:write`.

Sends a `POST` request to `/v1/sandboxes/{sandbox_id}/exec`

Arguments:
- `sandbox_id`: The sandbox, by its id `sbx_...` (JS reference).
- `body`: The command.
*/
    pub async fn exec_command<'a>(
        &'a self,
        sandbox_id: &'a str,
        body: &'a types::ExecRequest,
    ) -> Result<ResponseValue<types::ExecResult>, Error<()>> {
        let url = format!(
            "{}/v1/sandboxes/{}/exec", self.baseurl, encode_path(& sandbox_id
            .to_string()),
        );
        let mut header_map = ::reqwest::header::HeaderMap::with_capacity(1usize);
        header_map
            .append(
                ::reqwest::header::HeaderName::from_static("api-version"),
                ::reqwest::header::HeaderValue::from_static(Self::api_version()),
            );
        #[allow(unused_mut)]
        let mut request = self
            .client
            .post(url)
            .header(
                ::reqwest::header::ACCEPT,
                ::reqwest::header::HeaderValue::from_static("application/json"),
            )
            .json(&body)
            .headers(header_map)
            .build()?;
        let info = OperationInfo {
            operation_id: "exec_command",
        };
        self.pre(&mut request, &info).await?;
        let result = self.exec(request, &info).await;
        self.post(&result, &info).await?;
        let response = result?;
        match response.status().as_u16() {
            200..=299 => ResponseValue::from_response(response).await,
            _ => Err(Error::UnexpectedResponse(response)),
        }
    }
    /**Run a shell command

Runs a command and answers when it has ended or, with `stream`, as its output comes. A
non-zero exit is a result, not an error. A command over its timeout gets SIGTERM, 2 s later
SIGKILL, and the call fails with the code `exec_timeout`; the sandbox runs on. A command
that a signal ended fails with `exec_killed` and the `signal`. A buffered call sends these
as an error answer, a stream as its last event.

On a paused sandbox the call answers 409, unless the sandbox was created with `auto_resume`:
then it resumes first. Leaving a stream early does not stop the command, which runs until
its own timeout. Scope `sandboxes:write`.

Sends a `POST` request to `/v1/sandboxes/{sandbox_id}/exec#stream`

Arguments:
- `sandbox_id`: The sandbox, by its id `sbx_...` (JS reference).
- `body`: The command.
*/
    pub async fn exec_command_stream<'a>(
        &'a self,
        sandbox_id: &'a str,
        body: &'a types::ExecRequest,
    ) -> Result<ResponseValue<ByteStream>, Error<()>> {
        let url = format!(
            "{}/v1/sandboxes/{}/exec#stream", self.baseurl, encode_path(& sandbox_id
            .to_string()),
        );
        let mut header_map = ::reqwest::header::HeaderMap::with_capacity(1usize);
        header_map
            .append(
                ::reqwest::header::HeaderName::from_static("api-version"),
                ::reqwest::header::HeaderValue::from_static(Self::api_version()),
            );
        #[allow(unused_mut)]
        let mut request = self.client.post(url).json(&body).headers(header_map).build()?;
        let info = OperationInfo {
            operation_id: "exec_command_stream",
        };
        self.pre(&mut request, &info).await?;
        let result = self.exec(request, &info).await;
        self.post(&result, &info).await?;
        let response = result?;
        match response.status().as_u16() {
            200..=299 => Ok(ResponseValue::stream(response)),
            _ => Err(Error::UnexpectedResponse(response)),
        }
    }
    /**Read a file or list a directory

A file answers with its content, a directory with its entries; `is_dir` says which. At most 16 MiB of content; presigned URLs carry more. A paused sandbox answers 409, or resumes first with `auto_resume`. Scope `sandboxes:read`.

Sends a `GET` request to `/v1/sandboxes/{sandbox_id}/files`

Arguments:
- `sandbox_id`: The sandbox, by its id `sbx_...` (JS reference).
- `path`: An absolute path in the sandbox (REST).
*/
    pub async fn read_path<'a>(
        &'a self,
        sandbox_id: &'a str,
        path: &'a str,
    ) -> Result<ResponseValue<types::PathContent>, Error<()>> {
        let url = format!(
            "{}/v1/sandboxes/{}/files", self.baseurl, encode_path(& sandbox_id
            .to_string()),
        );
        let mut header_map = ::reqwest::header::HeaderMap::with_capacity(1usize);
        header_map
            .append(
                ::reqwest::header::HeaderName::from_static("api-version"),
                ::reqwest::header::HeaderValue::from_static(Self::api_version()),
            );
        #[allow(unused_mut)]
        let mut request = self
            .client
            .get(url)
            .header(
                ::reqwest::header::ACCEPT,
                ::reqwest::header::HeaderValue::from_static("application/json"),
            )
            .query(&progenitor_client::QueryParam::new("path", &path))
            .headers(header_map)
            .build()?;
        let info = OperationInfo {
            operation_id: "read_path",
        };
        self.pre(&mut request, &info).await?;
        let result = self.exec(request, &info).await;
        self.post(&result, &info).await?;
        let response = result?;
        match response.status().as_u16() {
            200..=299 => ResponseValue::from_response(response).await,
            _ => Err(Error::UnexpectedResponse(response)),
        }
    }
    /**Write a file

Writes a whole file, in place of what was there. At most 16 MiB of content; presigned URLs carry more. A paused sandbox answers 409, or resumes first with `auto_resume`. Scope `sandboxes:write`.

Sends a `POST` request to `/v1/sandboxes/{sandbox_id}/files`

Arguments:
- `sandbox_id`: The sandbox, by its id `sbx_...` (JS reference).
- `body`: The path and the content.
*/
    pub async fn write_file<'a>(
        &'a self,
        sandbox_id: &'a str,
        body: &'a types::WriteFileRequest,
    ) -> Result<ResponseValue<()>, Error<()>> {
        let url = format!(
            "{}/v1/sandboxes/{}/files", self.baseurl, encode_path(& sandbox_id
            .to_string()),
        );
        let mut header_map = ::reqwest::header::HeaderMap::with_capacity(1usize);
        header_map
            .append(
                ::reqwest::header::HeaderName::from_static("api-version"),
                ::reqwest::header::HeaderValue::from_static(Self::api_version()),
            );
        #[allow(unused_mut)]
        let mut request = self.client.post(url).json(&body).headers(header_map).build()?;
        let info = OperationInfo {
            operation_id: "write_file",
        };
        self.pre(&mut request, &info).await?;
        let result = self.exec(request, &info).await;
        self.post(&result, &info).await?;
        let response = result?;
        match response.status().as_u16() {
            200..=299 => Ok(ResponseValue::empty(response)),
            _ => Err(Error::UnexpectedResponse(response)),
        }
    }
    /**Delete a file

Removes a file; directories are refused. A paused sandbox answers 409, or resumes first with `auto_resume`. Scope `sandboxes:write`.

Sends a `DELETE` request to `/v1/sandboxes/{sandbox_id}/files`

Arguments:
- `sandbox_id`: The sandbox, by its id `sbx_...` (JS reference).
- `path`: An absolute path in the sandbox (REST).
*/
    pub async fn delete_file<'a>(
        &'a self,
        sandbox_id: &'a str,
        path: &'a str,
    ) -> Result<ResponseValue<()>, Error<()>> {
        let url = format!(
            "{}/v1/sandboxes/{}/files", self.baseurl, encode_path(& sandbox_id
            .to_string()),
        );
        let mut header_map = ::reqwest::header::HeaderMap::with_capacity(1usize);
        header_map
            .append(
                ::reqwest::header::HeaderName::from_static("api-version"),
                ::reqwest::header::HeaderValue::from_static(Self::api_version()),
            );
        #[allow(unused_mut)]
        let mut request = self
            .client
            .delete(url)
            .query(&progenitor_client::QueryParam::new("path", &path))
            .headers(header_map)
            .build()?;
        let info = OperationInfo {
            operation_id: "delete_file",
        };
        self.pre(&mut request, &info).await?;
        let result = self.exec(request, &info).await;
        self.post(&result, &info).await?;
        let response = result?;
        match response.status().as_u16() {
            200..=299 => Ok(ResponseValue::empty(response)),
            _ => Err(Error::UnexpectedResponse(response)),
        }
    }
    /**Write several files

Writes at most 64 files with at most 16 MiB of content in all. Each has a row in the answer; one that fails does not stop the others, so look at every `error`. Scope `sandboxes:write`.

Sends a `POST` request to `/v1/sandboxes/{sandbox_id}/files/batch`

Arguments:
- `sandbox_id`: The sandbox, by its id `sbx_...` (JS reference).
- `body`: The files.
*/
    pub async fn write_batch<'a>(
        &'a self,
        sandbox_id: &'a str,
        body: &'a types::BatchWriteRequest,
    ) -> Result<ResponseValue<types::BatchWriteResponse>, Error<()>> {
        let url = format!(
            "{}/v1/sandboxes/{}/files/batch", self.baseurl, encode_path(& sandbox_id
            .to_string()),
        );
        let mut header_map = ::reqwest::header::HeaderMap::with_capacity(1usize);
        header_map
            .append(
                ::reqwest::header::HeaderName::from_static("api-version"),
                ::reqwest::header::HeaderValue::from_static(Self::api_version()),
            );
        #[allow(unused_mut)]
        let mut request = self
            .client
            .post(url)
            .header(
                ::reqwest::header::ACCEPT,
                ::reqwest::header::HeaderValue::from_static("application/json"),
            )
            .json(&body)
            .headers(header_map)
            .build()?;
        let info = OperationInfo {
            operation_id: "write_batch",
        };
        self.pre(&mut request, &info).await?;
        let result = self.exec(request, &info).await;
        self.post(&result, &info).await?;
        let response = result?;
        match response.status().as_u16() {
            200..=299 => ResponseValue::from_response(response).await,
            _ => Err(Error::UnexpectedResponse(response)),
        }
    }
    /**Make a directory

Makes a directory and, with `parents`, those above it. Scope `sandboxes:write`.

Sends a `POST` request to `/v1/sandboxes/{sandbox_id}/files/mkdir`

Arguments:
- `sandbox_id`: The sandbox, by its id `sbx_...` (JS reference).
- `body`: The directory.
*/
    pub async fn make_directory<'a>(
        &'a self,
        sandbox_id: &'a str,
        body: &'a types::MakeDirectoryRequest,
    ) -> Result<ResponseValue<()>, Error<()>> {
        let url = format!(
            "{}/v1/sandboxes/{}/files/mkdir", self.baseurl, encode_path(& sandbox_id
            .to_string()),
        );
        let mut header_map = ::reqwest::header::HeaderMap::with_capacity(1usize);
        header_map
            .append(
                ::reqwest::header::HeaderName::from_static("api-version"),
                ::reqwest::header::HeaderValue::from_static(Self::api_version()),
            );
        #[allow(unused_mut)]
        let mut request = self.client.post(url).json(&body).headers(header_map).build()?;
        let info = OperationInfo {
            operation_id: "make_directory",
        };
        self.pre(&mut request, &info).await?;
        let result = self.exec(request, &info).await;
        self.post(&result, &info).await?;
        let response = result?;
        match response.status().as_u16() {
            200..=299 => Ok(ResponseValue::empty(response)),
            _ => Err(Error::UnexpectedResponse(response)),
        }
    }
    /**Move a file or directory

Renames a path; both ends must be in the writable roots. Scope `sandboxes:write`.

Sends a `POST` request to `/v1/sandboxes/{sandbox_id}/files/move`

Arguments:
- `sandbox_id`: The sandbox, by its id `sbx_...` (JS reference).
- `body`: From where to where.
*/
    pub async fn move_path<'a>(
        &'a self,
        sandbox_id: &'a str,
        body: &'a types::MovePathRequest,
    ) -> Result<ResponseValue<()>, Error<()>> {
        let url = format!(
            "{}/v1/sandboxes/{}/files/move", self.baseurl, encode_path(& sandbox_id
            .to_string()),
        );
        let mut header_map = ::reqwest::header::HeaderMap::with_capacity(1usize);
        header_map
            .append(
                ::reqwest::header::HeaderName::from_static("api-version"),
                ::reqwest::header::HeaderValue::from_static(Self::api_version()),
            );
        #[allow(unused_mut)]
        let mut request = self.client.post(url).json(&body).headers(header_map).build()?;
        let info = OperationInfo {
            operation_id: "move_path",
        };
        self.pre(&mut request, &info).await?;
        let result = self.exec(request, &info).await;
        self.post(&result, &info).await?;
        let response = result?;
        match response.status().as_u16() {
            200..=299 => Ok(ResponseValue::empty(response)),
            _ => Err(Error::UnexpectedResponse(response)),
        }
    }
    /**URL to download a file

A URL that gives the file to a plain GET without an authorization header, as often as wanted until it expires. Whoever has it can read the file. Scope `sandboxes:write`.

Sends a `POST` request to `/v1/sandboxes/{sandbox_id}/files/presign-download`

Arguments:
- `sandbox_id`: The sandbox, by its id `sbx_...` (JS reference).
- `body`: The file, and how long the URL is good for.
*/
    pub async fn presign_download<'a>(
        &'a self,
        sandbox_id: &'a str,
        body: &'a types::PresignRequest,
    ) -> Result<ResponseValue<types::PresignedUrl>, Error<()>> {
        let url = format!(
            "{}/v1/sandboxes/{}/files/presign-download", self.baseurl, encode_path(&
            sandbox_id.to_string()),
        );
        let mut header_map = ::reqwest::header::HeaderMap::with_capacity(1usize);
        header_map
            .append(
                ::reqwest::header::HeaderName::from_static("api-version"),
                ::reqwest::header::HeaderValue::from_static(Self::api_version()),
            );
        #[allow(unused_mut)]
        let mut request = self
            .client
            .post(url)
            .header(
                ::reqwest::header::ACCEPT,
                ::reqwest::header::HeaderValue::from_static("application/json"),
            )
            .json(&body)
            .headers(header_map)
            .build()?;
        let info = OperationInfo {
            operation_id: "presign_download",
        };
        self.pre(&mut request, &info).await?;
        let result = self.exec(request, &info).await;
        self.post(&result, &info).await?;
        let response = result?;
        match response.status().as_u16() {
            200..=299 => ResponseValue::from_response(response).await,
            _ => Err(Error::UnexpectedResponse(response)),
        }
    }
    /**URL to upload a file

A URL that takes the file by a plain PUT without an authorization header, as often as wanted until it expires. The PUT needs a Content-Length. Whoever has it can write the file. Scope `sandboxes:write`.

Sends a `POST` request to `/v1/sandboxes/{sandbox_id}/files/presign-upload`

Arguments:
- `sandbox_id`: The sandbox, by its id `sbx_...` (JS reference).
- `body`: The file, and how long the URL is good for.
*/
    pub async fn presign_upload<'a>(
        &'a self,
        sandbox_id: &'a str,
        body: &'a types::PresignRequest,
    ) -> Result<ResponseValue<types::PresignedUrl>, Error<()>> {
        let url = format!(
            "{}/v1/sandboxes/{}/files/presign-upload", self.baseurl, encode_path(&
            sandbox_id.to_string()),
        );
        let mut header_map = ::reqwest::header::HeaderMap::with_capacity(1usize);
        header_map
            .append(
                ::reqwest::header::HeaderName::from_static("api-version"),
                ::reqwest::header::HeaderValue::from_static(Self::api_version()),
            );
        #[allow(unused_mut)]
        let mut request = self
            .client
            .post(url)
            .header(
                ::reqwest::header::ACCEPT,
                ::reqwest::header::HeaderValue::from_static("application/json"),
            )
            .json(&body)
            .headers(header_map)
            .build()?;
        let info = OperationInfo {
            operation_id: "presign_upload",
        };
        self.pre(&mut request, &info).await?;
        let result = self.exec(request, &info).await;
        self.post(&result, &info).await?;
        let response = result?;
        match response.status().as_u16() {
            200..=299 => ResponseValue::from_response(response).await,
            _ => Err(Error::UnexpectedResponse(response)),
        }
    }
    /**Facts about a path

Size, mode and kind of a path. A path that is missing is an answer with `exists` false, not an error. Scope `sandboxes:read`.

Sends a `GET` request to `/v1/sandboxes/{sandbox_id}/files/stat`

Arguments:
- `sandbox_id`: The sandbox, by its id `sbx_...` (JS reference).
- `path`: An absolute path in the sandbox (REST).
*/
    pub async fn stat_path<'a>(
        &'a self,
        sandbox_id: &'a str,
        path: &'a str,
    ) -> Result<ResponseValue<types::FileStat>, Error<()>> {
        let url = format!(
            "{}/v1/sandboxes/{}/files/stat", self.baseurl, encode_path(& sandbox_id
            .to_string()),
        );
        let mut header_map = ::reqwest::header::HeaderMap::with_capacity(1usize);
        header_map
            .append(
                ::reqwest::header::HeaderName::from_static("api-version"),
                ::reqwest::header::HeaderValue::from_static(Self::api_version()),
            );
        #[allow(unused_mut)]
        let mut request = self
            .client
            .get(url)
            .header(
                ::reqwest::header::ACCEPT,
                ::reqwest::header::HeaderValue::from_static("application/json"),
            )
            .query(&progenitor_client::QueryParam::new("path", &path))
            .headers(header_map)
            .build()?;
        let info = OperationInfo {
            operation_id: "stat_path",
        };
        self.pre(&mut request, &info).await?;
        let result = self.exec(request, &info).await;
        self.post(&result, &info).await?;
        let response = result?;
        match response.status().as_u16() {
            200..=299 => ResponseValue::from_response(response).await,
            _ => Err(Error::UnexpectedResponse(response)),
        }
    }
    /**Preview host of a port

The public name under which a port of the sandbox can be reached. With `preview_auth` a request to it needs the query parameter `ork_preview_token` or the header `X-Orkestr-Preview-Token`, with the sandbox's `preview_auth_token`. A server on loopback may answer with an address and plain HTTP instead. The hosted service refuses it to sandboxes without a network, and to accounts without a card (Python SDK). Scope `sandboxes:read`.

Sends a `GET` request to `/v1/sandboxes/{sandbox_id}/host`

Arguments:
- `sandbox_id`: The sandbox, by its id `sbx_...` (JS reference).
- `port`: The TCP port that a process in the sandbox listens on (REST).
*/
    pub async fn get_host<'a>(
        &'a self,
        sandbox_id: &'a str,
        port: i32,
    ) -> Result<ResponseValue<types::PreviewHost>, Error<()>> {
        let url = format!(
            "{}/v1/sandboxes/{}/host", self.baseurl, encode_path(& sandbox_id
            .to_string()),
        );
        let mut header_map = ::reqwest::header::HeaderMap::with_capacity(1usize);
        header_map
            .append(
                ::reqwest::header::HeaderName::from_static("api-version"),
                ::reqwest::header::HeaderValue::from_static(Self::api_version()),
            );
        #[allow(unused_mut)]
        let mut request = self
            .client
            .get(url)
            .header(
                ::reqwest::header::ACCEPT,
                ::reqwest::header::HeaderValue::from_static("application/json"),
            )
            .query(&progenitor_client::QueryParam::new("port", &port))
            .headers(header_map)
            .build()?;
        let info = OperationInfo {
            operation_id: "get_host",
        };
        self.pre(&mut request, &info).await?;
        let result = self.exec(request, &info).await;
        self.post(&result, &info).await?;
        let response = result?;
        match response.status().as_u16() {
            200..=299 => ResponseValue::from_response(response).await,
            _ => Err(Error::UnexpectedResponse(response)),
        }
    }
    /**Usage of a sandbox

Live use of processor and memory, totals over the lifetime, and the samples of about the last minute. A paused or terminated sandbox answers with null for its live usage, not with an error. Scope `sandboxes:read`.

Sends a `GET` request to `/v1/sandboxes/{sandbox_id}/metrics`

Arguments:
- `sandbox_id`: The sandbox, by its id `sbx_...` (JS reference).
- `since`: Only samples after this moment, in Unix seconds (REST).
*/
    pub async fn get_metrics<'a>(
        &'a self,
        sandbox_id: &'a str,
        since: Option<&'a crate::wire::Integer>,
    ) -> Result<ResponseValue<types::Metrics>, Error<()>> {
        let url = format!(
            "{}/v1/sandboxes/{}/metrics", self.baseurl, encode_path(& sandbox_id
            .to_string()),
        );
        let mut header_map = ::reqwest::header::HeaderMap::with_capacity(1usize);
        header_map
            .append(
                ::reqwest::header::HeaderName::from_static("api-version"),
                ::reqwest::header::HeaderValue::from_static(Self::api_version()),
            );
        #[allow(unused_mut)]
        let mut request = self
            .client
            .get(url)
            .header(
                ::reqwest::header::ACCEPT,
                ::reqwest::header::HeaderValue::from_static("application/json"),
            )
            .query(&progenitor_client::QueryParam::new("since", &since))
            .headers(header_map)
            .build()?;
        let info = OperationInfo {
            operation_id: "get_metrics",
        };
        self.pre(&mut request, &info).await?;
        let result = self.exec(request, &info).await;
        self.post(&result, &info).await?;
        let response = result?;
        match response.status().as_u16() {
            200..=299 => ResponseValue::from_response(response).await,
            _ => Err(Error::UnexpectedResponse(response)),
        }
    }
    /**Pause a sandbox

Saves the sandbox with its processes as a snapshot and stops the compute meter. Keep the sandbox id to resume it later. When the plan holds no more snapshots the call is refused with 409 and the code `snapshot_cap_reached`. Scope `sandboxes:write`.

Sends a `POST` request to `/v1/sandboxes/{sandbox_id}/pause`

Arguments:
- `sandbox_id`: The sandbox, by its id `sbx_...` (JS reference).
*/
    pub async fn pause_sandbox<'a>(
        &'a self,
        sandbox_id: &'a str,
    ) -> Result<ResponseValue<types::PausedSandbox>, Error<()>> {
        let url = format!(
            "{}/v1/sandboxes/{}/pause", self.baseurl, encode_path(& sandbox_id
            .to_string()),
        );
        let mut header_map = ::reqwest::header::HeaderMap::with_capacity(1usize);
        header_map
            .append(
                ::reqwest::header::HeaderName::from_static("api-version"),
                ::reqwest::header::HeaderValue::from_static(Self::api_version()),
            );
        #[allow(unused_mut)]
        let mut request = self
            .client
            .post(url)
            .header(
                ::reqwest::header::ACCEPT,
                ::reqwest::header::HeaderValue::from_static("application/json"),
            )
            .headers(header_map)
            .build()?;
        let info = OperationInfo {
            operation_id: "pause_sandbox",
        };
        self.pre(&mut request, &info).await?;
        let result = self.exec(request, &info).await;
        self.post(&result, &info).await?;
        let response = result?;
        match response.status().as_u16() {
            200..=299 => ResponseValue::from_response(response).await,
            _ => Err(Error::UnexpectedResponse(response)),
        }
    }
    /**Resume a paused sandbox

Continues a paused sandbox where it stood, processes included. With the code `fleet_full_retry` there was no capacity, nothing has changed, and the call is safe to send again after the wait. Scope `sandboxes:write`.

Sends a `POST` request to `/v1/sandboxes/{sandbox_id}/resume`

Arguments:
- `sandbox_id`: The sandbox, by its id `sbx_...` (JS reference).
*/
    pub async fn resume_sandbox<'a>(
        &'a self,
        sandbox_id: &'a str,
    ) -> Result<ResponseValue<types::Sandbox>, Error<()>> {
        let url = format!(
            "{}/v1/sandboxes/{}/resume", self.baseurl, encode_path(& sandbox_id
            .to_string()),
        );
        let mut header_map = ::reqwest::header::HeaderMap::with_capacity(1usize);
        header_map
            .append(
                ::reqwest::header::HeaderName::from_static("api-version"),
                ::reqwest::header::HeaderValue::from_static(Self::api_version()),
            );
        #[allow(unused_mut)]
        let mut request = self
            .client
            .post(url)
            .header(
                ::reqwest::header::ACCEPT,
                ::reqwest::header::HeaderValue::from_static("application/json"),
            )
            .headers(header_map)
            .build()?;
        let info = OperationInfo {
            operation_id: "resume_sandbox",
        };
        self.pre(&mut request, &info).await?;
        let result = self.exec(request, &info).await;
        self.post(&result, &info).await?;
        let response = result?;
        match response.status().as_u16() {
            200..=299 => ResponseValue::from_response(response).await,
            _ => Err(Error::UnexpectedResponse(response)),
        }
    }
    /**Take a snapshot

Saves the sandbox's state. The capture may go on after the answer; poll the snapshot until it is `ready`. The hosted service takes it of sandboxes without network and volume alone (Python SDK). When the plan holds no more snapshots the call is refused with 409 and the code `snapshot_cap_reached`. Scope `sandboxes:write`.

Sends a `POST` request to `/v1/sandboxes/{sandbox_id}/snapshots`

Arguments:
- `sandbox_id`: The sandbox, by its id `sbx_...` (JS reference).
- `body`: The snapshot; an empty object takes one without a name.
*/
    pub async fn create_snapshot<'a>(
        &'a self,
        sandbox_id: &'a str,
        body: &'a types::CreateSnapshotRequest,
    ) -> Result<ResponseValue<types::Snapshot>, Error<()>> {
        let url = format!(
            "{}/v1/sandboxes/{}/snapshots", self.baseurl, encode_path(& sandbox_id
            .to_string()),
        );
        let mut header_map = ::reqwest::header::HeaderMap::with_capacity(1usize);
        header_map
            .append(
                ::reqwest::header::HeaderName::from_static("api-version"),
                ::reqwest::header::HeaderValue::from_static(Self::api_version()),
            );
        #[allow(unused_mut)]
        let mut request = self
            .client
            .post(url)
            .header(
                ::reqwest::header::ACCEPT,
                ::reqwest::header::HeaderValue::from_static("application/json"),
            )
            .json(&body)
            .headers(header_map)
            .build()?;
        let info = OperationInfo {
            operation_id: "create_snapshot",
        };
        self.pre(&mut request, &info).await?;
        let result = self.exec(request, &info).await;
        self.post(&result, &info).await?;
        let response = result?;
        match response.status().as_u16() {
            200..=299 => ResponseValue::from_response(response).await,
            _ => Err(Error::UnexpectedResponse(response)),
        }
    }
    /**Set what is left of the lifetime

Lets the sandbox end this many seconds from now, whatever was set before. Scope `sandboxes:write`.

Sends a `POST` request to `/v1/sandboxes/{sandbox_id}/timeout`

Arguments:
- `sandbox_id`: The sandbox, by its id `sbx_...` (JS reference).
- `body`: The new lifetime.
*/
    pub async fn set_sandbox_timeout<'a>(
        &'a self,
        sandbox_id: &'a str,
        body: &'a types::SetTimeoutRequest,
    ) -> Result<ResponseValue<types::Sandbox>, Error<()>> {
        let url = format!(
            "{}/v1/sandboxes/{}/timeout", self.baseurl, encode_path(& sandbox_id
            .to_string()),
        );
        let mut header_map = ::reqwest::header::HeaderMap::with_capacity(1usize);
        header_map
            .append(
                ::reqwest::header::HeaderName::from_static("api-version"),
                ::reqwest::header::HeaderValue::from_static(Self::api_version()),
            );
        #[allow(unused_mut)]
        let mut request = self
            .client
            .post(url)
            .header(
                ::reqwest::header::ACCEPT,
                ::reqwest::header::HeaderValue::from_static("application/json"),
            )
            .json(&body)
            .headers(header_map)
            .build()?;
        let info = OperationInfo {
            operation_id: "set_sandbox_timeout",
        };
        self.pre(&mut request, &info).await?;
        let result = self.exec(request, &info).await;
        self.post(&result, &info).await?;
        let response = result?;
        match response.status().as_u16() {
            200..=299 => ResponseValue::from_response(response).await,
            _ => Err(Error::UnexpectedResponse(response)),
        }
    }
}
/// Items consumers will typically use such as the Client.
pub mod prelude {
    #[allow(unused_imports)]
    pub use super::Client;
}
