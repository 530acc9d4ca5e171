//! Every example answer of the contract, as an older and as a newer server would send it.

mod support;

use futures::TryStreamExt as _;
use orkestr::api::types;
use orkestr::{Sandbox, Snapshot, Volume};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};
use support::{Answer, ID, Recorder, sandbox};

#[derive(Clone, Copy, Debug)]
enum Server {
    /// As the contract has it.
    Present,
    /// Unknown members everywhere, and a new value in every enum.
    Newer,
    /// Only what is always there.
    Older,
    /// Null for everything that may be.
    Nulls,
}

const SERVERS: [Server; 4] = [Server::Present, Server::Newer, Server::Older, Server::Nulls];

fn contract() -> Value {
    yaml::from_str(include_str!("../openapi.yaml")).expect("the contract is YAML")
}

fn resolve<'a>(spec: &'a Value, schema: &'a Value) -> &'a Value {
    let reference = match schema.get("allOf").and_then(Value::as_array).map(Vec::as_slice) {
        Some([only]) => only.get("$ref"),
        _ => schema.get("$ref"),
    };
    match reference.and_then(Value::as_str) {
        Some(reference) => {
            let pointer = reference.strip_prefix('#').expect("a local reference");
            resolve(spec, spec.pointer(pointer).expect("the reference leads somewhere"))
        }
        None => schema,
    }
}

/// `value`, an example of `schema`, as `server` would send it.
fn sent_by(server: Server, spec: &Value, schema: &Value, value: &Value) -> Value {
    let schema = resolve(spec, schema);
    match value {
        Value::Object(members) => {
            let required = schema.get("required").and_then(Value::as_array);
            let is_required =
                |name: &str| required.is_some_and(|names| names.iter().any(|other| other == name));
            let mut sent = Map::new();
            for (name, value) in members {
                let known = schema.pointer("/properties").and_then(|known| known.get(name));
                let inner = known.or(schema.get("additionalProperties"));
                let inner = inner.cloned().unwrap_or_else(|| json!({}));
                let optional = known.is_some() && !is_required(name);
                match server {
                    Server::Older if optional => {}
                    Server::Nulls if optional => drop(sent.insert(name.clone(), Value::Null)),
                    _ => drop(sent.insert(name.clone(), sent_by(server, spec, &inner, value))),
                }
            }
            // A map of the caller's own strings gains nothing.
            if matches!(server, Server::Newer) && schema.get("properties").is_some() {
                sent.insert("x_future".to_owned(), json!({"deep": ["er"]}));
            }
            Value::Object(sent)
        }
        Value::Array(items) => {
            let inner = schema.get("items").cloned().unwrap_or_else(|| json!({}));
            items.iter().map(|item| sent_by(server, spec, &inner, item)).collect()
        }
        Value::String(_) if matches!(server, Server::Newer) && schema.get("enum").is_some() => {
            json!("x-future")
        }
        other => other.clone(),
    }
}

/// Operation, name of its schema, schema, example: for every successful answer in JSON.
fn answers(spec: &Value) -> Vec<(String, String, Value, Value)> {
    let mut all = Vec::new();
    let operations = spec["paths"].as_object().expect("paths").values().flat_map(|item| {
        item.as_object()
            .expect("a path")
            .values()
            .filter(|value| value.get("operationId").is_some())
    });
    for operation in operations {
        let id = operation["operationId"].as_str().expect("an id").to_owned();
        for (status, response) in operation["responses"].as_object().expect("responses") {
            let media = &response["content"]["application/json"];
            let optional = response.get("x-body-optional") == Some(&json!(true));
            let Some(name) = media["schema"]["$ref"].as_str().filter(|_| !optional) else {
                continue;
            };
            if !status.starts_with('2') {
                continue;
            }
            let name = name.rsplit('/').next().expect("a name").to_owned();
            let single = media.get("example").cloned();
            let several = media.get("examples").and_then(Value::as_object).into_iter().flatten();
            for example in single.into_iter().chain(several.map(|(_, one)| one["value"].clone())) {
                all.push((id.clone(), name.clone(), media["schema"].clone(), example));
            }
        }
    }
    all
}

fn decode<T: DeserializeOwned>(value: Value) -> Result<(), serde_json::Error> {
    serde_json::from_value::<T>(value).map(drop)
}

type Decode = fn(Value) -> Result<(), serde_json::Error>;

const TYPES: &[(&str, Decode)] = &[
    ("BatchWriteResponse", decode::<types::BatchWriteResponse>),
    ("CodeContext", decode::<types::CodeContext>),
    ("CodeContextList", decode::<types::CodeContextList>),
    ("CodeExecution", decode::<types::CodeExecution>),
    ("Command", decode::<types::Command>),
    ("CommandList", decode::<types::CommandList>),
    ("CommandLogs", decode::<types::CommandLogs>),
    ("ExecResult", decode::<types::ExecResult>),
    ("FileStat", decode::<types::FileStat>),
    ("Limits", decode::<types::Limits>),
    ("Metrics", decode::<types::Metrics>),
    ("PathContent", decode::<types::PathContent>),
    ("PausedSandbox", decode::<types::PausedSandbox>),
    ("PresignedUrl", decode::<types::PresignedUrl>),
    ("PreviewHost", decode::<types::PreviewHost>),
    ("Sandbox", decode::<types::Sandbox>),
    ("SandboxList", decode::<types::SandboxList>),
    ("Snapshot", decode::<types::Snapshot>),
    ("SnapshotList", decode::<types::SnapshotList>),
    ("Volume", decode::<types::Volume>),
    ("VolumeList", decode::<types::VolumeList>),
    ("Webhook", decode::<types::Webhook>),
    ("WebhookList", decode::<types::WebhookList>),
];

#[test]
fn every_answer_decodes_from_every_server() {
    let spec = contract();
    let answers = answers(&spec);
    assert!(answers.len() >= 30, "only {} examples were found", answers.len());
    for (operation, name, schema, example) in &answers {
        let (_, decode) = TYPES
            .iter()
            .find(|(known, _)| known == name)
            .unwrap_or_else(|| panic!("{operation} answers with {name}, which has no row here"));
        for server in SERVERS {
            let sent = sent_by(server, &spec, schema, example);
            if let Err(error) = decode(sent.clone()) {
                panic!("{operation} ({server:?}): {error}\n{sent:#}");
            }
        }
    }
    for (name, _) in TYPES {
        assert!(answers.iter().any(|(_, other, _, _)| other == name), "{name} is never answered");
    }
}

fn example(spec: &Value, operation: &str, server: Server) -> Answer {
    let answers = answers(spec);
    let (_, _, schema, example) =
        answers.iter().find(|(id, ..)| id == operation).expect("an example");
    Answer::json(200, &sent_by(server, spec, schema, example))
}

#[tokio::test]
async fn the_facade_takes_them_all() {
    let spec = contract();
    for server in SERVERS {
        let example = |operation| example(&spec, operation, server);
        let recorder = Recorder::start([example("create_sandbox")]).await;
        let created = Sandbox::create("node-22").client(&recorder.client()).await;
        assert!(!created.expect("created").id().is_empty(), "{server:?}");

        let recorder = Recorder::start([
            example("list_sandboxes"),
            Answer::json(200, &json!({"sandboxes": []})),
        ])
        .await;
        let listed = Sandbox::list().client(&recorder.client()).stream();
        assert!(!listed.try_collect::<Vec<_>>().await.expect("listed").is_empty());

        let (_recorder, sbx) = sandbox([
            example("exec_command"),
            example("pause_sandbox"),
            example("set_sandbox_timeout"),
        ])
        .await;
        sbx.exec("true").await.expect("run");
        assert!(!sbx.pause().await.expect("paused").is_empty());
        sbx.set_timeout(std::time::Duration::from_secs(60)).await.expect("set");

        let (recorder, sbx) = sandbox([example("get_metrics"), example("get_host")]).await;
        assert!(!sbx.metrics().await.expect("metrics").sandbox_id.is_empty());
        assert!(sbx.get_host(8080).await.expect("a host").contains("8080"));
        drop(recorder);
        let recorder = Recorder::start([example("get_limits")]).await;
        let limits = Sandbox::limits().client(&recorder.client()).await.expect("limits");
        assert_eq!((limits.plan.as_str(), limits.max_concurrent), ("pro", 20), "{server:?}");

        let (recorder, sbx) = sandbox([
            example("create_snapshot"),
            example("get_snapshot"),
            example("list_snapshots"),
            example("create_volume"),
            example("update_volume"),
            example("move_volume"),
            example("list_volumes"),
        ])
        .await;
        let client = &recorder.client();
        let snapshot = sbx.snapshot().await.expect("taken");
        snapshot.refresh().await.expect("refreshed");
        assert!(!Snapshot::list().client(client).await.expect("listed")[0].id().is_empty());
        let volume = Volume::create("models", 10).client(client).await.expect("created");
        volume.update().clear_max_lifetime_days().await.expect("updated");
        volume.move_to("hel1").await.expect("moved");
        assert_eq!(Volume::list().client(client).await.expect("listed")[0].name(), "models");

        let found = |is_dir: bool| {
            let (_, _, schema, example) = answers(&spec)
                .into_iter()
                .find(|(id, _, _, example)| id == "read_path" && example["is_dir"] == json!(is_dir))
                .expect("an example");
            Answer::json(200, &sent_by(server, &spec, &schema, &example))
        };
        if matches!(server, Server::Present | Server::Newer) {
            let (_recorder, sbx) = sandbox([found(false), found(true)]).await;
            sbx.files().read_bytes("/workspace/a").await.expect("a file");
            assert!(!sbx.files().list("/workspace").await.expect("a directory").is_empty());
        }
    }
}

#[tokio::test]
async fn both_forms_of_a_timestamp_and_a_number_are_read() {
    let mut body = support::sandbox_json(ID);
    for (created_at, cpu, memory) in [
        (json!("2026-11-01T09:30:00Z"), json!(1), json!(2048)),
        (json!("2026-11-01T09:30:00.123456+00:00"), json!(1.0), json!(2048.0)),
        (json!("2026-11-01T10:30:00+01:00"), json!(0.5), json!(512)),
        (json!("2026-11-01T09:30:00.5"), json!(2), json!(4096)),
    ] {
        body["created_at"] = created_at;
        body["cpu"] = cpu.clone();
        body["memory_mb"] = memory.clone();
        let recorder = Recorder::start([Answer::json(200, &body)]).await;
        let sbx = Sandbox::get(ID).client(&recorder.client()).await.expect("readable");
        assert_eq!(sbx.created_at().unix_seconds(), 1_793_525_400);
        assert_eq!(Some(sbx.cpu()), cpu.as_f64());
        assert_eq!(Some(sbx.memory_mb() as f64), memory.as_f64());
    }
}

#[tokio::test]
async fn the_example_streams_are_read() {
    let spec = contract();
    let path = "/v1/sandboxes/{sandbox_id}/exec";
    let examples = spec["paths"][path]["post"]["responses"]["200"]["content"]["text/event-stream"]
        ["examples"]
        .clone();
    for (name, expected) in [
        ("exited", None),
        ("timeout", Some(orkestr::ErrorKind::ExecTimeout)),
        ("killed", Some(orkestr::ErrorKind::ExecKilled)),
    ] {
        let body = examples[name]["value"].as_str().expect("an example");
        let (_recorder, sbx) = sandbox([Answer::events(body)]).await;
        let stream = sbx.exec_stream("true").await.expect("a stream");
        let end = stream.wait_with_output().await;
        assert_eq!(end.err().map(|error| error.kind()), expected, "{name}");
    }
}

#[tokio::test]
async fn the_facade_takes_all_that_is_said_of_code() {
    let spec = contract();
    for server in SERVERS {
        let example = |operation| example(&spec, operation, server);
        let (_recorder, sbx) =
            sandbox([example("run_code"), example("create_context"), example("list_contexts")])
                .await;
        let run = sbx.run_code("2 + 2").await.expect("run");
        let is_told = matches!(server, Server::Present | Server::Newer);
        let raised = run.error().map(|error| error.name.as_str());
        assert_eq!(raised, is_told.then_some("ZeroDivisionError"), "{server:?}");
        assert!(!sbx.create_code_context().await.expect("created").id().is_empty());
        assert!(!sbx.code_contexts().await.expect("listed").is_empty(), "{server:?}");
    }
    let path = "/v1/sandboxes/{sandbox_id}/code";
    let examples = &spec["paths"][path]["post"]["responses"]["200"]["content"]["text/event-stream"]
        ["examples"];
    for (name, expected) in [
        ("value", Ok(None)),
        ("exception", Ok(Some("NameError"))),
        ("fatal", Err(orkestr::ErrorKind::ExecTimeout)),
    ] {
        let body = examples[name]["value"].as_str().expect("an example");
        let (_recorder, sbx) = sandbox([Answer::events(body)]).await;
        let end = sbx.run_code_stream("x").await.expect("a stream").wait().await;
        let end = end.as_ref().map(|run| run.error().map(|error| error.name.as_str()));
        assert_eq!(end.map_err(|error| error.kind()), expected, "{name}");
    }
}
