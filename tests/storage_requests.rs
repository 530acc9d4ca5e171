//! The shape of every request about snapshots and volumes, and their failures.

mod support;

use std::time::Duration;

use insta::assert_json_snapshot;
use orkestr::{
    Client, ErrorKind, NetworkMode, Sandbox, Snapshot, SnapshotStatus, Template, Volume,
    VolumeStatus,
};
use serde_json::{Value, json};
use support::{Answer, ID, Recorder, sandbox, sandbox_json};

const SNAPSHOT: &str = "snap_01JD3ZG2WXV37E3S3E28JT97KB";
const VOLUME: &str = "vol_01JCYB3P5TAWSH8VHTPRE95B9E";

fn snapshot(status: &str) -> Answer {
    Answer::json(
        200,
        &json!({"id": SNAPSHOT, "status": status, "template": "python-3.12", "cpu": 1.5,
        "memory_mb": 2048, "network": "open", "name": "after-install", "source_sandbox_id": ID,
        "size_mb": 412, "node_id": "fsn1-node-07", "region": "fsn1", "error_message": null,
        "created_at": "2026-08-03T09:20:00Z", "ready_at": "2026-08-03T09:20:03+00:00"}),
    )
}

fn volume(change: Value) -> Value {
    let mut body = json!({"id": VOLUME, "name": "models", "size_mb": 10240, "status": "available",
        "region": "fsn1", "node_id": null, "attached_sandbox_id": null, "max_lifetime_days": 30,
        "max_lifetime_hours": null, "expires_at": "2026-09-02T09:14:07Z"});
    for (key, value) in change.as_object().expect("an object") {
        body[key] = value.clone();
    }
    body
}

async fn a_volume(answers: impl IntoIterator<Item = Answer>) -> (Recorder, Volume) {
    let first = Answer::json(201, &volume(json!({})));
    let recorder = Recorder::start(std::iter::once(first).chain(answers)).await;
    let created = Volume::create("models", 10).client(&recorder.client()).await;
    (recorder, created.expect("created"))
}

#[tokio::test]
async fn take_a_snapshot() {
    let (recorder, sbx) = sandbox([snapshot("capturing")]).await;
    let taken = sbx.snapshot().await.expect("taken");
    assert_eq!((taken.id(), taken.status()), (SNAPSHOT, SnapshotStatus::Capturing));
    assert_json_snapshot!(recorder.request());
}

#[tokio::test]
async fn take_a_snapshot_with_a_name() {
    let (recorder, sbx) = sandbox([snapshot("ready")]).await;
    let taken = sbx.snapshot().name("after-install").await.expect("taken");
    assert_json_snapshot!(recorder.request());
    let info = taken.info();
    assert_eq!(
        (info.name.as_deref(), info.source_sandbox_id.as_deref()),
        (Some("after-install"), Some(ID))
    );
    assert_eq!(
        (info.template.as_ref(), info.network.as_ref()),
        (Some(&Template::Python3_12), Some(&NetworkMode::Open))
    );
    assert_eq!((info.cpu, info.memory_mb, info.size_mb), (Some(1.5), Some(2048), Some(412)));
    assert_eq!(
        (info.node_id.as_deref(), info.region.as_deref()),
        (Some("fsn1-node-07"), Some("fsn1"))
    );
    let seconds = |time: Option<orkestr::Timestamp>| time.map(|time| time.unix_seconds());
    assert_eq!(seconds(info.ready_at).zip(seconds(info.created_at)).map(|(r, c)| r - c), Some(3));
    assert_eq!(info.error_message, None);
}

#[tokio::test]
async fn get_and_list_snapshots() {
    let list = json!({"snapshots": [{"id": SNAPSHOT, "status": "x-future", "x": 1}]});
    let recorder = Recorder::start([snapshot("ready"), Answer::json(200, &list)]).await;
    let client = recorder.client();
    let got = Snapshot::get(SNAPSHOT).client(&client).await.expect("found");
    assert_eq!(got.name().as_deref(), Some("after-install"));
    let listed = Snapshot::list().client(&client).await.expect("listed");
    assert_eq!((listed.len(), listed[0].status().as_str()), (1, "x-future"));
    assert_json_snapshot!(recorder.requests());
}

#[tokio::test]
async fn wait_until_a_snapshot_is_ready() {
    let answers = ["capturing", "x-future", "ready"].map(snapshot);
    let (recorder, sbx) = sandbox(answers).await;
    let taken = sbx.snapshot().await.expect("taken");
    taken.wait_ready().timeout(Duration::from_secs(60)).await.expect("ready");
    assert_eq!(taken.status(), SnapshotStatus::Ready);
    let requests = recorder.requests();
    assert_eq!(requests.len(), 4);
    assert_json_snapshot!(requests[3]);
    // What is known to be ready is not asked for.
    taken.wait_ready().await.expect("ready");
    assert_eq!(recorder.requests().len(), 4);
}

#[tokio::test]
async fn waiting_ends_with_a_failure_or_its_limit() {
    let failed = json!({"id": SNAPSHOT, "status": "failed", "error_message": "the sandbox ended"});
    let (_recorder, sbx) = sandbox([snapshot("capturing"), Answer::json(200, &failed)]).await;
    let error = sbx.snapshot().await.expect("taken").wait_ready().await.expect_err("it failed");
    assert_eq!(error.kind(), ErrorKind::Conflict);
    assert!(error.message().contains("the sandbox ended"), "{error}");
    let (_recorder, sbx) = sandbox([snapshot("capturing")]).await;
    let wait = sbx.snapshot().await.expect("taken").wait_ready().timeout(Duration::from_millis(1));
    let error = wait.await.expect_err("too long");
    assert_eq!(error.kind(), ErrorKind::WaitTimeout);
    assert!(error.message().contains(SNAPSHOT), "{error}");
}

#[tokio::test]
async fn delete_a_snapshot_once_and_again() {
    let gone = Answer::json(404, &json!({"detail": "not found"}));
    let recorder = Recorder::start([snapshot("ready"), Answer::empty(204), gone]).await;
    let got = Snapshot::get(SNAPSHOT).client(&recorder.client()).await.expect("found");
    got.delete().await.expect("deleted");
    assert_json_snapshot!(recorder.request());
    got.delete().await.expect("it is gone");
    assert_eq!(recorder.requests().len(), 3);
}

#[tokio::test]
async fn fork_with_all_that_may_be_set() {
    let created = Answer::json(201, &sandbox_json("sbx_02"));
    let recorder = Recorder::start([snapshot("ready"), created]).await;
    let got = Snapshot::get(SNAPSHOT).client(&recorder.client()).await.expect("found");
    let fork = got.fork().timeout(Duration::from_secs(60)).on_timeout("pause").auto_resume(true);
    fork.preview_auth(true).env("A", "1").metadata("run", "2").await.expect("forked");
    assert_json_snapshot!(recorder.request());
}

#[tokio::test]
async fn what_a_snapshot_fixes_is_refused_before_it_is_sent() {
    let recorder = Recorder::start([snapshot("ready")]).await;
    let got = Snapshot::get(SNAPSHOT).client(&recorder.client()).await.expect("found");
    for (name, fork) in [
        ("cpu", got.fork().cpu(1.0)),
        ("memory_mb", got.fork().memory_mb(1)),
        ("size", got.fork().size("small")),
        ("network", got.fork().network(NetworkMode::Open)),
        ("allow_domains", got.fork().allow_domains(["example.com"])),
        ("region", got.fork().region("fsn1")),
        ("volume", got.fork().volume("models")),
    ] {
        let error = fork.await.expect_err(name);
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        assert!(error.message().contains(&format!("`{name}`")), "{error}");
    }
    assert_eq!(recorder.requests().len(), 1);
}

#[tokio::test]
async fn create_a_volume() {
    let (recorder, created) = a_volume([]).await;
    assert_json_snapshot!(recorder.request());
    assert_eq!((created.id(), created.name().as_str()), (VOLUME, "models"));
    assert_eq!(
        (created.size_mb(), created.status()),
        (Some(10_240), Some(VolumeStatus::Available))
    );
    assert_eq!((created.region().as_deref(), created.attached_sandbox_id()), (Some("fsn1"), None));
    assert_eq!(created.info().max_lifetime_days, Some(30));
    assert!(created.expires_at().is_some());
}

#[tokio::test]
async fn create_a_volume_with_everything() {
    let answer = Answer::json(201, &volume(json!({})));
    let recorder = Recorder::start([answer.clone(), answer]).await;
    let client = recorder.client();
    let create = Volume::create("models", 0.5).region("hel1").max_lifetime_days(30);
    create.client(&client).await.expect("created");
    let create = Volume::create("models", 2_u32).max_lifetime_hours(5);
    create.client(&client).await.expect("created");
    assert_json_snapshot!(recorder.requests());
    for create in [
        Volume::create("models", f64::NAN),
        Volume::create("models", 1).max_lifetime_days(1).max_lifetime_hours(1),
    ] {
        let error = create.client(&client).await.expect_err("not sendable");
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
    }
    assert_eq!(recorder.requests().len(), 2);
}

#[tokio::test]
async fn list_find_and_refresh_volumes() {
    let attached = volume(json!({"status": "attached", "attached_sandbox_id": ID}));
    let list = |one: &Value| {
        Answer::json(200, &json!({"volumes": [{"id": "vol_x", "name": VOLUME}, one], "x": 1}))
    };
    let all = list(&volume(json!({})));
    let recorder =
        Recorder::start([all.clone(), all.clone(), all.clone(), list(&attached), all]).await;
    let client = recorder.client();
    let listed = Volume::list().client(&client).await.expect("listed");
    assert_eq!((listed.len(), listed[0].size_mb(), listed[0].status()), (2, None, None));
    let found = Volume::find("models").client(&client).await.expect("found");
    assert_eq!(found.id(), VOLUME);
    // An id counts more than a name.
    let found = Volume::find(VOLUME).client(&client).await.expect("found");
    found.refresh().await.expect("refreshed");
    assert_eq!(found.attached_sandbox_id().as_deref(), Some(ID));
    let error = Volume::find("nothing").client(&client).await.expect_err("not there");
    assert_eq!((error.kind(), error.status()), (ErrorKind::NotFound, None));
    assert_json_snapshot!(recorder.request());
}

#[tokio::test]
async fn update_a_volume_sets_or_clears_exactly_one_lifetime() {
    let cleared = volume(json!({"max_lifetime_days": null, "expires_at": null}));
    let (recorder, created) = a_volume([Answer::json(200, &cleared)]).await;
    created.update().max_lifetime_days(60).await.expect("updated");
    created.update().clear_max_lifetime_days().await.expect("updated");
    created.update().max_lifetime_hours(5).await.expect("updated");
    created.update().clear_max_lifetime_hours().await.expect("updated");
    assert_eq!((created.expires_at(), created.info().max_lifetime_days), (None, None));
    let sent: Vec<Value> = recorder.requests()[1..].iter().map(|one| one["body"].clone()).collect();
    assert_eq!(
        sent,
        [
            json!({"max_lifetime_days": 60}),
            json!({"max_lifetime_days": null}),
            json!({"max_lifetime_hours": 5}),
            json!({"max_lifetime_hours": null}),
        ]
    );
    assert_json_snapshot!(recorder.requests()[2]);
    for update in [
        created.update(),
        created.update().max_lifetime_days(1).max_lifetime_hours(1),
        created.update().max_lifetime_days(1).clear_max_lifetime_hours(),
    ] {
        let error = update.await.expect_err("not exactly one");
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
    }
    assert_eq!(recorder.requests().len(), 5);
}

#[tokio::test]
async fn move_and_delete_a_volume() {
    let moving = Answer::json(200, &volume(json!({"status": "moving", "region": "hel1"})));
    let (recorder, created) = a_volume([moving, Answer::empty(204)]).await;
    created.move_to("hel1").await.expect("moved");
    assert_eq!(
        (created.status(), created.region().as_deref()),
        (Some(VolumeStatus::Moving), Some("hel1"))
    );
    created.delete().await.expect("deleted");
    assert_json_snapshot!(recorder.requests()[1..]);
}

#[tokio::test]
async fn failures() {
    let failure = |status: u16, code: Option<&str>| {
        let mut body = json!({"detail": "no"});
        if let Some(code) = code {
            body["code"] = json!(code);
        }
        Answer::json(status, &body)
    };
    for (status, code, kind) in [
        (409, Some("snapshot_cap_reached"), ErrorKind::SnapshotCapReached),
        (409, None, ErrorKind::SandboxNotReady),
        (404, None, ErrorKind::SandboxNotFound),
        (403, Some("plan_limit"), ErrorKind::PlanLimit),
    ] {
        let (recorder, sbx) = sandbox([failure(status, code)]).await;
        let error = sbx.snapshot().await.expect_err("it fails");
        assert_eq!(error.kind(), kind, "{status} {code:?}");
        assert_eq!(recorder.requests().len(), 2, "never sent twice");
    }
    for (status, code, kind) in [
        (409, Some("volume_in_use"), ErrorKind::Conflict),
        (409, None, ErrorKind::Conflict),
        (404, None, ErrorKind::NotFound),
        (404, Some("volume_not_found"), ErrorKind::NotFound),
        (401, None, ErrorKind::Auth),
        (422, None, ErrorKind::Api),
        (503, None, ErrorKind::Api),
    ] {
        let (recorder, created) = a_volume([failure(status, code)]).await;
        let error = created.move_to("hel1").await.expect_err("it fails");
        assert_eq!(error.kind(), kind, "{status} {code:?}");
        assert_eq!(recorder.requests().len(), 2, "never sent twice");
        if kind != ErrorKind::NotFound {
            assert_eq!(created.delete().await.expect_err("it fails").kind(), kind);
        }
    }
    for (status, code, kind) in [
        (409, Some("snapshot_not_ready"), ErrorKind::Conflict),
        (409, Some("volume_in_use"), ErrorKind::Conflict),
        (404, Some("snapshot_not_found"), ErrorKind::NotFound),
        (404, Some("volume_not_found"), ErrorKind::NotFound),
        (404, None, ErrorKind::NotFound),
    ] {
        let recorder = Recorder::start([failure(status, code)]).await;
        let create = Sandbox::create_from_snapshot(SNAPSHOT).client(&recorder.client());
        assert_eq!(create.await.expect_err("it fails").kind(), kind, "{status} {code:?}");
    }
}

/// 503 is worth another try where nothing changes, or twice changes nothing more.
#[tokio::test]
async fn what_may_be_repeated_is() {
    let busy = || Answer::json(503, &json!({"detail": "later"}));
    let answers = [
        busy(),
        Answer::json(200, &json!({"volumes": []})),
        busy(),
        Answer::json(200, &json!({"snapshots": []})),
    ];
    let recorder = Recorder::start(answers).await;
    let policy = orkestr::RetryPolicy::transient().initial_delay(Duration::ZERO);
    let client = Client::builder().api_key(support::KEY).base_url(recorder.base_url());
    let client = client.transient_retry(policy).build().expect("a client");
    assert!(Volume::list().client(&client).await.expect("listed").is_empty());
    assert!(Snapshot::list().client(&client).await.expect("listed").is_empty());
    assert_eq!(recorder.requests().len(), 4);
}

#[tokio::test]
async fn ids_that_change_the_path_are_not_sent() {
    let recorder = Recorder::start([Answer::empty(204)]).await;
    for bad in ["", "..", "a/b"] {
        let error = Snapshot::get(bad).client(&recorder.client()).await.expect_err(bad);
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        assert!(error.message().contains("snapshot id"), "{error}");
    }
    assert!(recorder.requests().is_empty());
    let strange = Answer::json(201, &json!({"id": "../webhooks/x", "name": "n"}));
    let recorder = Recorder::start([strange, Answer::empty(204)]).await;
    let created = Volume::create("n", 1).client(&recorder.client()).await.expect("created");
    assert_eq!(created.delete().await.expect_err("no id").kind(), ErrorKind::InvalidInput);
    assert_eq!(recorder.requests().len(), 1);
}

#[tokio::test]
async fn a_volume_that_is_named_like_the_id_of_another_is_not_taken_for_it() {
    let namesake = volume(json!({"id": "vol_other", "name": VOLUME}));
    let list = Answer::json(200, &json!({"volumes": [namesake]}));
    let (_recorder, gone) = a_volume([list]).await;
    let error = gone.refresh().await.expect_err("it is gone");
    assert_eq!((error.kind(), gone.name()), (ErrorKind::NotFound, "models".to_owned()));
}
