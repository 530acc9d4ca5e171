//! Files as seen from inside, and everything that could lead out.

mod support;

use std::os::unix::fs::MetadataExt;
use std::time::{Duration, SystemTime};

use orkestr_local::jail::{Content, Entry, FileError, Files, Jail, Limits, Spec};
use support::{attempt, is_root, jail, run, sh};

async fn text(files: &Files, path: &str) -> String {
    match files.read(path, 1 << 20).await.unwrap_or_else(|error| panic!("{error}")) {
        Content::File { bytes, .. } => String::from_utf8(bytes).unwrap(),
        Content::Directory(_) => panic!("{path} is a directory"),
    }
}

async fn names(files: &Files, path: &str) -> Vec<String> {
    match files.read(path, 0).await.unwrap() {
        Content::Directory(entries) => entries.into_iter().map(|entry| entry.name).collect(),
        Content::File { .. } => panic!("{path} is a file"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn both_sides_see_the_same_files() {
    let jail = jail().await;
    let files = jail.files();
    files.write("/workspace/new/deep/a.txt", "first", 0o644).await.unwrap();
    assert_eq!(
        run(&jail, "cat new/deep/a.txt; stat -c '%a %U' new/deep/a.txt new/deep").await,
        "first644 user\n755 user"
    );
    run(&jail, "echo second >> new/deep/a.txt; chmod 600 new/deep/a.txt").await;
    let Content::File { bytes, mode, modified } =
        files.read("/workspace/new/deep/a.txt", 100).await.unwrap()
    else {
        panic!()
    };
    assert_eq!((bytes.as_slice(), mode), (&b"firstsecond\n"[..], 0o600));
    assert!(modified.elapsed().unwrap_or_default() < Duration::from_secs(600));
    files.write("/workspace/new/deep/a.txt", "3", 0o755).await.unwrap();
    assert_eq!(run(&jail, "stat -c '%a %s' new/deep/a.txt").await, "755 1");
    files.write("/tmp/run", "#!/bin/sh\necho ran", 0o700).await.unwrap();
    assert_eq!(run(&jail, "/tmp/run").await, "ran");
    assert_eq!(text(&files, "/etc/hostname").await, "sandbox\n");
    let (file, entry) = files.open_read("/workspace/new/../new/deep/a.txt").await.unwrap();
    assert_eq!((entry.name.as_str(), entry.size, file.metadata().unwrap().len()), ("a.txt", 1, 1));
    let owner = if is_root() { 65534 } else { nix::unistd::geteuid().as_raw() };
    assert_eq!(file.metadata().unwrap().uid(), owner);
    assert!(matches!(files.open_read("/workspace").await, Err(FileError::IsDirectory(_))));
}

#[tokio::test(flavor = "multi_thread")]
async fn directories_are_listed_by_name() {
    let jail = jail().await;
    let files = jail.files();
    run(&jail, "mkdir d d/sub; echo 12345 > d/b; echo > d/a; ln -s sub d/to-sub; ln -s nowhere d/to-nothing; mkfifo d/fifo; touch -d @-99999999999 d/old").await;
    let Content::Directory(entries) = files.read("/workspace/d/", 0).await.unwrap() else {
        panic!()
    };
    let seen: Vec<_> = entries.iter().map(|entry| (entry.name.as_str(), entry.is_dir)).collect();
    assert_eq!(
        seen,
        [
            ("a", false),
            ("b", false),
            ("fifo", false),
            ("old", false),
            ("sub", true),
            ("to-nothing", false),
            ("to-sub", true)
        ]
    );
    assert_eq!(entries[1].size, 6);
    assert!(entries[3].modified <= SystemTime::UNIX_EPOCH);
    assert_eq!(files.stat("/workspace/d/nothing").await.unwrap(), None);
    assert_eq!(files.stat("/workspace/d/a/x").await.unwrap(), None);
    assert!(
        matches!(files.stat("/workspace/d").await.unwrap(), Some(Entry { name, is_dir: true, .. }) if name == "d")
    );
    assert!(
        matches!(files.stat("/").await.unwrap(), Some(Entry { name, is_dir: true, .. }) if name == "/")
    );
    assert!(names(&files, "/").await.contains(&"workspace".to_owned()));
    assert!(names(&files, "/usr/bin").await.contains(&"env".to_owned()));
}

#[tokio::test(flavor = "multi_thread")]
async fn changes_to_the_tree() {
    let jail = jail().await;
    let files = jail.files();
    files.create_dir("/workspace/a/b/c", true).await.unwrap();
    files.create_dir("/workspace/a/b/c/", true).await.unwrap();
    assert!(matches!(
        files.create_dir("/workspace/a", false).await,
        Err(FileError::AlreadyExists(_))
    ));
    assert!(matches!(files.create_dir("/workspace/x/y", false).await, Err(FileError::NotFound(_))));
    files.write("/workspace/a/f", "x", 0o644).await.unwrap();
    assert!(matches!(
        files.create_dir("/workspace/a/f/g", true).await,
        Err(FileError::NotDirectory(_))
    ));
    assert!(matches!(
        files.write("/workspace/a/f/g", "x", 0o644).await,
        Err(FileError::NotDirectory(_))
    ));
    files.rename("/workspace/a/f", "/workspace/a/b/g").await.unwrap();
    files.rename("/workspace/a/b", "/workspace/moved").await.unwrap();
    assert_eq!(names(&files, "/workspace/moved").await, ["c", "g"]);
    files.write("/workspace/run", "y", 0o755).await.unwrap();
    files.rename("/workspace/run", "/tmp/run").await.unwrap();
    assert_eq!(
        (text(&files, "/tmp/run").await.as_str(), files.stat("/workspace/run").await.unwrap()),
        ("y", None)
    );
    assert_eq!(files.stat("/tmp/run").await.unwrap().unwrap().mode, 0o755);
    assert!(matches!(
        files.rename("/workspace/none", "/workspace/x").await,
        Err(FileError::NotFound(_))
    ));
    assert!(matches!(files.remove_file("/workspace/moved").await, Err(FileError::IsDirectory(_))));
    files.remove_file("/workspace/moved/g").await.unwrap();
    assert!(matches!(files.remove_file("/workspace/moved/g").await, Err(FileError::NotFound(_))));
    run(&jail, "ln -s /etc/passwd link").await;
    files.remove_file("/workspace/link").await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn paths_that_mean_nothing_are_refused() {
    let jail = jail().await;
    let files = jail.files();
    let long = format!("/{}", "x".repeat(300));
    let longer = "/x".repeat(4000);
    for path in ["", "relative", "./x", "/nul\0", &long, &longer] {
        assert!(
            matches!(files.read(path, 1).await, Err(FileError::InvalidPath { .. })),
            "{path:.20}"
        );
        assert!(
            matches!(
                files.write(path, "x", 0o644).await,
                Err(FileError::InvalidPath { .. } | FileError::NotPermitted(_))
            ),
            "{path:.20}"
        );
        assert!(
            matches!(
                files.create_dir(path, true).await,
                Err(FileError::InvalidPath { .. } | FileError::NotPermitted(_))
            ),
            "{path:.20}"
        );
    }
    for path in ["/workspace/", "/workspace/.", "/workspace/..", "/workspace"] {
        assert!(files.write(path, "x", 0o644).await.is_err(), "{path}");
        assert!(files.remove_file(path).await.is_err(), "{path}");
    }
    run(&jail, "ln -s loop loop").await;
    assert!(matches!(files.read("/workspace/loop", 1).await, Err(FileError::InvalidPath { .. })));
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_outside_can_be_written_or_read() {
    let marker = std::env::temp_dir().join(format!("jail-files-{}", std::process::id()));
    std::fs::write(&marker, "host").unwrap();
    let jail = jail().await;
    let files = jail.files();
    let up = format!("/workspace/../../../..{}", marker.display());
    assert!(matches!(files.read(&up, 100).await, Err(FileError::NotFound(_))));
    run(
        &jail,
        &format!(
            "ln -s {0} file; ln -s / root; ln -s ../../../../../../.. up; ln -s /proc/1/root proc",
            marker.display()
        ),
    )
    .await;
    assert!(matches!(files.read("/workspace/file", 100).await, Err(FileError::NotFound(_))));
    assert!(files.read(&format!("/workspace/proc{}", marker.display()), 100).await.is_err());
    assert_eq!(names(&files, "/workspace/root").await, names(&files, "/workspace/up").await);
    // Through the link it becomes a file of the sandbox's own /tmp.
    files.write("/workspace/file", "inside", 0o644).await.unwrap();
    assert_eq!(std::fs::read_to_string(&marker).unwrap(), "host");
    std::fs::remove_file(&marker).unwrap();

    run(
        &jail,
        "ln -s /etc/hostname out; ln -s /etc/new dangling; ln -s /dev/shm shm; ln -s /usr/lib lib",
    )
    .await;
    for path in [
        "/workspace/out",
        "/workspace/dangling",
        "/workspace/shm/x",
        "/workspace/lib/x",
        "/workspace/lib/new/x",
        "/etc/passwd",
        "/x",
        "/new/x",
        "/dev/shm/x",
        "/usr/bin/env",
        "/proc/self/comm",
    ] {
        assert!(
            matches!(files.write(path, "x", 0o644).await, Err(FileError::NotPermitted(_))),
            "{path}"
        );
    }
    for path in ["/etc/passwd", "/usr/bin/env", "/workspace/lib/os-release"] {
        assert!(matches!(files.remove_file(path).await, Err(FileError::NotPermitted(_))), "{path}");
    }
    assert!(matches!(
        files.rename("/etc/passwd", "/workspace/p").await,
        Err(FileError::NotPermitted(_))
    ));
    assert!(matches!(
        files.rename("/workspace/out", "/etc/p").await,
        Err(FileError::NotPermitted(_))
    ));
    assert!(matches!(files.create_dir("/etc/x", true).await, Err(FileError::NotPermitted(_))));
    assert_eq!(run(&jail, "cat /etc/hostname").await, "sandbox");
}

#[tokio::test(flavor = "multi_thread")]
async fn rights_are_those_of_the_sandbox() {
    let jail = jail().await;
    let files = jail.files();
    for path in [
        "/proc/1/environ",
        "/proc/1/mem",
        "/proc/self/environ",
        "/proc/cpuinfo",
        "/proc",
        "/proc/1/root/etc/passwd",
        "/proc/self/exe",
    ] {
        let error = files.read(path, 1 << 20).await.unwrap_err();
        assert!(
            matches!(error, FileError::NotPermitted(_) | FileError::InvalidPath { .. }),
            "{path}: {error}"
        );
    }
    run(&jail, "echo > closed; chmod 000 closed; mkdir shut; echo > shut/f; chmod 000 shut").await;
    assert!(matches!(files.read("/workspace/closed", 10).await, Err(FileError::NotPermitted(_))));
    assert!(matches!(
        files.write("/workspace/closed", "x", 0o644).await,
        Err(FileError::NotPermitted(_))
    ));
    assert!(matches!(files.read("/workspace/shut/f", 10).await, Err(FileError::NotPermitted(_))));
    if std::fs::metadata("/etc/shadow").is_ok() {
        let error = files.read("/etc/shadow", 10).await.unwrap_err();
        assert!(matches!(error, FileError::NotFound(_)), "{error}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_file_is_refused_without_waiting() {
    let jail = jail().await;
    let files = jail.files();
    run(&jail, "mkfifo fifo; python3 -c 'import socket; socket.socket(socket.AF_UNIX).bind(\"sock\")' || true").await;
    // A writer waits for a reader, and a look at the file must not be taken for one.
    let mut writer = jail.spawn(sh("echo data > fifo")).await.unwrap();
    for path in [
        "/workspace/fifo",
        "/workspace/sock",
        "/dev/null",
        "/dev/zero",
        "/dev/tty",
        "/dev/ptmx",
        "/dev/pts/ptmx",
    ] {
        let Some(_) = files.stat(path).await.unwrap() else { continue };
        assert!(matches!(files.read(path, 10).await, Err(FileError::NotRegular(_))), "{path}");
        assert!(
            matches!(files.write(path, "x", 0o644).await, Err(FileError::NotRegular(_))),
            "{path}"
        );
    }
    assert_eq!(run(&jail, "cat fifo").await, "data");
    writer.process.wait().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn sizes_are_limited() {
    let spec =
        Spec { limits: Limits { disk_bytes: 1 << 20, ..Limits::default() }, ..Spec::default() };
    let jail = Jail::start(spec).await.unwrap();
    let files = jail.files();
    files.write("/workspace/f", vec![7; 1000], 0o644).await.unwrap();
    assert!(files.read("/workspace/f", 1000).await.is_ok());
    assert!(matches!(
        files.read("/workspace/f", 999).await,
        Err(FileError::TooLarge { size: 1000, max: 999, .. })
    ));
    assert!(matches!(
        files.write("/workspace/big", vec![0; 2 << 20], 0o644).await,
        Err(FileError::NoSpace(_))
    ));
    files.remove_file("/workspace/big").await.unwrap();
    // One limit for both directories.
    files.write("/tmp/most", vec![0; 900 << 10], 0o644).await.unwrap();
    assert!(matches!(
        files.write("/workspace/rest", vec![0; 500 << 10], 0o644).await,
        Err(FileError::NoSpace(_))
    ));
    assert_ne!(
        attempt(&jail, "head -c 600000 /dev/zero > /tmp/more").await.1,
        orkestr_local::jail::Exit::Code(0)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flipping_link_never_leads_out() {
    let secret = std::env::temp_dir().join(format!("jail-secret-{}", std::process::id()));
    std::fs::write(&secret, "host").unwrap();
    let jail = jail().await;
    let files = jail.files();
    run(&jail, "mkdir real; echo inside > real/passwd").await;
    let flip = jail
        .spawn(sh(&format!(
            "while :; do ln -sfn real flip; ln -sfn /etc flip; ln -sfn /proc/self flip; ln -sfn ../../../../../../..{} flip; done",
            secret.parent().unwrap().display()
        )))
        .await
        .unwrap();
    let host = std::fs::read_to_string("/etc/passwd").unwrap();
    let secret_name = secret.file_name().unwrap().to_str().unwrap();
    for _ in 0..2000 {
        if let Ok(Content::File { bytes, .. }) = files.read("/workspace/flip/passwd", 1 << 20).await
        {
            assert_ne!(bytes, host.as_bytes());
        }
        assert!(files.read(&format!("/workspace/flip/{secret_name}"), 100).await.is_err());
        let _ = files.write("/workspace/flip/written", "x", 0o644).await;
        if let Ok(Content::File { bytes, .. }) =
            files.read("/workspace/flip/environ", 1 << 20).await
        {
            panic!("{}", String::from_utf8_lossy(&bytes));
        }
    }
    flip.process.signal_group(libc::SIGKILL).await.unwrap();
    std::fs::remove_file(&secret).unwrap();
    assert!(!secret.with_file_name("written").exists());
    assert_eq!(run(&jail, "ls /etc/written 2>/dev/null || echo none").await, "none");
}

#[tokio::test(flavor = "multi_thread")]
async fn files_after_the_end() {
    let jail = jail().await;
    let files = jail.files();
    files.write("/workspace/f", "x", 0o644).await.unwrap();
    let (mut open, _) = files.open_read("/workspace/f").await.unwrap();
    drop(jail);
    support::eventually("the sandbox ends", async || {
        matches!(files.read("/workspace/f", 1).await, Err(FileError::AgentGone(_)))
    })
    .await;
    // What was open stays open, like any removed file.
    assert_eq!(std::io::read_to_string(&mut open).unwrap(), "x");
}
