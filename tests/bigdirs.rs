//! Whole directories against the local server.

#![cfg(all(feature = "dirs", unix))]

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::PathBuf;

use orkestr::{ErrorKind, Sandbox};
use orkestr_local::LocalServer;

async fn start() -> (LocalServer, Sandbox) {
    let server = LocalServer::start().await.expect("this machine allows sandboxes");
    let sbx = Sandbox::create("debian-12").client(&server.client()).await.expect("created");
    (server, sbx)
}

/// A directory of this test alone, gone with it.
struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("orkestr-{name}-{}", std::process::id()));
        fs::create_dir_all(&path).expect("a directory");
        Self(path)
    }

    fn write(&self, path: &str, content: impl AsRef<[u8]>) {
        let path = self.0.join(path);
        fs::create_dir_all(path.parent().expect("a parent")).expect("a directory");
        fs::write(path, content).expect("written");
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

async fn tree(sbx: &Sandbox, root: &str) -> Vec<String> {
    let found = sbx.exec(format!("cd {root} && find . | LC_ALL=C sort")).await.expect("run");
    found.stdout.lines().filter(|line| *line != ".").map(str::to_owned).collect()
}

fn source() -> Scratch {
    let local = Scratch::new(&format!("dirs-{:?}", std::thread::current().id()));
    local.write(".gitignore", "*.log\n/target/\n");
    local.write(".git/config", "private");
    local.write("target/huge", "x");
    local.write("a.log", "x");
    local.write("src/main.py", "print(4)");
    local.write("src/.hidden", "h");
    local.write("src/.gitignore", "cache\n");
    local.write("src/cache/x", "x");
    local.write("run.sh", "#!/bin/sh\necho ran\n");
    fs::set_permissions(local.0.join("run.sh"), fs::Permissions::from_mode(0o755)).expect("set");
    local.write("big name ü.bin", vec![7; 3 << 20]);
    fs::set_permissions(local.0.join("big name ü.bin"), fs::Permissions::from_mode(0o700))
        .expect("set");
    fs::create_dir_all(local.0.join("empty/inner")).expect("a directory");
    symlink("/etc/passwd", local.0.join("link")).expect("a link");
    symlink(".", local.0.join("circle")).expect("a link");
    local
}

#[tokio::test]
async fn a_directory_goes_up_by_its_rules() {
    let (_server, sbx) = start().await;
    let local = source();
    let report = sbx.files().upload_dir(&local.0, "/workspace/p/").await.expect("sent");
    let expected = [
        "./.gitignore",
        "./big name ü.bin",
        "./empty",
        "./empty/inner",
        "./run.sh",
        "./src",
        "./src/.gitignore",
        "./src/.hidden",
        "./src/main.py",
    ];
    assert_eq!(tree(&sbx, "/workspace/p").await, expected);
    assert_eq!(report.files, 6);
    assert_eq!(report.skipped, [PathBuf::from("circle"), PathBuf::from("link")]);
    assert_eq!(sbx.exec("/workspace/p/run.sh").await.expect("run").stdout, "ran\n");
    let stat = sbx.files().stat("/workspace/p/big name ü.bin").await.expect("asked");
    let stat = stat.expect("there");
    assert_eq!((stat.size, stat.mode), (Some(3 << 20), 0o700));

    let all = sbx.files().upload_dir(&local.0, "/workspace/q").ignore_files(false).exclude("src/");
    all.await.expect("sent");
    let found = tree(&sbx, "/workspace/q").await;
    assert!(found.contains(&"./.git/config".to_owned()), "{found:?}");
    assert!(found.contains(&"./a.log".to_owned()), "{found:?}");
    assert!(!found.iter().any(|path| path.starts_with("./src")), "{found:?}");

    let error = sbx.files().upload_dir(&local.0, "/usr/p").await.expect_err("outside");
    assert_eq!(error.code(), Some("not_permitted"));
    let missing = sbx.files().upload_dir(local.0.join("none"), "/tmp/p").await;
    assert_eq!(missing.expect_err("missing").kind(), ErrorKind::Io);
}

#[tokio::test]
async fn a_directory_comes_down() {
    let (_server, sbx) = start().await;
    let local = Scratch::new("dirs-down");
    let make = "mkdir -p d/a/b d/empty && cd d && printf 12 > a/x && printf 345 > 'a/b/y ü' && \
        printf 6 > run && chmod 4750 run && ln -s a/x link && ln -s none dangling && mkfifo pipe && \
        head -c 3000000 /dev/zero > big && printf x > a/x.log";
    assert_eq!(sbx.exec(make).cwd("/workspace").await.expect("run").exit_code, 0);
    let to = local.0.join("made/here");
    let report =
        sbx.files().download_dir("/workspace/d", &to).exclude("*.log").await.expect("fetched");
    assert_eq!((report.files, report.bytes), (5, 2 + 3 + 1 + 2 + 3_000_000));
    assert_eq!(report.skipped, [PathBuf::from("dangling"), PathBuf::from("pipe")]);
    assert_eq!(fs::read(to.join("a/b/y ü")).expect("read"), b"345");
    assert_eq!(fs::read(to.join("link")).expect("read"), b"12");
    assert_eq!(fs::metadata(to.join("run")).expect("there").permissions().mode() & 0o7777, 0o750);
    assert!(to.join("empty").is_dir());
    assert!(!to.join("a/x.log").exists());

    sbx.exec("ln -s . /workspace/d/circle").await.expect("run");
    let error = sbx.files().download_dir("/workspace/d", &to).exclude("big").await;
    let error = error.expect_err("endless");
    assert!(error.message().contains("circle"), "{error}");
    let around = sbx.files().download_dir("/workspace/d", &to).exclude("circle");
    assert_eq!(around.await.expect("fetched").files, 6);
}
