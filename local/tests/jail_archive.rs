//! Packing what a sandbox holds, and unpacking it in others.

mod support;

use std::fs::File;
use std::io::{Seek as _, SeekFrom};
use std::os::unix::fs::MetadataExt as _;

use orkestr_local::jail::{Error, Jail, Limits, Spec};
use support::{attempt, jail, line, run, sh};

/// A file without a name.
fn unnamed() -> File {
    let path = std::env::temp_dir().join(format!("jail-archive-{}", std::process::id()));
    // Tests of one process may take the same name one after the other.
    static TURN: std::sync::Mutex<()> = std::sync::Mutex::new(());
    let _turn = TURN.lock();
    let file = File::options().read(true).write(true).create_new(true).open(&path);
    let file = file.expect("a temporary file");
    std::fs::remove_file(&path).expect("it was just made");
    file
}

async fn packed(jail: &Jail) -> File {
    let archive = unnamed();
    jail.pack(&archive).await.expect("packed");
    archive
}

async fn unpacked(archive: &File) -> Jail {
    let jail = jail().await;
    jail.unpack(archive).await.expect("unpacked");
    jail
}

/// Everything that is to survive, in one text: kind, mode, size, time to the nanosecond, target, number of names; and
/// the bytes.
const MANIFEST: &str = r"for root in /workspace /tmp; do cd $root
    find . -printf '%P|%y|%m|%s|%T@|%l|%n\n' | LC_ALL=C sort
    find . -type f -readable -exec cksum {} + | LC_ALL=C sort; done";

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_is_the_same_tree() {
    let source = jail().await;
    run(
        &source,
        r#"mkdir -p a/b empty a/locked; echo one > a/one; echo two > 'a/b/two words'
        printf 'with\nnewline' > "$(printf 'new\nline')"; echo x > "$(printf '\377\376')"; echo x > -rf
        : > nothing; head -c 300000 /dev/urandom > random; printf '\0' > a/nul
        ln -s one a/to-one; ln -s /etc/passwd to-host; ln -s nowhere dangling; ln -s ../../../.. up
        ln a/one a/b/again; ln a/one third; ln /tmp /tmp/x 2>/dev/null; echo t > /tmp/t; ln /tmp/t /tmp/u
        ln -s "$(head -c 3000 /dev/zero | tr '\0' a)" long-target
        mkfifo -m 640 fifo; chmod 4755 a/one; chmod 1777 empty; chmod 2711 a/b
        truncate -s 5M hole; printf end | dd of=hole bs=1 seek=3000000 conv=notrunc status=none
        touch -d @-86400.123456789 a/nul; touch -d '2001-02-03 04:05:06.7' a a/b; touch -h -d @77.5 dangling
        touch -d @1234567890.987654321 /tmp /workspace; echo s > a/locked/s"#,
    )
    .await;
    let before = run(&source, MANIFEST).await;
    run(&source, "cp -p random a/locked/; touch -d @5 a/locked a/locked/*; touch -d '2001-02-03 04:05:06.7' a").await;
    let copy = unpacked(&packed(&source).await).await;
    let expected = run(&source, MANIFEST).await;
    assert_ne!(before, expected);
    assert_eq!(run(&copy, MANIFEST).await, expected);
    assert!(expected.lines().count() > 40, "{expected}");
    let blocks = "stat -c %b hole; stat -c %i a/one a/b/again third | uniq | wc -l; stat -c %i /tmp/t /tmp/u | uniq | wc -l";
    let (source_blocks, copy_blocks) = (run(&source, blocks).await, run(&copy, blocks).await);
    assert_eq!(source_blocks, copy_blocks);
    assert_eq!(copy_blocks.lines().skip(1).collect::<Vec<_>>(), ["1", "1"], "{copy_blocks}");
    assert!(copy_blocks.lines().next().and_then(|blocks| blocks.parse::<u32>().ok()) < Some(100));
    // Nothing of the work is left.
    assert_eq!(run(&copy, "ls -A /workspace /tmp | grep orkestr | wc -l").await, "0");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_locked_is_copied_and_stays_locked() {
    let source = jail().await;
    run(&source, "mkdir -p d/e; echo secret > d/e/f; chmod 000 d/e/f; chmod 000 d/e; chmod 311 d")
        .await;
    run(&source, "echo x > g; chmod 200 g; touch -d @99 g d; chmod 000 /workspace").await;
    let copy = unpacked(&packed(&source).await).await;
    for jail in [&source, &copy] {
        let modes = "cd / && stat -c '%a' /workspace && chmod 700 /workspace && cd /workspace && stat -c '%a %Y' d g &&
            chmod 700 d && stat -c %a d/e && chmod 700 d/e && stat -c %a d/e/f && chmod 400 d/e/f && cat d/e/f";
        let mut command = sh(modes);
        command.cwd = "/".into();
        let (out, err, _) = support::collect(jail.spawn(command).await.expect("spawn")).await;
        assert_eq!(out, "0\n311 99\n200 99\n0\n0\nsecret\n", "{err}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tree_deeper_than_any_path() {
    let source = jail().await;
    // 2000 levels a time: longer than a path may be in all.
    let deep = "p=$(head -c 2000 /dev/zero | sed 's,\\x0,d/,g'); mkdir -p $p; cd -P $p; mkdir -p $p; cd -P $p;
        mkdir -p $p; cd -P $p; echo bottom > f; ln f g";
    run(&source, deep).await;
    let archive = packed(&source).await;
    let copy = unpacked(&archive).await;
    let find = "p=$(head -c 2000 /dev/zero | sed 's,\\x0,d/,g'); cd -P $p; cd -P $p; cd -P $p; cat f; stat -c %h g";
    assert_eq!(run(&copy, find).await, "bottom\n2");
    assert_eq!(run(&source, find).await, "bottom\n2");
    assert!(archive.metadata().expect("a file").len() < 1 << 20);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_huge_hole_stays_one() {
    let source = jail().await;
    run(&source, "truncate -s 8E huge 2>/dev/null || truncate -s 1T huge; truncate -s 1T other")
        .await;
    run(&source, "printf x | dd of=other bs=1 seek=1G conv=notrunc status=none").await;
    let archive = packed(&source).await;
    assert!(archive.metadata().expect("a file").len() < 1 << 20);
    let copy = unpacked(&archive).await;
    let sizes = "stat -c '%n %s' *; du -sk . | cut -f1";
    assert_eq!(run(&copy, sizes).await, run(&source, sizes).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn processes_stand_still_meanwhile_and_go_on() {
    let source = jail().await;
    // Two files that are always equal or one apart: a copy that is taken at one moment shows no more.
    let script = "n=0; echo up; while :; do n=$((n+1)); echo $n > one; echo $n > two; done";
    run(
        &source,
        "echo 0 > one; echo 0 > two; head -c 30000000 /dev/zero | tr '\\0' x > /workspace/big",
    )
    .await;
    let mut child = source.spawn(sh(script)).await.expect("spawn");
    assert_eq!(line(&mut child.stdout).await, "up");
    for _ in 0..3 {
        let (archive, also) = (unnamed(), unnamed());
        // A command that is asked for meanwhile runs, and two that pack take turns.
        let (first, second, out) =
            tokio::join!(source.pack(&archive), source.pack(&also), run(&source, "echo ran"));
        first.expect("packed");
        second.expect("packed");
        assert_eq!(out, "ran");
        for archive in [archive, also] {
            let copy = unpacked(&archive).await;
            let apart =
                run(&copy, "one=$(cat one) two=$(cat two); echo $((${one:-0} - ${two:-0}))").await;
            // A file that is being written may just have been emptied.
            let empty = run(&copy, "[ -s one ] && [ -s two ] || echo empty").await;
            assert!(matches!(apart.as_str(), "0" | "1") || empty == "empty", "{apart}");
        }
        let now = run(&source, "cat two; cat two").await;
        support::eventually("it goes on", async || run(&source, "cat two; cat two").await != now)
            .await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_stopped_inside_stays_stopped() {
    let source = jail().await;
    let script = "sleep 600 & echo $! > pid; kill -STOP $!; while [ \"$(cut -d' ' -f3 /proc/$!/stat)\" != T ]; do :; done; echo up; sleep 600";
    let mut child = source.spawn(sh(script)).await.expect("spawn");
    assert_eq!(line(&mut child.stdout).await, "up");
    packed(&source).await;
    assert_eq!(run(&source, "cut -d' ' -f3 /proc/$(cat pid)/stat").await, "T");
    // The others go on: the shell's own sleep is no longer stopped.
    let others =
        "for stat in /proc/[0-9]*/stat; do cut -d' ' -f2,3 $stat; done | grep -c 'sleep) S'";
    support::eventually("the other goes on", async || run(&source, others).await == "1").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_frozen_sandbox_is_packed_and_stays_frozen() {
    let source = jail().await;
    run(&source, "echo kept > f").await;
    source.freeze().await.expect("frozen");
    let copy = unpacked(&packed(&source).await).await;
    assert!(matches!(source.spawn(sh("true")).await, Err(Error::Frozen)));
    assert_eq!(run(&copy, "cat f; echo changed > f; cat f").await, "kept\nchanged");
    source.thaw().await.expect("thawed");
    assert_eq!(run(&source, "cat f").await, "kept");
}

#[tokio::test(flavor = "multi_thread")]
async fn one_archive_fills_many_at_the_same_time() {
    let source = jail().await;
    run(&source, "for n in 1 2 3 4 5 6 7 8; do head -c 500000 /dev/urandom > $n; done").await;
    let archive = packed(&source).await;
    let expected = run(&source, MANIFEST).await;
    let copies = (0..4).map(|_| unpacked(&archive));
    for copy in futures::future::join_all(copies).await {
        assert_eq!(run(&copy, MANIFEST).await, expected);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_does_not_fit_or_is_not_whole_is_an_error() {
    let source = jail().await;
    run(&source, "head -c 3000000 /dev/zero | tr '\\0' x > f; echo last > z").await;
    let archive = packed(&source).await;
    let spec =
        Spec { limits: Limits { disk_bytes: 1 << 20, ..Limits::default() }, ..Spec::default() };
    let small = Jail::start(spec).await.expect("a sandbox");
    assert!(matches!(small.unpack(&archive).await, Err(Error::DiskFull)));
    let length = archive.metadata().expect("a file").len();
    for cut in [length - 1, length / 2, 10, 0] {
        let mut part = unnamed();
        let mut whole = archive.try_clone().expect("a copy");
        whole.seek(SeekFrom::Start(0)).expect("a file");
        std::io::copy(&mut std::io::Read::take(whole, cut), &mut part).expect("copied");
        let error = jail().await.unpack(&part).await.expect_err("not whole");
        assert!(matches!(error, Error::Io(_)), "{error}");
    }
    source.kill().await;
    assert!(matches!(source.pack(&unnamed()).await, Err(Error::AgentGone)));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_archive_that_cannot_be_written_is_an_error_and_nothing_stays_stopped() {
    let source = jail().await;
    run(&source, "mkdir d; echo x > d/f; chmod 000 d").await;
    let full = File::options().write(true).open("/dev/full").expect("a device");
    let error = source.pack(&full).await.expect_err("it is full");
    assert!(matches!(&error, Error::Io(cause) if cause.raw_os_error() == Some(28)), "{error}");
    assert_eq!(run(&source, "stat -c %a d").await, "0");
    assert!(packed(&source).await.metadata().expect("a file").size() > 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_lies_on_top_is_not_packed() {
    let place = std::env::temp_dir().join(format!("on-top-{}", std::process::id()));
    std::fs::create_dir_all(place.join("deeper")).expect("a directory");
    std::fs::write(place.join("deeper/f"), "host").expect("a file");
    let spec = || Spec { read_only_paths: vec![place.join("deeper")], ..Spec::default() };
    let source = Jail::start(spec()).await.expect("a sandbox");
    run(&source, "echo own > /tmp/own").await;
    let archive = packed(&source).await;
    let copy = Jail::start(spec()).await.expect("a sandbox");
    copy.unpack(&archive).await.expect("unpacked");
    let bare = unpacked(&archive).await;
    let path = place.join("deeper/f");
    assert_eq!(run(&copy, &format!("cat {} /tmp/own", path.display())).await, "hostown");
    assert_eq!(
        attempt(&bare, &format!("cat {} 2>/dev/null; cat /tmp/own", path.display())).await.0,
        "own\n"
    );
    std::fs::remove_dir_all(place).expect("it is there");
}
