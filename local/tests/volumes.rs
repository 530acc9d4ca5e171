//! Volumes over the API: what they keep, who may have them, and when they end.

mod http;
mod support;

use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::PathBuf;
use std::time::Duration;

use nix::sys::signal::Signal;
use orkestr::{Error, ErrorKind, Sandbox, Volume, VolumeStatus};
use orkestr_local::{LocalServer, StartError};
use serde_json::{Value, json};
use support::place::{Place, with};
use support::program::Program;
use support::{eventually, is_root};

const DAY: Duration = Duration::from_secs(24 * 3600);

async fn out(sandbox: &Sandbox, script: &str) -> String {
    let out = sandbox.exec(script).await.expect("it runs");
    assert!(out.success(), "{script}: {}{}", out.stdout, out.stderr);
    out.stdout
}

#[track_caller]
fn is(error: &Error, kind: ErrorKind, status: u16, code: Option<&str>) {
    assert_eq!((error.kind(), error.status(), error.code()), (kind, Some(status), code), "{error}");
}

#[tokio::test]
async fn one_sandbox_after_the_other_has_it_at_persist() {
    let place = Place::new("after");
    let server = place.server().await;
    let client = server.client();
    let volume = Volume::create("cache", 0.5).client(&client).await.expect("created");
    assert_eq!((volume.size_mb(), volume.status()), (Some(512), Some(VolumeStatus::Available)));
    assert_eq!((volume.region(), volume.expires_at()), (None, None));

    let first = with(&client, "cache").await.expect("a sandbox");
    assert_eq!(first.volume().as_deref(), Some("cache"));
    volume.refresh().await.expect("it is there");
    assert_eq!(volume.status(), Some(VolumeStatus::Attached));
    assert_eq!(volume.region().as_deref(), Some("local"));
    assert_eq!(volume.attached_sandbox_id().as_deref(), Some(first.id()));
    out(
        &first,
        "mkdir /persist/d; echo kept > /persist/d/f; chmod 750 /persist/d; ln -s d/f /persist/l",
    )
    .await;
    first.files().write("/persist/new/by-api", "api").await.expect("written");
    first.files().rename("/persist/new/by-api", "/persist/moved").await.expect("moved");
    first.files().write("/workspace/w", "w").await.expect("written");
    first.files().rename("/workspace/w", "/persist/w").await.expect("moved across");
    let error = with(&client, volume.id()).await.expect_err("in use");
    is(&error, ErrorKind::Conflict, 409, Some("volume_in_use"));
    assert!(error.message().contains(first.id()), "{error}");
    first.pause().await.expect("paused");
    let error = with(&client, "cache").await.expect_err("still in use");
    is(&error, ErrorKind::Conflict, 409, Some("volume_in_use"));
    let first = Sandbox::resume(first.id()).client(&client).await.expect("resumed");
    assert_eq!(out(&first, "cat /persist/l").await, "kept\n");
    first.terminate().await.expect("terminated");

    // By its id too, and free as soon as terminate has returned.
    let second = with(&client, volume.id()).await.expect("a sandbox");
    assert_eq!(second.volume().as_deref(), Some("cache"));
    let look =
        "cat /persist/l /persist/moved /persist/w; stat -c '%a %U' /persist /persist/d; id -un";
    assert_eq!(out(&second, look).await, "kept\napiw755 user\n750 user\nuser\n");
    // A volume is no part of a snapshot, and a fork has none.
    let fork = second.snapshot().await.expect("taken").fork().await.expect("a fork");
    assert_eq!(
        (fork.volume(), out(&fork, "ls -d /persist 2>&1 || true").await.contains("No such")),
        (None, true)
    );
    // It is free again when the time of its sandbox is over, too.
    server.advance(Duration::from_secs(600)).await;
    let third = with(&client, "cache").await.expect("a sandbox");
    assert_eq!(third.files().read("/persist/d/f").await.expect("read"), "kept\n");
    let owner = if is_root() { 65534 } else { nix::unistd::geteuid().as_raw() };
    assert_eq!(place.kept()[0].metadata().expect("it is there").uid(), owner);
    assert_eq!(place.path().metadata().expect("it is there").permissions().mode() & 0o777, 0o700);
}

#[tokio::test]
async fn it_survives_the_end_of_its_server_however_that_comes() {
    let place = Place::new("restart");
    let mut ids = Vec::new();
    for (round, signal) in
        [Signal::SIGKILL, Signal::SIGTERM, Signal::SIGKILL].into_iter().enumerate()
    {
        let mut program = Program::start_with(&place.arguments());
        let client = program.client();
        if round == 0 {
            let create = Volume::create("kept", 1).region("hel1").max_lifetime_days(7);
            ids.push(create.client(&client).await.expect("created").id().to_owned());
        }
        let listed = Volume::list().client(&client).await.expect("listed");
        assert_eq!(listed.iter().map(Volume::id).collect::<Vec<_>>(), ids);
        let info = listed[0].info();
        assert_eq!(
            (info.status.as_ref(), info.attached_sandbox_id.as_ref()),
            (Some(&VolumeStatus::Available), None)
        );
        assert_eq!((info.region.as_deref(), info.max_lifetime_days), (Some("hel1"), Some(7)));
        assert!(info.expires_at.is_some());
        let sbx = with(&client, "kept").await.expect("it is free");
        let expected: String = (0..round).map(|round| format!("{round}\n")).collect();
        assert_eq!(out(&sbx, "touch /persist/f; cat /persist/f").await, expected);
        out(&sbx, &format!("echo {round} >> /persist/f")).await;
        // It is still in the sandbox when the server ends.
        program.end(signal);
    }
}

#[tokio::test]
async fn what_a_killed_server_left_half_done_is_put_in_order() {
    let place = Place::new("order");
    let server = place.server().await;
    Volume::create("whole", 1).client(&server.client()).await.expect("created");
    Volume::create("lost", 1).client(&server.client()).await.expect("created");
    let lost = Volume::find("lost").client(&server.client()).await.expect("found");
    server.shutdown().await;
    // Made and not written down; somebody's; written down and gone; on its way out.
    std::fs::create_dir(place.path().join("volumes/vol_half")).expect("a directory");
    std::fs::create_dir_all(place.path().join("volumes/mine/kept")).expect("a directory");
    std::fs::remove_dir(place.path().join("volumes").join(lost.id())).expect("it is there");
    std::fs::create_dir_all(place.path().join("trash/x/y")).expect("a directory");
    let server = place.server().await;
    let listed = Volume::list().client(&server.client()).await.expect("listed");
    assert_eq!(listed.iter().map(Volume::name).collect::<Vec<_>>(), ["whole"]);
    assert_eq!(place.kept().len(), 2);
    assert!(place.path().join("volumes/mine/kept").exists());
    assert_eq!(place.path().join("trash").read_dir().expect("it is there").count(), 0);
    server.shutdown().await;
    std::fs::write(place.path().join("volumes.json"), "{\"volumes\": [{\"id\": 1}]}")
        .expect("written");
    let error =
        LocalServer::builder().data_dir(place.path()).start().await.expect_err("unreadable");
    assert!(error.to_string().contains("volumes.json"), "{error}");
}

#[tokio::test]
async fn a_data_directory_belongs_to_one_server() {
    let place = Place::new("one");
    let server = place.server().await;
    let start = || LocalServer::builder().data_dir(place.path()).start();
    let error = start().await.expect_err("it is taken");
    assert!(matches!(error, StartError::DataDir { .. }), "{error}");
    let text = error.to_string();
    let named = place.path().to_str().expect("text");
    assert!(text.contains("another server") && text.contains(named), "{text}");
    server.shutdown().await;
    drop(start().await.expect("it is free"));
    let error = LocalServer::builder().data_dir("/proc/none").start().await.expect_err("no place");
    assert!(matches!(error, StartError::DataDir { .. }), "{error}");
}

#[tokio::test]
async fn without_a_data_directory_nothing_is_left() {
    let place = Place::new("private");
    let line = format!("export TMPDIR={}", place.path().display());
    let left = || place.path().read_dir().expect("it is there").count();
    let used = async |program: &Program| {
        Volume::create("v", 1).client(&program.client()).await.expect("created");
        let sbx = with(&program.client(), "v").await.expect("a sandbox");
        out(&sbx, "mkdir -p /persist/a/b; chmod 0 /persist/a").await;
    };
    let mut program = Program::start_after(&line, &[]);
    assert_eq!(left(), 0, "before the first volume there is nothing");
    used(&program).await;
    assert_eq!(left(), 1);
    program.end(Signal::SIGTERM);
    assert_eq!(left(), 0);
    // A server that is killed can remove nothing: the next one does.
    let mut program = Program::start_after(&line, &[]);
    used(&program).await;
    program.end(Signal::SIGKILL);
    assert_eq!(left(), 1);
    let mut program = Program::start_after(&line, &[]);
    used(&program).await;
    assert_eq!(left(), 1);
    program.end(Signal::SIGINT);
    assert_eq!(left(), 0);
}

#[tokio::test]
async fn a_create_that_fails_and_a_sandbox_that_dies_free_it() {
    let place = Place::new("fails");
    let mut program = Program::start_with(&place.arguments());
    let client = program.client();
    let volume = Volume::create("v", 1).client(&client).await.expect("created");
    let (here, away) = (place.path().join("volumes").join(volume.id()), place.path().join("away"));
    let mounts = program.mounts();
    std::fs::rename(&here, &away).expect("ours");
    let error = with(&client, "v").await.expect_err("there is nothing to mount");
    assert_eq!((error.kind(), error.status()), (ErrorKind::Api, Some(500)), "{error}");
    std::fs::rename(&away, &here).expect("ours");
    volume.refresh().await.expect("it is there");
    assert_eq!(volume.status(), Some(VolumeStatus::Available));
    let sbx = with(&client, "v").await.expect("a sandbox");
    let agent = nix::unistd::Pid::from_raw(program.children()[0]);
    nix::sys::signal::kill(agent, Signal::SIGKILL).expect("it runs");
    eventually("the server notices", async || {
        volume.refresh().await.expect("it is there");
        volume.status() == Some(VolumeStatus::Available)
    })
    .await;
    assert_eq!(sbx.volume().as_deref(), Some("v"));
    for _ in 0..3 {
        with(&client, "v").await.expect("a sandbox").terminate().await.expect("terminated");
    }
    assert_eq!((program.children(), program.mounts()), (Vec::new(), mounts));
    program.end(Signal::SIGTERM);
}

#[tokio::test]
async fn what_is_asked_for_is_checked() {
    let place = Place::new("checked");
    let server = place.server().await;
    let client = server.client();
    let volumes = "/v1/sandboxes/volumes";
    for (body, member) in [
        (json!({}), "name"),
        (json!({"name": "v"}), "size_gb"),
        (json!({"name": "", "size_gb": 1}), "name"),
        (json!({"name": "vol_x", "size_gb": 1}), "name"),
        (json!({"name": "../x", "size_gb": 1}), "name"),
        (json!({"name": "v", "size_gb": 0.2}), "size_gb"),
        (json!({"name": "v", "size_gb": -1}), "size_gb"),
        (json!({"name": "v", "size_gb": 1e9}), "size_gb"),
        (json!({"name": "v", "size_gb": 1, "region": "mars"}), "region"),
        (json!({"name": "v", "size_gb": 1, "max_lifetime_days": 0}), "max_lifetime_days"),
        (json!({"name": "v", "size_gb": 1, "max_lifetime_hours": 25}), "max_lifetime_hours"),
        (
            json!({"name": "v", "size_gb": 1, "max_lifetime_days": 1, "max_lifetime_hours": 1}),
            "max_lifetime_hours",
        ),
    ] {
        let answer = http::call(&server, "POST", volumes, &body.to_string()).await;
        assert_eq!(answer.status, 422, "{body}: {}", answer.text());
        let detail: Value = serde_json::from_slice(&answer.body).expect("JSON");
        assert_eq!(detail["detail"][0]["loc"], json!(["body", member]), "{body}");
    }
    let volume = Volume::create("v", 1).region("fsn1").client(&client).await.expect("created");
    let error = Volume::create("v", 2).client(&client).await.expect_err("the name is taken");
    is(&error, ErrorKind::Conflict, 409, Some("volume_name_taken"));
    volume.move_to("hel1").await.expect("moved");
    assert_eq!(volume.region().as_deref(), Some("hel1"));
    let error = volume.move_to("mars").await.expect_err("no region");
    is(&error, ErrorKind::Api, 422, None);
    assert!(error.message().contains("fsn1"), "{error}");
    let path = format!("{volumes}/{}", volume.id());
    for body in [
        json!({}),
        json!({"max_lifetime_days": 1, "max_lifetime_hours": 1}),
        json!({"max_lifetime_days": 0}),
    ] {
        let answer = http::call(&server, "PATCH", &path, &body.to_string()).await;
        assert_eq!(answer.status, 422, "{body}");
    }
    let sbx = with(&client, "v").await.expect("a sandbox");
    for error in [
        volume.delete().await.expect_err("in use"),
        volume.move_to("fsn1").await.expect_err("in use"),
    ] {
        is(&error, ErrorKind::Conflict, 409, Some("volume_in_use"));
    }
    sbx.terminate().await.expect("terminated");
    volume.delete().await.expect("deleted");
    volume.delete().await.expect("it is gone");
    assert_eq!(place.kept(), Vec::<PathBuf>::new());
    let gone = || Some("volume_not_found");
    is(&volume.move_to("fsn1").await.expect_err("gone"), ErrorKind::NotFound, 404, gone());
    is(
        &volume.update().max_lifetime_days(1).await.expect_err("gone"),
        ErrorKind::NotFound,
        404,
        gone(),
    );
    is(&with(&client, volume.id()).await.expect_err("gone"), ErrorKind::NotFound, 404, gone());
    Volume::create("v", 2).client(&client).await.expect("the name is free");
}

#[tokio::test]
async fn its_first_use_makes_a_volume() {
    let place = Place::new("first-use");
    let server = place.server().await;
    let client = server.client();
    let sbx = with(&client, "cache").region("hel1").await.expect("a sandbox");
    assert_eq!((sbx.volume().as_deref(), sbx.region().as_str()), (Some("cache"), "hel1"));
    sbx.files().write("/persist/f", "x").await.expect("written");
    sbx.terminate().await.expect("terminated");
    let volume = Volume::find("cache").client(&client).await.expect("it is there");
    assert_eq!((volume.size_mb(), volume.region().as_deref()), (Some(10 * 1024), Some("hel1")));
    // It lives there: a sandbox follows it, and goes nowhere else.
    let sbx = with(&client, "cache").await.expect("a sandbox");
    assert_eq!(sbx.region(), "hel1");
    assert_eq!(sbx.files().read("/persist/f").await.expect("read"), "x");
    sbx.terminate().await.expect("terminated");
    let error = with(&client, "cache").region("fsn1").await.expect_err("it is elsewhere");
    is(&error, ErrorKind::Api, 400, Some("volume_region_mismatch"));
    assert!(error.message().contains("hel1"), "{error}");
    with(&client, "cache").region("hel1").await.expect("nothing holds it");
    // One whose region nobody chose has it from its first sandbox.
    let volume = Volume::create("free", 0.25).client(&client).await.expect("created");
    assert_eq!((volume.size_mb(), volume.region()), (Some(256), None));
    with(&client, "free").region("fsn1").await.expect("a sandbox");
    volume.refresh().await.expect("it is there");
    assert_eq!(volume.region().as_deref(), Some("fsn1"));
    for bad in ["a/b", "", ".."] {
        assert_eq!(with(&client, bad).await.expect_err(bad).status(), Some(422), "{bad}");
    }
    assert_eq!(Volume::list().client(&client).await.expect("listed").len(), 2);
}

#[tokio::test]
async fn a_lifetime_ends_it_but_not_under_a_sandbox() {
    let place = Place::new("lifetime");
    let server = place.server().await;
    let client = server.client();
    let create = |name: &str| Volume::create(name, 1).client(&client);
    let hours = create("hours").max_lifetime_hours(24).await.expect("created");
    let days = create("days").max_lifetime_days(2).await.expect("created");
    let used = create("used").max_lifetime_hours(1).await.expect("created");
    let kept = create("kept").await.expect("created");
    let names = async || {
        let listed = Volume::list().client(&client).await.expect("listed");
        let mut names: Vec<_> = listed.iter().map(Volume::name).collect();
        names.sort();
        names
    };
    let sbx = with(&client, "used").timeout(Duration::from_secs(3600)).await.expect("a sandbox");
    sbx.files().write("/persist/f", "x").await.expect("written");
    sbx.pause().await.expect("paused");
    server.advance(DAY / 2).await;
    assert_eq!(names().await, ["days", "hours", "kept", "used"]);
    // Counts from the creation, in one of the two units.
    let end = |volume: &Volume| volume.expires_at().map(|end| end.unix_seconds());
    let day = end(&hours);
    hours.update().max_lifetime_days(1).await.expect("updated");
    assert_eq!(end(&hours), day);
    assert_eq!((hours.info().max_lifetime_hours, hours.info().max_lifetime_days), (None, Some(1)));
    hours.update().max_lifetime_hours(20).await.expect("updated");
    assert_eq!(end(&hours), day.map(|day| day - 4 * 3600));
    hours.update().clear_max_lifetime_hours().await.expect("updated");
    assert_eq!(hours.expires_at(), None);
    server.advance(2 * DAY).await;
    eventually("its time is over", async || names().await == ["hours", "kept", "used"]).await;
    eventually("its content too", async || place.kept().len() == 3).await;
    server.advance(40 * DAY).await;
    assert_eq!(names().await, ["hours", "kept", "used"]);
    // What the sandbox has is not taken from it.
    let sbx = Sandbox::resume(sbx.id()).client(&client).await.expect("resumed");
    assert_eq!(sbx.files().read("/persist/f").await.expect("read"), "x");
    sbx.terminate().await.expect("terminated");
    let error = with(&client, used.id()).await.expect_err("its time is over");
    assert_eq!(error.kind(), ErrorKind::NotFound);
    eventually("it is gone", async || names().await == ["hours", "kept"]).await;
    for gone in [&days, &used] {
        assert_eq!(gone.refresh().await.expect_err("gone").kind(), ErrorKind::NotFound);
    }
    eventually("its content too", async || place.kept().len() == 2).await;
    kept.delete().await.expect("deleted");
    // A lifetime goes on over a restart.
    create("later").max_lifetime_hours(1).await.expect("created");
    server.shutdown().await;
    let server = place.server().await;
    let client = server.client();
    Volume::find("later").client(&client).await.expect("its hour is the moved clock's");
    server.advance(60 * DAY).await;
    assert_eq!(
        Volume::find("later").client(&client).await.expect_err("over").kind(),
        ErrorKind::NotFound
    );
}
