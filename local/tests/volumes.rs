//! Volumes over the API: what they keep, who may have them, and when they end.

mod http;
mod support;

use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use nix::sys::signal::Signal;
use orkestr::{Client, CreateSandbox, Error, ErrorKind, Sandbox, Volume, VolumeStatus};
use orkestr_local::{LocalServer, StartError};
use serde_json::{Value, json};
use support::program::Program;
use support::{eventually, is_root};

const DAY: Duration = Duration::from_secs(24 * 3600);

/// A directory that goes with the test.
struct Place(PathBuf);

impl Place {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("volumes-{name}-{}", std::process::id()));
        std::fs::create_dir(&path).expect("a directory");
        Self(path)
    }

    fn path(&self) -> &Path {
        &self.0
    }

    fn arguments(&self) -> [&str; 2] {
        ["--data-dir", self.0.to_str().expect("text")]
    }

    async fn server(&self) -> LocalServer {
        LocalServer::builder().data_dir(&self.0).start().await.expect("a server")
    }

    /// What the server keeps for volumes.
    fn kept(&self) -> Vec<PathBuf> {
        let volumes = self.0.join("volumes");
        let entries = volumes.read_dir().expect("it is there");
        entries.map(|entry| entry.expect("an entry").path()).collect()
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn with(client: &Client, volume: &str) -> CreateSandbox {
    Sandbox::create("debian-12").client(client).volume(volume)
}

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
    assert_eq!((volume.region().as_deref(), volume.expires_at()), (Some("local"), None));

    let first = with(&client, "cache").await.expect("a sandbox");
    assert_eq!(first.volume().as_deref(), Some("cache"));
    volume.refresh().await.expect("it is there");
    assert_eq!(volume.status(), Some(VolumeStatus::Attached));
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
async fn without_a_volume_there_is_no_persist() {
    let server = LocalServer::start().await.expect("a server");
    let sbx = Sandbox::create("debian-12").client(&server.client()).await.expect("a sandbox");
    assert_eq!(
        out(&sbx, "mkdir /persist 2>/dev/null || echo no; ls -A / | grep -c persist || true").await,
        "no\n0\n"
    );
    for path in ["/persist/f", "/persist/d/f"] {
        let error = sbx.files().write(path, "x").await.expect_err("nowhere");
        is(&error, ErrorKind::Api, 403, Some("not_permitted"));
        let error = sbx.files().presign_upload(path).await.expect_err("nowhere");
        is(&error, ErrorKind::Api, 403, Some("not_permitted"));
    }
    assert!(!sbx.files().exists("/persist").await.expect("an answer"));
    for volume in ["nothing", "vol_nothing", ""] {
        let error = with(&server.client(), volume).await.expect_err("not there");
        is(&error, ErrorKind::NotFound, 404, Some("volume_not_found"));
    }
}

#[tokio::test]
async fn presigned_uploads_are_for_the_writable_places_alone() {
    let place = Place::new("presigned");
    let server = place.server().await;
    Volume::create("v", 1).client(&server.client()).await.expect("created");
    let sbx = with(&server.client(), "v").await.expect("a sandbox");
    out(&sbx, "ln -s /usr /persist/out; ln -s /persist /workspace/in; mkdir d; : > f").await;
    for path in ["/persist/a", "/persist/x/y/z", "/workspace/in/b", "/workspace/f", "/tmp/new/f"] {
        sbx.files().presign_upload(path).await.unwrap_or_else(|error| panic!("{path}: {error}"));
    }
    for (path, code) in [
        ("/usr/f", "not_permitted"),
        ("/usr/bin/env", "not_permitted"),
        ("/persist/out/f", "not_permitted"),
        ("/persist/../etc/f", "not_permitted"),
        ("/f", "not_permitted"),
        ("/proc/self/f", "not_permitted"),
        ("/dev/shm/f", "not_permitted"),
        ("/workspace/d", "is_a_directory"),
        ("/workspace/f/g", "not_a_directory"),
    ] {
        let error = sbx.files().presign_upload(path).await.expect_err(path);
        assert_eq!(error.code(), Some(code), "{path}: {error}");
    }
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
    // Made and not written down; written down and gone; on its way out.
    std::fs::create_dir(place.path().join("volumes/vol_half")).expect("a directory");
    std::fs::remove_dir(place.path().join("volumes").join(lost.id())).expect("it is there");
    std::fs::create_dir_all(place.path().join("trash/x/y")).expect("a directory");
    let server = place.server().await;
    let listed = Volume::list().client(&server.client()).await.expect("listed");
    assert_eq!(listed.iter().map(Volume::name).collect::<Vec<_>>(), ["whole"]);
    assert_eq!(place.kept().len(), 1);
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
        (json!({"name": "v", "size_gb": 0}), "size_gb"),
        (json!({"name": "v", "size_gb": -1}), "size_gb"),
        (json!({"name": "v", "size_gb": 1e9}), "size_gb"),
        (json!({"name": "v", "size_gb": 1, "region": "mars"}), "region"),
        (json!({"name": "v", "size_gb": 1, "max_lifetime_days": 0}), "max_lifetime_days"),
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
    is(&with(&client, "v").await.expect_err("gone"), ErrorKind::NotFound, 404, gone());
    Volume::create("v", 2).client(&client).await.expect("the name is free");
}

#[tokio::test]
async fn a_lifetime_ends_it_but_not_under_a_sandbox() {
    let place = Place::new("lifetime");
    let server = place.server().await;
    let client = server.client();
    let create = |name: &str| Volume::create(name, 1).client(&client);
    let hours = create("hours").max_lifetime_hours(30).await.expect("created");
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
    server.advance(DAY).await;
    assert_eq!(names().await, ["days", "hours", "kept", "used"]);
    // Counts from now, and both are looked at.
    hours.update().max_lifetime_hours(30).await.expect("updated");
    server.advance(DAY).await;
    assert_eq!(names().await, ["hours", "kept", "used"]);
    assert_eq!(place.kept().len(), 3);
    hours.update().max_lifetime_days(1).await.expect("updated");
    let left = |volume: &Volume| volume.expires_at().map(|end| end.unix_seconds());
    let both = left(&hours);
    hours.update().clear_max_lifetime_days().await.expect("updated");
    assert!(both < left(&hours), "{both:?} {hours:?}");
    assert_eq!((hours.info().max_lifetime_hours, hours.info().max_lifetime_days), (Some(30), None));
    hours.update().clear_max_lifetime_hours().await.expect("updated");
    assert_eq!(hours.expires_at(), None);
    server.advance(40 * DAY).await;
    assert_eq!(names().await, ["hours", "kept", "used"]);
    // What the sandbox has is not taken from it.
    let sbx = Sandbox::resume(sbx.id()).client(&client).await.expect("resumed");
    assert_eq!(sbx.files().read("/persist/f").await.expect("read"), "x");
    sbx.terminate().await.expect("terminated");
    let error = with(&client, "used").await.expect_err("its time is over");
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

#[tokio::test]
async fn nothing_on_a_volume_leads_out_or_gains_rights() {
    let place = Place::new("attack");
    let secret = place.path().join("secret");
    let server = place.server().await;
    std::fs::write(&secret, "of the host").expect("written");
    let client = server.client();
    let (one, other) = (Volume::create("one", 1), Volume::create("other", 1));
    one.client(&client).await.expect("created");
    other.client(&client).await.expect("created");
    let neighbour = with(&client, "other").await.expect("a sandbox");
    neighbour.files().write("/persist/theirs", "secret").await.expect("written");
    let sbx = with(&client, "one").await.expect("a sandbox");
    let host = secret.display();
    out(
        &sbx,
        &format!(
            "cd /persist; ln -s {host} host; ln -s / root; ln -s /proc/1/root agent; ln -s .. up"
        ),
    )
    .await;
    out(
        &sbx,
        "cd /persist; ln -s ../../../../../.. far; ln -s /etc etc; ln -s /usr usr; mkfifo fifo",
    )
    .await;
    for path in [
        "/persist/host",
        "/persist/../other/theirs",
        "/persist/up/secret",
        "/persist/far/volumes.json",
        "/persist/../../volumes.json",
        "/persist/../lock",
        &format!("/persist/root{host}"),
        &format!("{host}"),
    ] {
        let error = sbx.files().read(path).await.expect_err(path);
        is(&error, ErrorKind::NotFound, 404, Some("file_not_found"));
        assert!(
            !out(&sbx, &format!("cat '{path}' 2>&1 || true")).await.contains("host\n"),
            "{path}"
        );
    }
    assert!(sbx.files().read("/persist/agent/etc/passwd").await.is_err());
    assert!(sbx.files().read("/persist/fifo").await.is_err());
    for path in [
        "/persist/etc/x",
        "/persist/usr/x",
        "/persist/root/x",
        "/persist/up/x",
        "/persist/usr/bin/env",
    ] {
        let error = sbx.files().write(path, "x").await.expect_err(path);
        is(&error, ErrorKind::Api, 403, Some("not_permitted"));
        assert!(sbx.files().mkdir(path).await.is_err(), "{path}");
        assert!(sbx.files().delete(path).await.is_err(), "{path}");
    }
    // A link that stays inside works.
    out(&sbx, "mkdir /persist/in; ln -s /persist/in /workspace/in").await;
    sbx.files().write("/workspace/in/f", "fine").await.expect("written");
    assert_eq!(out(&sbx, "cat /persist/in/f").await, "fine");

    let mounted = out(&sbx, "grep ' /persist ' /proc/self/mountinfo").await;
    assert!(mounted.contains("nosuid") && mounted.contains("nodev"), "{mounted}");
    for attempt in [
        "mknod /persist/zero c 1 5",
        "mount --bind /usr /persist",
        "mount -o remount,suid,dev /persist",
        "umount /persist",
        "chown 0 /persist/in",
        "mv /persist /workspace/x",
        "rmdir /persist",
        "ln /usr/bin/env /persist/env",
    ] {
        let result = sbx.exec(attempt).await.expect("it runs");
        assert!(!result.success(), "{attempt}");
    }
    let script = "cp /usr/bin/id /persist/id; chmod 6755 /persist/id; stat -c %a /persist/id; /persist/id -u; /persist/id -g;
        grep -h -E '^(CapEff|CapPrm|NoNewPrivs)' /proc/self/status";
    assert_eq!(
        out(&sbx, script).await,
        "6755\n1000\n1000\nCapPrm:\t0000000000000000\nCapEff:\t0000000000000000\nNoNewPrivs:\t1\n"
    );
    assert_eq!(out(&neighbour, "ls -A /persist").await, "theirs\n");
    assert_eq!(std::fs::read_to_string(&secret).expect("it is there"), "of the host");
}

#[tokio::test]
async fn what_is_hard_to_remove_is_removed() {
    let place = Place::new("hard");
    let server = place.server().await;
    let client = server.client();
    let volume = Volume::create("deep", 1).client(&client).await.expect("created");
    let sbx = with(&client, "deep").await.expect("a sandbox");
    let deep = "cd /persist; p=$(head -c 2000 /dev/zero | sed 's,\\x0,d/,g');
        for n in 1 2 3; do mkdir -p $p; cd -P $p; done; : > f";
    out(&sbx, deep).await;
    out(&sbx, "cd /persist; mkdir -p a/b; touch a/b/c; ln -s / a/root; chmod 0 a/b a; mkfifo p; chmod 0 .").await;
    sbx.terminate().await.expect("terminated");
    // Locked as it is, the next sandbox can have it.
    let sbx = with(&client, "deep").await.expect("a sandbox");
    assert_eq!(out(&sbx, "stat -c %a /persist /persist/a; chmod 0 /persist").await, "700\n0\n");
    sbx.terminate().await.expect("terminated");
    volume.delete().await.expect("deleted");
    assert_eq!(place.kept(), Vec::<PathBuf>::new());
    assert_eq!(place.path().join("trash").read_dir().expect("it is there").count(), 0);
}

#[tokio::test]
async fn a_file_is_no_larger_than_the_volume_or_the_disk() {
    let place = Place::new("size");
    let server =
        LocalServer::builder().data_dir(place.path()).disk_mb(8).start().await.expect("a server");
    Volume::create("small", 0.001).client(&server.client()).await.expect("created");
    let sbx = with(&server.client(), "small").await.expect("a sandbox");
    assert_eq!(
        out(&sbx, "head -c 8000000 /dev/zero > /persist/f; stat -c %s /persist/f").await,
        "8000000\n"
    );
    let result =
        sbx.exec("head -c 9000000 /dev/zero > /persist/f; echo $?; stat -c %s /persist/f").await;
    assert_eq!(result.expect("it runs").stdout, "153\n8388608\n");
    let free = Sandbox::create("debian-12").client(&server.client()).await.expect("a sandbox");
    assert_eq!(out(&free, "ulimit -f").await, "unlimited\n");
}
