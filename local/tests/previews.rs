//! A port of a sandbox, reached from outside.

mod inside;
mod support;

use std::time::Duration;

use inside::{listen, sandbox, server};
use orkestr::{ErrorKind, NetworkMode, PreviewUrl, Sandbox};
use orkestr_local::LocalServer;
use support::{eventually, http};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// The program that listens inside; see `inside`.
#[test]
fn helper() {
    inside::helper();
}

const PORT: u16 = 8080;

/// The whole answer to one request.
async fn get(preview: &PreviewUrl, path: &str, headers: &str) -> String {
    let address = preview.host().parse().expect("an address");
    let request = format!("GET {path} HTTP/1.1\r\nConnection: close\r\n{headers}\r\n");
    in_time(http(address, request)).await
}

async fn in_time<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(60), future).await.expect("it hangs")
}

const HOST: &str = "Host: localhost\r\n";

#[track_caller]
fn is_status(answer: &str, status: u16) {
    assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "not {status}: {answer}");
}

/// A preview of a web server that answers.
async fn serving(sbx: &Sandbox, port: u16) -> PreviewUrl {
    listen(sbx, &format!("127.0.0.1:{port}")).await;
    let preview = sbx.preview_url(port).await.expect("a preview");
    eventually("it listens", async || !get(&preview, "/", HOST).await.contains("502")).await;
    preview
}

async fn connect(preview: &PreviewUrl) -> TcpStream {
    TcpStream::connect(preview.host()).await.expect("a connection")
}

/// Reads until this has come.
async fn expect(stream: &mut TcpStream, text: &str) -> String {
    let mut read = Vec::new();
    while !String::from_utf8_lossy(&read).contains(text) {
        let count = in_time(stream.read_buf(&mut read)).await.expect("more");
        assert!(count > 0, "no {text:?} in {}", String::from_utf8_lossy(&read));
    }
    String::from_utf8_lossy(&read).into_owned()
}

#[tokio::test]
async fn a_port_is_reached_whatever_the_network() {
    let server = server().await;
    let free = {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        listener.local_addr().expect("an address").port()
    };
    for (network, port) in
        [(NetworkMode::Off, PORT), (NetworkMode::Restricted, PORT), (NetworkMode::Open, free)]
    {
        let sbx = sandbox(&server, network.clone()).await;
        let preview = serving(&sbx, port).await;
        let answer =
            get(&preview, "/a%20b?c=d", "Host: localhost:1\r\nX-Two: 2\r\nTE: x\r\n").await;
        is_status(&answer, 203);
        let (head, inside) = answer.split_once("\r\n\r\n").expect("a body");
        assert!(head.contains("x-one: 1") && !head.contains("x-hop"), "{head}");
        let inside = inside.to_lowercase();
        assert!(inside.starts_with("get /a%20b?c=d http/1.1\r\n"), "{network}: {inside}");
        assert!(inside.contains("host: localhost:1\r\n") && inside.contains("x-two: 2\r\n"));
        assert!(inside.contains("via: 1.1 sbx_") && !inside.contains("te: x"), "{inside}");
        let again = sbx.host_info(port).await.expect("a host");
        assert_eq!((again.port, again.host.as_str()), (port, preview.host()));
        assert_eq!(sbx.get_host(port).await.expect("a host"), again.host);
        assert_eq!(again.url, format!("http://{}", again.host));
        assert_eq!(preview.expose(), again.url);
    }
}

#[tokio::test]
async fn what_listens_on_ipv6_alone_is_reached_too() {
    let server = server().await;
    let sbx = sandbox(&server, NetworkMode::Off).await;
    let has_v6 = std::net::TcpListener::bind("[::1]:0").is_ok();
    listen(&sbx, &format!("[::1]:{PORT}")).await;
    let preview = sbx.preview_url(PORT).await.expect("a preview");
    if has_v6 {
        eventually("it listens", async || !get(&preview, "/", HOST).await.contains("502")).await;
    }
    is_status(&get(&preview, "/", HOST).await, if has_v6 { 203 } else { 502 });
}

#[tokio::test]
async fn bodies_stream_both_ways() {
    let server = server().await;
    let sbx = sandbox(&server, NetworkMode::Off).await;
    let mut stream = connect(&serving(&sbx, PORT).await).await;
    let head = "POST /pipe HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 10\r\n\r\n";
    stream.write_all(format!("{head}first").as_bytes()).await.expect("sent");
    expect(&mut stream, "first").await;
    stream.write_all(b"other").await.expect("sent");
    expect(&mut stream, "other").await;
    // The same connection takes the next request.
    stream.write_all(format!("GET /n HTTP/1.1\r\n{HOST}\r\n").as_bytes()).await.expect("sent");
    expect(&mut stream, "GET /n HTTP/1.1").await;
}

#[tokio::test]
async fn a_body_arrives_with_one_length() {
    let server = server().await;
    let sbx = sandbox(&server, NetworkMode::Off).await;
    let preview = serving(&sbx, PORT).await;
    let address = preview.host().parse().expect("an address");
    let send = async |headers: &str, body: &str| {
        let head = format!("POST / HTTP/1.1\r\n{HOST}Connection: close\r\n{headers}\r\n");
        in_time(http(address, head + body)).await.to_lowercase()
    };
    for (headers, body, arrives) in [
        ("Content-Length: 3\r\n", "abc", "content-length: 3\r\n"),
        ("Transfer-Encoding: chunked\r\n", "3\r\nabc\r\n0\r\n\r\n", "transfer-encoding: chunked"),
        (
            "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n",
            "3\r\nabc\r\n0\r\n\r\n",
            "transfer-encoding: chunked",
        ),
    ] {
        let answer = send(headers, body).await;
        is_status(&answer.to_uppercase(), 203);
        let inside = answer.split_once("\r\n\r\n").expect("a body").1;
        assert!(inside.contains(arrives), "{headers}{inside}");
        let lengths = ["content-length:", "transfer-encoding:"];
        let count: usize = lengths.iter().map(|name| inside.matches(name).count()).sum();
        assert_eq!(count, 1, "{headers}{inside}");
    }
    for headers in ["Content-Length: 3\r\nContent-Length: 4\r\n", "Transfer-Encoding: x\r\n"] {
        is_status(&send(headers, "abcd").await.to_uppercase(), 400);
    }
}

#[tokio::test]
async fn an_upgrade_becomes_a_tunnel() {
    let server = server().await;
    let sbx = sandbox(&server, NetworkMode::Off).await;
    let preview = serving(&sbx, PORT).await;
    let mut stream = connect(&preview).await;
    let head = "GET /upgrade HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\n\
                Upgrade: x-echo\r\n\r\nfirst";
    stream.write_all(head.as_bytes()).await.expect("sent");
    let answer = expect(&mut stream, "first").await;
    is_status(&answer, 101);
    assert!(answer.to_lowercase().contains("upgrade: x-echo\r\n"), "{answer}");
    for number in 0..100 {
        let text = format!("<{number}>");
        stream.write_all(text.as_bytes()).await.expect("sent");
        expect(&mut stream, &text).await;
    }
    stream.shutdown().await.expect("no more");
    let rest = in_time(stream.read_to_end(&mut Vec::new())).await;
    assert_eq!(rest.expect("an end"), 0);
    // One that nobody has asked for is an answer that a client could not read.
    is_status(&get(&preview, "/upgrade", HOST).await, 502);
}

#[tokio::test]
async fn a_server_without_an_answer_is_a_bad_gateway() {
    let server = server().await;
    let sbx = sandbox(&server, NetworkMode::Off).await;
    let nobody = sbx.preview_url(PORT + 1).await.expect("a preview");
    let answer = get(&nobody, "/", HOST).await;
    is_status(&answer, 502);
    assert!(answer.contains("listens on port 8081") && answer.contains("port_unreachable"));
    let preview = serving(&sbx, PORT).await;
    for path in ["/garbage", "/huge"] {
        let answer = get(&preview, path, HOST).await;
        is_status(&answer, 502);
        assert!(answer.contains("bad_answer"), "{answer}");
    }
    let long = format!("{HOST}X-Long: {}\r\n", "x".repeat(200_000));
    let address = preview.host().parse().expect("an address");
    let mut stream =
        TcpStream::connect::<std::net::SocketAddr>(address).await.expect("a connection");
    // It may answer and close before all is sent.
    let _ = stream.write_all(format!("GET / HTTP/1.1\r\n{long}\r\n").as_bytes()).await;
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer).await;
    assert!(!String::from_utf8_lossy(&answer).contains(" 203 "));
    is_status(&get(&preview, "/", HOST).await, 203);
}

#[tokio::test]
async fn other_names_and_the_pages_of_strangers_are_refused() {
    let server = server().await;
    let sbx = sandbox(&server, NetworkMode::Off).await;
    let preview = serving(&sbx, PORT).await;
    for headers in [
        "",
        "Host: rebound.example.com\r\n",
        "Host: 127.0.0.1.example.com\r\n",
        "Host: localhost\r\nHost: localhost\r\n",
    ] {
        let answer = get(&preview, "/", headers).await;
        assert!(answer.starts_with("HTTP/1.1 4") && !answer.contains("GET /"), "{headers}{answer}");
    }
    // Names that are none, too.
    for host in ["[", "[::1", "]", ":", "[]:"] {
        is_status(&get(&preview, "/", &format!("Host: {host}\r\n")).await, 421);
        is_status(&get(&preview, "/", &format!("{HOST}Origin: http://{host}\r\n")).await, 403);
    }
    is_status(&get(&preview, "http://rebound.example.com/", HOST).await, 421);
    for origin in ["https://example.com", "null", "http://localhost.example.com"] {
        is_status(&get(&preview, "/", &format!("{HOST}Origin: {origin}\r\n")).await, 403);
    }
    for origin in ["http://localhost:3000", "https://127.0.0.1", "http://[::1]:1"] {
        is_status(&get(&preview, "/", &format!("{HOST}Origin: {origin}\r\n")).await, 203);
    }
    for host in ["127.0.0.1", "LOCALHOST:99", "[::1]:5"] {
        is_status(&get(&preview, "/", &format!("Host: {host}\r\n")).await, 203);
    }
    let address = preview.host().parse().expect("an address");
    let tunnel = "CONNECT localhost:80 HTTP/1.1\r\nHost: localhost:80\r\nConnection: close\r\n\r\n";
    is_status(&http(address, tunnel.to_owned()).await, 405);
}

#[tokio::test]
async fn a_token_opens_and_never_arrives() {
    let server = server().await;
    let create = Sandbox::create("debian-12").client(&server.client());
    let sbx = create.preview_auth(true).await.expect("a sandbox");
    let preview = sbx.preview_url(PORT).await.expect("a preview");
    let token = preview.token().expect("a token").expose().to_owned();
    assert!(!format!("{preview:?}").contains(&token));
    assert_eq!(preview.expose(), format!("{}/?ork_preview_token={token}", preview.url()));
    let header = preview.header().expect("a header");
    let header = format!("{HOST}{}: {}\r\n", header.0, header.1.expose());
    listen(&sbx, &format!("127.0.0.1:{PORT}")).await;
    eventually("it listens", async || !get(&preview, "/", &header).await.contains("502")).await;

    let wrong = format!("/?ork_preview_token={}x", &token[..token.len() - 1]);
    for (path, headers) in [
        ("/", ""),
        ("/?ork_preview_token=", ""),
        (wrong.as_str(), ""),
        ("/", "X-Orkestr-Preview-Token: \r\n"),
        ("/", "Authorization: Bearer x\r\nOrigin: http://localhost\r\n"),
    ] {
        let answer = get(&preview, path, &format!("{HOST}{headers}")).await;
        is_status(&answer, 401);
        assert!(answer.contains("preview_token_required") && !answer.contains(&token), "{answer}");
    }
    let with_key = format!("/?ork_preview_token={}", server.api_key().expose());
    is_status(&get(&preview, &with_key, HOST).await, 401);

    let referer = format!("Referer: http://localhost/?a=1&ork_preview_token={token}\r\n");
    let all = format!("{header}{referer}Origin: https://app.example.com\r\n");
    for (path, headers, seen) in [
        (format!("/x?a=%201&ork_preview_token={token}&b"), HOST, "GET /x?a=%201&b HTTP/1.1"),
        (format!("/?ork%5fpreview_token={token}"), HOST, "GET / HTTP/1.1"),
        ("/y".to_owned(), all.as_str(), "GET /y HTTP/1.1"),
    ] {
        let answer = get(&preview, &path, headers).await;
        is_status(&answer, 203);
        assert!(answer.contains(seen), "{answer}");
        assert!(!answer.contains(&token) && !answer.to_lowercase().contains("preview"), "{answer}");
    }
    // From a handle of another process as well.
    let other = Sandbox::get(sbx.id()).client(&server.client()).await.expect("found");
    assert_eq!(other.preview_url(PORT).await.expect("a preview").expose(), preview.expose());
}

#[tokio::test]
async fn a_paused_sandbox_answers_when_it_runs() {
    let server = server().await;
    for resumes in [false, true] {
        let create = Sandbox::create("debian-12").client(&server.client()).auto_resume(resumes);
        let sbx = create.await.expect("a sandbox");
        let preview = serving(&sbx, PORT).await;
        sbx.pause().await.expect("paused");
        assert_eq!(sbx.preview_url(PORT).await.expect("a preview").host(), preview.host());
        let answer = get(&preview, "/", HOST).await;
        if resumes {
            is_status(&answer, 203);
        } else {
            is_status(&answer, 409);
            assert!(answer.contains("is paused"), "{answer}");
            let sbx = Sandbox::resume(sbx.id()).client(&server.client()).await.expect("resumed");
            is_status(&get(&preview, "/", HOST).await, 203);
            sbx.terminate().await.expect("terminated");
        }
    }
}

#[tokio::test]
async fn it_ends_with_its_sandbox() {
    let server = server().await;
    let sbx = sandbox(&server, NetworkMode::Off).await;
    let preview = serving(&sbx, PORT).await;
    let mut open = Vec::new();
    for request in ["GET /silent", "GET /endless", "GET /upgrade", "nothing yet"] {
        let mut stream = connect(&preview).await;
        let head =
            format!("{request} HTTP/1.1\r\n{HOST}Connection: Upgrade\r\nUpgrade: x-echo\r\n");
        let end = if request == "nothing yet" { "" } else { "\r\n" };
        stream.write_all(format!("{head}{end}").as_bytes()).await.expect("sent");
        match request {
            "GET /endless" => drop(expect(&mut stream, "begun").await),
            "GET /upgrade" => drop(expect(&mut stream, " 101 ").await),
            _ => {}
        }
        open.push(stream);
    }
    sbx.terminate().await.expect("terminated");
    // A process that another test is just starting may hold a copy of the listener until it executes.
    eventually("nothing listens", async || TcpStream::connect(preview.host()).await.is_err()).await;
    for mut stream in open {
        // With an end or with an error: it does not hang.
        let _ = in_time(stream.read_to_end(&mut Vec::new())).await;
    }
    let error = sbx.get_host(PORT).await.expect_err("it has ended");
    assert_eq!(error.kind(), ErrorKind::SandboxNotReady);
}

#[tokio::test]
async fn it_ends_with_its_server() {
    let server = LocalServer::start().await.expect("a server");
    let sbx = sandbox(&server, NetworkMode::Off).await;
    let preview = sbx.preview_url(PORT).await.expect("a preview");
    is_status(&get(&preview, "/", HOST).await, 502);
    server.shutdown().await;
    assert!(TcpStream::connect(preview.host()).await.is_err());
}

#[tokio::test]
async fn a_lifetime_that_ends_closes_it() {
    let server = LocalServer::start().await.expect("a server");
    let sbx = sandbox(&server, NetworkMode::Off).await;
    let preview = sbx.preview_url(PORT).await.expect("a preview");
    server.advance(Duration::from_secs(600)).await;
    eventually("closed", async || TcpStream::connect(preview.host()).await.is_err()).await;
}

#[tokio::test]
async fn nothing_is_left_of_it() {
    let program = support::program::Program::start();
    let client = program.client();
    let mut before = None;
    for _ in 0..5 {
        let sbx = Sandbox::create("debian-12").client(&client).await.expect("a sandbox");
        for port in 1..=32 {
            let preview = sbx.preview_url(port).await.expect("a preview");
            is_status(&get(&preview, "/", HOST).await, 502);
        }
        let error = sbx.get_host(33).await.expect_err("too many");
        assert_eq!((error.status(), error.code()), (Some(400), Some("too_many_previews")));
        sbx.get_host(32).await.expect("the same as before");
        sbx.terminate().await.expect("terminated");
        // The first round also opens what the program keeps.
        let most = *before.get_or_insert_with(|| program.descriptors());
        eventually("descriptors are closed", async || program.descriptors() <= most).await;
    }
}

#[tokio::test]
async fn a_preview_of_itself_is_no_endless_loop() {
    let server = LocalServer::start().await.expect("a server");
    let sbx = sandbox(&server, NetworkMode::Open).await;
    let first = sbx.preview_url(PORT).await.expect("a preview");
    // In an open network the host's ports are the sandbox's: this one leads to the other, which
    // leads nowhere, and that one to itself once it is asked for its own port.
    let port = first.host().rsplit_once(':').and_then(|(_, port)| port.parse().ok());
    let second = sbx.preview_url(port.expect("a port")).await.expect("a preview");
    let answer = get(&second, "/", HOST).await;
    assert!(answer.starts_with("HTTP/1.1 "), "{answer}");
    let round = format!("{HOST}Via: 1.0 x, 1.1 {}-{}\r\n", sbx.id(), second.port());
    is_status(&get(&second, "/", &round).await, 508);
}

#[tokio::test]
async fn ports_that_are_none_are_refused() {
    let server = LocalServer::start().await.expect("a server");
    let sbx = sandbox(&server, NetworkMode::Off).await;
    assert_eq!(sbx.get_host(0).await.expect_err("no port").kind(), ErrorKind::InvalidInput);
    let client = server.client();
    let path = format!("/v1/sandboxes/{}/host", sbx.id());
    for port in ["0", "65536", "-1", "http", "", "80.5"] {
        let request = client.request("GET", &path).query("port", port);
        let error = request.await.expect_err("no port");
        assert_eq!(error.status(), Some(422), "{port}");
        assert!(error.message().contains("port") && error.message().contains("65535"), "{error}");
    }
    let error = client.request("GET", &path).await.expect_err("no port");
    assert_eq!(error.status(), Some(422));
    let error = client.request("GET", "/v1/sandboxes/sbx_none/host").query("port", "1").await;
    assert_eq!(error.expect_err("no sandbox").status(), Some(404));
}
