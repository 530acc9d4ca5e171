//! What a volume is from inside, at /persist, and what code that means harm can do with it.

mod support;

use std::path::PathBuf;

use orkestr::{Error, ErrorKind, Sandbox, Volume};
use orkestr_local::LocalServer;
use support::place::{Place, with};

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
    let error = with(&server.client(), "vol_nothing").await.expect_err("not there");
    is(&error, ErrorKind::NotFound, 404, Some("volume_not_found"));
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
    Volume::create("small", 0.25).client(&server.client()).await.expect("created");
    let sbx = with(&server.client(), "small").await.expect("a sandbox");
    for (seek, expected) in [(268_435_455, "0\n268435456\n"), (268_435_456, "153\n268435456\n")] {
        let write = format!("printf x | dd of=/persist/f bs=1 seek={seek}");
        let result = sbx.exec(format!("{write}; echo $?; stat -c %s /persist/f")).await;
        assert_eq!(result.expect("it runs").stdout, expected);
    }
    let free = Sandbox::create("debian-12").client(&server.client()).await.expect("a sandbox");
    assert_eq!(out(&free, "ulimit -f").await, "unlimited\n");
}
