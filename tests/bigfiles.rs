//! Files of every size against the local server.

use std::io::Cursor;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures::{StreamExt as _, TryStreamExt as _};
use orkestr::{BatchFile, ErrorKind, Files, Sandbox};
use orkestr_local::LocalServer;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

const MIB: usize = 1024 * 1024;

async fn start() -> (LocalServer, Sandbox) {
    let server = LocalServer::start().await.expect("this machine allows sandboxes");
    let sbx = Sandbox::create("debian-12").client(&server.client()).await.expect("created");
    (server, sbx)
}

/// A directory of this test alone, gone with it.
struct Scratch(std::path::PathBuf);

impl Scratch {
    fn new(name: &str) -> Self {
        let name = format!("orkestr-bigfiles-{name}-{}", std::process::id());
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&path).expect("a directory");
        Self(path)
    }

    fn names(&self) -> Vec<String> {
        names(&self.0)
    }
}

fn names(path: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(path).expect("a directory");
    let mut names: Vec<String> =
        entries.map(|e| e.expect("an entry").file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Bytes in which a lost, doubled or moved chunk shows.
fn content(size: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut bytes = Vec::with_capacity(size + 8);
    while bytes.len() < size {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.extend_from_slice(&state.to_le_bytes());
    }
    bytes.truncate(size);
    bytes
}

type Reports = Arc<Mutex<Vec<(u64, u64)>>>;

fn recorded(reports: &Reports) -> impl FnMut(u64, u64) + Send + 'static {
    let reports = reports.clone();
    move |done, total| reports.lock().expect("no panic").push((done, total))
}

fn assert_complete(reports: &Reports, size: u64) {
    let reports = std::mem::take(&mut *reports.lock().expect("no panic"));
    assert_eq!(reports.first(), Some(&(0, size)));
    assert_eq!(reports.last(), Some(&(size, size)));
    assert!(reports.is_sorted(), "{reports:?}");
    assert!(reports.iter().all(|(_, total)| *total == size));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_size_goes_up_and_comes_down_as_it_was() {
    let (_server, sbx) = start().await;
    let scratch = Scratch::new("sizes");
    let files = sbx.files();
    for size in [0, 1, MIB, MIB + 1, 16 * MIB, 16 * MIB + 1, 40 * MIB] {
        let bytes = content(size);
        let up = scratch.0.join("up");
        let down = scratch.0.join("down");
        std::fs::write(&up, &bytes).expect("written");
        let reports = Reports::default();
        let path = "/workspace/made/on the way/b&ü=%.bin";
        let sent = files.upload(path).progress(recorded(&reports)).from_file(&up).await;
        assert_eq!(sent.expect("sent"), size as u64);
        assert_complete(&reports, size as u64);
        let got = files.download(path).progress(recorded(&reports)).to_file(&down).await;
        assert_eq!(got.expect("fetched"), size as u64);
        assert_complete(&reports, size as u64);
        assert!(std::fs::read(&down).expect("read") == bytes, "{size} bytes changed");
    }
    assert_eq!(scratch.names(), ["down", "up"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn readers_writers_and_streams() {
    let (_server, sbx) = start().await;
    let files = sbx.files();
    for size in [3, 2 * MIB + 7] {
        let bytes = content(size);
        let length = size as u64;
        files.upload("/tmp/r").from_reader(Cursor::new(bytes.clone()), length).await.expect("sent");
        let mut written = Vec::new();
        files.download("/tmp/r").to_writer(&mut written).await.expect("fetched");
        assert!(written == bytes);
        let chunks: Vec<_> =
            bytes.chunks(100_001).map(|c| Ok::<_, std::io::Error>(c.to_vec())).collect();
        let stream = futures::stream::iter(chunks);
        files.upload("/tmp/s").from_stream(stream, length).await.expect("sent");
        let stream = files.download("/tmp/s").stream().await.expect("begun");
        assert_eq!(stream.total(), Some(length));
        assert!(stream.try_concat().await.expect("fetched") == bytes);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_source_of_another_length_is_refused() {
    let (_server, sbx) = start().await;
    let files = sbx.files();
    for size in [0, 1, MIB, 3 * MIB] {
        for (has, word) in [(size + 1, "more"), (size.saturating_sub(1), "only")] {
            if has == size {
                continue;
            }
            let upload = files.upload("/workspace/x");
            let error = upload.from_reader(Cursor::new(content(has)), size as u64).await;
            let error = error.expect_err("another length");
            assert_eq!(error.kind(), ErrorKind::Io, "{error}");
            assert!(error.message().contains(word), "{error}");
            assert!(error.message().contains(&size.to_string()), "{error}");
        }
    }
    let broken = [Ok(vec![0; MIB]), Err(std::io::Error::other("the tape is torn"))];
    let upload = files.upload("/workspace/x");
    let error = upload.from_stream(futures::stream::iter(broken), 2 * MIB as u64).await;
    let error = error.expect_err("a broken source");
    assert_eq!(error.kind(), ErrorKind::Io);
    let source = std::error::Error::source(&error).expect("a source").to_string();
    assert_eq!(source, "the tape is torn");
}

#[tokio::test]
async fn what_is_not_there_leaves_nothing_behind() {
    let (_server, sbx) = start().await;
    let scratch = Scratch::new("missing");
    let files = sbx.files();
    let target = scratch.0.join("got");
    let error = files.download("/workspace/none").to_file(&target).await.expect_err("missing");
    assert_eq!(error.kind(), ErrorKind::NotFound);
    let error = files.download("/workspace").to_file(&target).await.expect_err("a directory");
    assert_eq!(error.kind(), ErrorKind::IsADirectory);
    assert!(scratch.names().is_empty());
    files.write("/workspace/a", "a").await.expect("written");
    let nowhere = scratch.0.join("no/such/a");
    let error = files.download("/workspace/a").to_file(&nowhere).await.expect_err("no directory");
    assert_eq!(error.kind(), ErrorKind::Io);
    assert!(error.message().contains("no/such/a"), "{error}");
    let error = files.download("/workspace/a").to_file(&scratch.0).await.expect_err("a directory");
    assert_eq!(error.kind(), ErrorKind::Io);
    let error = files.upload("/workspace/b").from_file(nowhere).await.expect_err("no source");
    assert_eq!(error.kind(), ErrorKind::Io);
    let error = files.upload("/usr/b").from_reader(Cursor::new("b"), 1).await.expect_err("outside");
    assert_eq!((error.kind(), error.code()), (ErrorKind::Api, Some("not_permitted")));
    let large = Cursor::new(content(2 * MIB));
    let error = files.upload("/usr/b").from_reader(large, 2 * MIB as u64).await;
    assert_eq!(error.expect_err("outside").kind(), ErrorKind::Api);
    assert!(scratch.names().is_empty());
}

/// Forwards one connection after the other, each at most `limit` bytes of answer.
async fn cutting_proxy(to: std::net::SocketAddr, limit: u64) -> std::net::SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            tokio::spawn(async move {
                let server = TcpStream::connect(to).await.expect("the server");
                let (mut from_client, mut to_client) = client.into_split();
                let (from_server, mut to_server) = server.into_split();
                let up = tokio::io::copy(&mut from_client, &mut to_server);
                let mut answer = from_server.take(limit);
                let down = tokio::io::copy(&mut answer, &mut to_client);
                tokio::select! { _ = up => {} _ = down => {} }
                let _ = to_client.shutdown().await;
            });
        }
    });
    address
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cut_download_leaves_the_local_file_as_it_was() {
    let (server, sbx) = start().await;
    let scratch = Scratch::new("cut");
    let size = 8 * MIB;
    let upload = sbx.files().upload("/workspace/big");
    upload.from_reader(Cursor::new(content(size)), size as u64).await.expect("sent");
    // The presigned URL names the host by which the server was asked, so it is cut too.
    let proxy = cutting_proxy(server.address(), 3 * MIB as u64).await;
    let client = orkestr::Client::builder()
        .api_key(server.api_key().clone())
        .base_url(format!("http://{proxy}"))
        .build()
        .expect("a client");
    let cut = Sandbox::get(sbx.id()).client(&client).await.expect("attached");
    let target = scratch.0.join("got");
    for before in [None, Some("old")] {
        if let Some(before) = before {
            std::fs::write(&target, before).expect("written");
        }
        let error = cut.files().download("/workspace/big").to_file(&target).await;
        let error = error.expect_err("cut");
        assert_eq!(error.kind(), ErrorKind::Connection, "{error}");
        let text = format!("{error} {error:?}");
        assert!(!text.contains("signature"), "{text}");
        let left: Vec<_> = before.iter().map(|_| "got").collect();
        assert_eq!(scratch.names(), left);
    }
    assert_eq!(std::fs::read_to_string(&target).expect("read"), "old");
    let stream = cut.files().download("/workspace/big").stream().await.expect("begun");
    let last = stream.collect::<Vec<_>>().await.pop().expect("an end");
    assert_eq!(last.expect_err("cut").kind(), ErrorKind::Connection);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dropped_download_leaves_nothing() {
    let (_server, sbx) = start().await;
    let scratch = Scratch::new("dropped");
    let size = 8 * MIB;
    let upload = sbx.files().upload("/workspace/big");
    upload.from_reader(Cursor::new(content(size)), size as u64).await.expect("sent");
    let (begun, seen) = tokio::sync::oneshot::channel();
    let mut begun = Some(begun);
    let download = sbx.files().download("/workspace/big").progress(move |done, _| {
        if done > 0
            && let Some(begun) = begun.take()
        {
            let _ = begun.send(());
        }
    });
    let target = scratch.0.join("got");
    tokio::select! {
        biased;
        _ = seen => {}
        _ = download.to_file(&target) => panic!("it was to be dropped before its end"),
    }
    assert!(scratch.names().is_empty());
}

#[tokio::test]
async fn a_batch_keeps_the_callers_order() {
    let (_server, sbx) = start().await;
    let files = sbx.files();
    let bad = |index: usize| match index {
        7 => Some(("relative".to_owned(), ErrorKind::InvalidInput, None)),
        70 => Some(("/etc/hostile".to_owned(), ErrorKind::Api, Some("not_permitted"))),
        149 => Some(("/workspace".to_owned(), ErrorKind::IsADirectory, Some("is_a_directory"))),
        _ => None,
    };
    let path = |index: usize| bad(index).map_or(format!("/workspace/d/f{index}"), |bad| bad.0);
    let rows = files.write_batch((0..150).map(|index| (path(index), format!("{index}")))).await;
    assert_eq!(rows.len(), 150);
    for (index, row) in rows.iter().enumerate() {
        assert_eq!(row.path, path(index));
        match (bad(index), &row.result) {
            (None, Ok(size)) => assert_eq!(*size, index.to_string().len() as u64),
            (Some((_, kind, code)), Err(error)) => {
                assert_eq!((error.kind(), error.code()), (kind, code));
            }
            (_, result) => panic!("row {index}: {result:?}"),
        }
    }
    assert_eq!(files.list("/workspace/d").await.expect("listed").len(), 147);
    assert_eq!(files.read("/workspace/d/f148").await.expect("read"), "148");
    // 3 x 7 MiB need two calls; a file above 16 MiB fails alone.
    let large = [7 * MIB, 16 * MIB + 1, 7 * MIB, 7 * MIB];
    let large =
        large.iter().enumerate().map(|(i, n)| BatchFile::new(format!("/tmp/{i}"), vec![0; *n]));
    let rows = files.write_batch(large).await;
    let kinds: Vec<_> =
        rows.iter().map(|row| row.result.as_ref().err().map(|e| e.kind())).collect();
    assert_eq!(kinds, [None, Some(ErrorKind::InvalidInput), None, None]);
    assert!(files.write_batch(Vec::<BatchFile>::new()).await.is_empty());
}

#[tokio::test]
async fn a_batch_on_an_ended_sandbox_fails_in_every_row() {
    let (_server, sbx) = start().await;
    sbx.terminate().await.expect("terminated");
    let rows = sbx.files().write_batch((0..65).map(|i| (format!("/tmp/{i}"), "x"))).await;
    assert!(rows.iter().all(|row| {
        row.result.as_ref().is_err_and(|error| error.kind() == ErrorKind::SandboxNotReady)
    }));
    let last = rows[64].result.as_ref().expect_err("not sent");
    assert!(last.message().contains("not sent"), "{last}");
}

#[tokio::test]
async fn paths_are_made_looked_at_and_moved() {
    let (_server, sbx) = start().await;
    let files = sbx.files();
    assert_eq!(files.stat("/workspace/a").await.expect("asked"), None);
    files.mkdir("/workspace/a/b").await.expect("made");
    files.mkdir("/workspace/a/b").await.expect("already there");
    assert!(files.stat("/workspace/a").await.expect("asked").expect("there").is_dir);
    files.write_with_mode("/workspace/a/x", "123", 0o750).await.expect("written");
    files.rename("/workspace/a/x", "/workspace/a/b/y z").await.expect("moved");
    assert!(!files.exists("/workspace/a/x").await.expect("asked"));
    let stat = files.stat("/workspace/a/b/y z").await.expect("asked").expect("there");
    assert_eq!((stat.is_dir, stat.size, stat.mode), (false, Some(3), 0o750));
    assert!(stat.modified_at.is_some());
    let error = files.rename("/workspace/none", "/workspace/b").await.expect_err("missing");
    assert_eq!(error.kind(), ErrorKind::NotFound);
    let error = files.mkdir("/usr/x").await.expect_err("outside");
    assert_eq!(error.code(), Some("not_permitted"));
    let error = files.mkdir("/workspace/a/b/y z/c").await.expect_err("a file in the way");
    assert_eq!(error.kind(), ErrorKind::NotADirectory);
}

#[tokio::test]
async fn presigned_urls_hold_what_they_promise_and_no_more() {
    let (server, sbx) = start().await;
    let files = sbx.files();
    let http = reqwest::Client::builder().no_proxy().build().expect("a client");
    let status = |response: Result<reqwest::Response, reqwest::Error>| {
        response.expect("an answer").status().as_u16()
    };
    let put = files.presign_upload("/workspace/p").expires_in(Duration::from_secs(60)).await;
    let put = put.expect("signed");
    for body in ["first", "second"] {
        assert_eq!(status(http.put(put.url.expose()).body(body).send().await), 200);
    }
    assert_eq!(files.read("/workspace/p").await.expect("read"), "second");
    let get = files.presign_download("/workspace/p").await.expect("signed");
    let url = get.url.expose();
    for _ in 0..2 {
        let response = http.get(url).send().await.expect("an answer");
        assert_eq!(response.headers()["content-length"], "6");
        assert_eq!(response.text().await.expect("text"), "second");
    }
    // Another method, path, lifetime or signature, or none.
    assert_eq!(status(http.get(put.url.expose()).send().await), 403);
    assert_eq!(status(http.put(url).body("x").send().await), 403);
    let longer = url.replace("expires=", "expires=1");
    for wrong in [
        url.replace("workspace%2Fp", "etc%2Fpasswd"),
        longer,
        url.replace("signature=", "signature=0"),
    ] {
        assert_ne!(wrong, url);
        assert_eq!(status(http.get(wrong).send().await), 403);
    }
    assert_eq!(status(http.get(url.split('?').next().expect("a path")).send().await), 403);
    let other = Sandbox::create("debian-12").client(&server.client()).await.expect("created");
    assert_eq!(status(http.get(url.replace(sbx.id(), other.id())).send().await), 403);
    // Chunked, which is without a length.
    let chunked = reqwest::Body::wrap_stream(futures::stream::iter([Ok::<_, std::io::Error>("x")]));
    assert_eq!(status(http.put(put.url.expose()).body(chunked).send().await), 411);
    let missing = files.presign_download("/workspace/none").await.expect_err("missing");
    assert_eq!(missing.kind(), ErrorKind::NotFound);
    sbx.terminate().await.expect("terminated");
    assert_eq!(status(http.get(url).send().await), 409);
}

/// A client that goes away in the middle of its PUT leaves what was there.
#[tokio::test]
async fn a_cut_upload_changes_nothing() {
    let (_server, sbx) = start().await;
    let files = sbx.files();
    for before in [None, Some("before")] {
        if let Some(content) = before {
            files.write("/workspace/cut", content).await.expect("written");
        }
        let there = files.list("/workspace").await.expect("listed").len();
        let url = files.presign_upload("/workspace/cut").await.expect("signed");
        let rest = url.url.expose().strip_prefix("http://").expect("plain HTTP");
        let (host, path) = rest.split_once('/').expect("a path");
        let mut connection = TcpStream::connect(host).await.expect("connected");
        let head =
            format!("PUT /{path} HTTP/1.1\r\nhost: {host}\r\ncontent-length: 1000\r\n\r\nhalf");
        connection.write_all(head.as_bytes()).await.expect("sent");
        until(&files, there + 1).await;
        drop(connection);
        until(&files, there).await;
        assert_eq!(files.exists("/workspace/cut").await.expect("asked"), before.is_some());
        if let Some(content) = before {
            assert_eq!(files.read("/workspace/cut").await.expect("read"), content);
        }
    }
}

#[tokio::test]
async fn a_directory_is_not_replaced() {
    let (_server, sbx) = start().await;
    let files = sbx.files();
    files.mkdir("/workspace/dir").await.expect("made");
    for size in [1, 2 * MIB] {
        let upload = files.upload("/workspace/dir");
        let sent = upload.from_reader(Cursor::new(content(size)), size as u64).await;
        assert_eq!(sent.expect_err("a directory").kind(), ErrorKind::IsADirectory);
    }
    assert_eq!(files.list("/workspace").await.expect("listed").len(), 1);
}

/// Asks until so many entries are there; not without end.
async fn until(files: &Files, count: usize) {
    let asking = async { while files.list("/workspace").await.expect("listed").len() != count {} };
    let patience = Duration::from_secs(60);
    tokio::time::timeout(patience, asking).await.expect("the file comes and goes");
}
