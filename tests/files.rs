//! Files written, read, listed and removed, against the local server.

mod local_support;

use std::time::{Duration, SystemTime};

use local_support::{TEMPLATE, TestResult, failure, in_time, refused, sandbox, server};
use orkestr::{Error, ErrorKind, FileEntry, Files, MAX_CONTENT_BYTES, Sandbox, Timestamp};

/// Bytes without a pattern, the same ones each time (xorshift).
fn noise(length: usize) -> Vec<u8> {
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let words = std::iter::repeat_with(|| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()
    });
    words.flatten().take(length).collect()
}

fn names(entries: &[FileEntry]) -> Vec<&str> {
    entries.iter().map(|entry| entry.name.as_str()).collect()
}

#[tokio::test]
async fn text_and_bytes_of_any_size_come_back_the_same() -> TestResult {
    let (_server, sbx) = sandbox().await;
    let files = sbx.files();
    for text in ["", "a", "line\r\n\n", "\u{20ac}\u{1f980}\u{0}\u{feff}"] {
        files.write("/workspace/text", text).await?;
        assert_eq!(files.read("/workspace/text").await?, text);
    }
    for length in [0, 1, 2, 3, 1 << 20, MAX_CONTENT_BYTES] {
        let bytes = noise(length);
        files.write_bytes("/workspace/bytes", &bytes).await?;
        let read = files.read_bytes("/workspace/bytes").await?;
        assert!(read == bytes, "{length} bytes came back as {}", read.len());
    }
    Ok(())
}

#[tokio::test]
async fn more_than_one_call_carries_is_refused_with_the_remedy() -> TestResult {
    let (_server, sbx) = sandbox().await;
    let files = sbx.files();
    let content = vec![0; MAX_CONTENT_BYTES + 1];
    let error = refused(files.write_bytes("/workspace/big", &content).await);
    assert!(error.message().contains("presign_upload"), "{error}");
    failure(files.read_bytes("/workspace/big").await, ErrorKind::NotFound);

    let command = format!("head -c {} /dev/zero > big", content.len());
    sbx.exec(command).await?;
    let error = failure(files.read_bytes("/workspace/big").await, ErrorKind::Api);
    assert!(error.message().contains("16777216"), "{error}");
    Ok(())
}

#[tokio::test]
async fn any_name_that_linux_allows_can_be_used() -> TestResult {
    let (_server, sbx) = sandbox().await;
    let files = sbx.files();
    let longest = "n".repeat(255);
    let mut all = vec![
        "a b",
        " ",
        "\u{20ac} \u{1f980}",
        "it's",
        "\"quoted\"",
        "`$(id)`",
        "line\nbreak",
        "tab\t",
        "%2e",
        "%2e%2e%2fx",
        "?a=b&c#d",
        "a+b",
        "back\\slash",
        "-rf",
        "*",
        "...",
        ".hidden",
        "\u{1}\u{7f}",
        "a;b",
        "[k]=v",
        &longest,
    ];
    for name in &all {
        let path = format!("/workspace/names/{name}");
        files.write(&path, *name).await?;
        assert_eq!(files.read(&path).await?, *name);
    }
    let listed = files.list("/workspace/names").await?;
    all.sort_unstable();
    assert_eq!(names(&listed), all);
    // The names reached the file system as they are.
    let count = sbx.exec("set -- * .h* ...; echo $#").cwd("/workspace/names").await?;
    assert_eq!(count.stdout.trim(), all.len().to_string());
    for name in &all {
        files.delete(format!("/workspace/names/{name}")).await?;
    }
    assert!(files.list("/workspace/names").await?.is_empty());
    Ok(())
}

#[tokio::test]
async fn missing_directories_are_created() -> TestResult {
    let (_server, sbx) = sandbox().await;
    let files = sbx.files();
    for root in ["/workspace", "/tmp"] {
        files.write(format!("{root}/a/b/c.txt"), "deep").await?;
        assert_eq!(sbx.exec("cat a/b/c.txt").cwd(root).await?.stdout, "deep");
        let made = files.list(format!("{root}/a")).await?;
        assert!(made[0].is_dir && made[0].name == "b", "{made:?}");
        assert_eq!(sbx.exec("touch a/b/mine").cwd(root).await?.stderr, "");
    }
    files.write("/workspace/file", "").await?;
    failure(files.write("/workspace/file/below", "").await, ErrorKind::NotADirectory);
    Ok(())
}

#[tokio::test]
async fn the_mode_is_kept() -> TestResult {
    let (_server, sbx) = sandbox().await;
    let files = sbx.files();
    files.write_with_mode("/workspace/run", "#!/bin/sh\necho it runs\n", 0o755).await?;
    assert_eq!(sbx.exec("./run").await?.stdout, "it runs\n");
    for mode in [0o755, 0o600, 0o777, 0o444] {
        let path = format!("/workspace/{mode:o}");
        files.write_with_mode(&path, "", mode).await?;
        let listed = sbx.exec(format!("stat -c %a {path}")).await?;
        assert_eq!(listed.stdout.trim(), format!("{mode:o}"));
    }
    files.write("/workspace/plain", "").await?;
    assert_eq!(sbx.exec("stat -c %a plain").await?.stdout, "644\n");
    refused(files.write_with_mode("/workspace/x", "", 0o10000).await);
    Ok(())
}

#[tokio::test]
async fn writing_replaces_what_was_there() -> TestResult {
    let (_server, sbx) = sandbox().await;
    let files = sbx.files();
    for text in ["a long first text", "short", ""] {
        files.write("/workspace/a", text).await?;
        assert_eq!(files.read("/workspace/a").await?, text);
    }
    Ok(())
}

#[tokio::test]
async fn a_listing_tells_name_kind_size_mode_and_time() -> TestResult {
    let (_server, sbx) = sandbox().await;
    let files = sbx.files();
    assert!(files.list("/workspace").await?.is_empty());
    let before = SystemTime::now() - Duration::from_secs(2);
    files.write_with_mode("/workspace/b", "12345", 0o640).await?;
    files.write("/workspace/dir/inner", "").await?;
    sbx.exec("ln -s b link; ln -s nowhere broken").await?;

    let listed = files.list("/workspace").await?;
    assert_eq!(names(&listed), ["b", "broken", "dir", "link"]);
    let [b, _, dir, link] = &listed[..] else { unreachable!() };
    assert_eq!((b.is_dir, b.size, b.mode), (false, 5, 0o640));
    assert!(dir.is_dir && dir.mode == 0o755, "{dir:?}");
    assert!(!link.is_dir, "{link:?}");
    let around = Timestamp::from(before)..=Timestamp::from(SystemTime::now());
    for entry in [b, dir] {
        assert!(entry.modified_at.is_some_and(|at| around.contains(&at)), "{entry:?}");
    }
    // A slash at the end and a second one within change nothing.
    assert_eq!(files.list("/workspace/").await?, listed);
    assert_eq!(files.list("//workspace//dir/..").await?, listed);
    Ok(())
}

#[tokio::test]
async fn reading_a_directory_and_listing_a_file_are_told_apart() -> TestResult {
    let (_server, sbx) = sandbox().await;
    let files = sbx.files();
    files.write("/workspace/file", "x").await?;
    for path in ["/workspace", "/", "/usr"] {
        let error = files.read(path).await.expect_err(path);
        assert_eq!(error.kind(), ErrorKind::IsADirectory, "{error}");
    }
    let error = files.list("/workspace/file").await.expect_err("a file");
    assert_eq!(error.kind(), ErrorKind::NotADirectory, "{error}");
    failure(files.read("/workspace/file/below").await, ErrorKind::NotADirectory);
    failure(files.write("/workspace", "").await, ErrorKind::IsADirectory);

    files.write_bytes("/workspace/file", [b'a', 0xff]).await?;
    let error = files.read("/workspace/file").await.expect_err("not UTF-8");
    assert_eq!(error.kind(), ErrorKind::Decode);
    assert!(error.message().contains("read_bytes"), "{error}");
    Ok(())
}

#[tokio::test]
async fn what_is_missing_is_a_file_and_not_the_sandbox() -> TestResult {
    let (_server, sbx) = sandbox().await;
    let files = sbx.files();
    let missing = "/workspace/no/such";
    for outcome in [
        files.read(missing).await.map(drop),
        files.read_bytes(missing).await.map(drop),
        files.list(missing).await.map(drop),
        files.delete(missing).await,
    ] {
        let error = failure(outcome, ErrorKind::NotFound);
        assert!(error.is_not_found() && !error.is_sandbox_not_found(), "{error}");
        assert_eq!(error.status(), Some(404));
        assert!(error.message().contains(missing), "{error}");
    }
    Ok(())
}

#[tokio::test]
async fn delete_removes_a_file_and_refuses_a_directory() -> TestResult {
    let (_server, sbx) = sandbox().await;
    let files = sbx.files();
    files.write("/workspace/dir/file", "").await?;
    sbx.exec("ln -s dir/file link; ln -s dir dirlink; mkdir empty").await?;
    failure(files.delete("/workspace/dir").await, ErrorKind::IsADirectory);
    failure(files.delete("/workspace/empty").await, ErrorKind::IsADirectory);
    // Of a link, it is the link.
    files.delete("/workspace/link").await?;
    files.delete("/workspace/dirlink").await?;
    assert_eq!(names(&files.list("/workspace/dir").await?), ["file"]);
    files.delete("/workspace/dir/file").await?;
    failure(files.delete("/workspace/dir/file").await, ErrorKind::NotFound);
    assert_eq!(names(&files.list("/workspace").await?), ["dir", "empty"]);
    Ok(())
}

#[tokio::test]
async fn writes_outside_the_writable_roots_are_refused() -> TestResult {
    let (_server, sbx) = sandbox().await;
    let files = sbx.files();
    let not_permitted = |outcome: Result<(), Error>, path: &str| {
        let error = failure(outcome, ErrorKind::Api);
        assert_eq!(error.code(), Some("not_permitted"), "{path}: {error}");
        assert!(error.message().contains(path), "{error}");
    };
    for path in [
        "/x",
        "/usr/x",
        "/usr/bin/env",
        "/usr/new/x",
        "/etc/x",
        "/etc/passwd",
        "/home/x",
        "/root/x",
        "/proc/x",
        "/proc/self/comm",
        "/sys/x",
        "/dev/x",
        "/dev/shm/x",
        "/workspace/../etc/x",
        "/workspacex",
    ] {
        not_permitted(files.write(path, "x").await, path);
    }
    failure(files.write("/", "x").await, ErrorKind::IsADirectory);
    not_permitted(files.delete("/usr/bin/env").await, "/usr/bin/env");
    not_permitted(files.delete("/etc/passwd").await, "/etc/passwd");
    assert!(sbx.exec("test -x /usr/bin/env && test -s /etc/passwd").await?.success());
    // Refused before anything was made.
    assert!(sbx.exec("test ! -e /dev/shm/x").await?.success());
    Ok(())
}

#[tokio::test]
async fn a_path_that_is_not_absolute_is_not_sent() {
    let (_server, sbx) = sandbox().await;
    let files: Files = sbx.files();
    for path in ["", "a", "./a", "../a", "~/a", "workspace/a", "C:\\a", "/workspace/a\0b"] {
        refused(files.write(path, "").await);
        refused(files.read(path).await);
        refused(files.list(path).await);
        refused(files.delete(path).await);
    }
}

#[tokio::test]
async fn neither_a_fifo_nor_a_device_hangs_a_call() -> TestResult {
    let (_server, sbx) = sandbox().await;
    let files = sbx.files();
    sbx.exec("mkfifo fifo").await?;
    for path in ["/workspace/fifo", "/dev/zero", "/dev/random", "/dev/tty"] {
        for outcome in [
            in_time(files.read_bytes(path)).await.map(drop),
            in_time(files.list(path)).await.map(drop),
            in_time(files.write(path, "x")).await,
        ] {
            let error = outcome.expect_err(path);
            assert_eq!(error.kind(), ErrorKind::Api, "{path}: {error}");
        }
    }
    files.delete("/workspace/fifo").await
}

#[tokio::test]
async fn commands_and_the_files_api_see_the_same_files() -> TestResult {
    let (_server, sbx) = sandbox().await;
    let files = sbx.files();
    files.write("/workspace/in", "from outside\n").await?;
    sbx.exec("cat in > out; echo from inside >> out; echo more >> in; mv in moved").await?;
    assert_eq!(files.read("/workspace/out").await?, "from outside\nfrom inside\n");
    assert_eq!(files.read("/workspace/moved").await?, "from outside\nmore\n");
    files.delete("/workspace/out").await?;
    assert_eq!(sbx.exec("ls").await?.stdout, "moved\n");
    // What a command has made unreadable for itself is not read around it.
    sbx.exec("chmod 000 moved").await?;
    assert_eq!(files.read("/workspace/moved").await.expect_err("no right").status(), Some(403));
    Ok(())
}

#[tokio::test]
async fn the_files_of_two_sandboxes_are_their_own() -> TestResult {
    let server = server().await;
    let create = || Sandbox::create(TEMPLATE).client(&server.client()).into_future();
    let (one, two) = (create().await?, create().await?);
    for path in ["/workspace/mine", "/tmp/mine"] {
        one.files().write(path, "one").await?;
        failure(two.files().read(path).await, ErrorKind::NotFound);
        two.files().write(path, "two").await?;
        assert_eq!(one.files().read(path).await?, "one");
        assert_eq!(one.exec(format!("cat {path}")).await?.stdout, "one");
    }
    one.terminate().await?;
    failure(one.files().read("/workspace/mine").await, ErrorKind::SandboxNotReady);
    assert_eq!(two.files().read("/tmp/mine").await?, "two");
    Ok(())
}
