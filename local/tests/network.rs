//! The three network modes, over the API.

mod support;

use std::net::SocketAddr;

use orkestr::{ErrorKind, NetworkMode, Sandbox};
use orkestr_local::{LocalServer, LocalServerBuilder};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

/// Says what it was sent first, in capitals, to each that connects.
async fn upstream() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a listener");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut bytes = vec![0; 1024];
                let Ok(length) = stream.read(&mut bytes).await else { return };
                let text = String::from_utf8_lossy(&bytes[..length]).to_uppercase();
                drop(stream.write_all(text.as_bytes()).await);
            });
        }
    });
    address
}

fn builder(upstream: SocketAddr) -> LocalServerBuilder {
    LocalServer::builder().upstream("api.example.com", upstream).upstream("github.com", upstream)
}

async fn restricted(server: &LocalServer, domains: &[&str]) -> Sandbox {
    let create = Sandbox::create("debian-12").client(&server.client());
    let create = create.network(NetworkMode::Restricted).allow_domains(domains.iter().copied());
    create.await.expect("a sandbox")
}

/// What comes back through the proxy for this request, from inside, by the shell alone.
fn ask(request: &str) -> String {
    format!("bash -c 'exec 3<>/dev/tcp/127.0.0.1/3128 && printf \"{request}\" >&3 && cat <&3'")
}

/// A tunnel; `$1` is sent through it when it stands.
fn tunnel(target: &str) -> String {
    format!(
        "bash -c 'exec 3<>/dev/tcp/127.0.0.1/3128
        printf \"CONNECT {target} HTTP/1.1\\r\\n\\r\\n\" >&3
        read -r version status rest <&3; echo \"$status\"
        if [ \"$status\" = 200 ]; then read -r empty <&3; echo through >&3; fi
        cat <&3'"
    )
}

#[tokio::test]
async fn the_proxy_lets_the_allowlist_through() {
    let server = builder(upstream().await).start().await.expect("a server");
    let sbx = restricted(&server, &["example.com"]).await;
    let out = sbx.exec(tunnel("api.example.com:443")).await.expect("it runs");
    assert_eq!((out.stdout.as_str(), out.exit_code), ("200\nTHROUGH\n", 0), "{}", out.stderr);
    let out = sbx.exec(tunnel("API.example.com.:80")).await.expect("it runs");
    assert_eq!(out.stdout, "200\nTHROUGH\n");
    let plain = ask("GET http://api.example.com/x HTTP/1.1\\r\\nHost: other\\r\\n\\r\\n");
    let out = sbx.exec(plain).await.expect("it runs");
    assert!(out.stdout.starts_with("GET /X HTTP/1.1\r\nHOST: API.EXAMPLE.COM\r\n"), "{out:?}");
}

#[tokio::test]
async fn the_default_allowlist_is_used_without_another() {
    let server = builder(upstream().await).start().await.expect("a server");
    let create = Sandbox::create("debian-12").client(&server.client());
    let sbx = create.network(NetworkMode::Restricted).await.expect("a sandbox");
    let out = sbx.exec(tunnel("github.com:443")).await.expect("it runs");
    assert_eq!(out.stdout, "200\nTHROUGH\n");
    let error = sbx.exec(tunnel("api.example.com:443") + "; false").await.expect_err("blocked");
    assert_eq!(error.kind(), ErrorKind::NetworkPolicy);
    // An empty list allows nothing.
    let sbx = restricted(&server, &[]).await;
    let error = sbx.exec(tunnel("github.com:443") + "; false").await.expect_err("blocked");
    assert_eq!(error.kind(), ErrorKind::NetworkPolicy);
}

#[tokio::test]
async fn a_blocked_host_is_the_documented_error() {
    let server = builder(upstream().await).start().await.expect("a server");
    let sbx = restricted(&server, &["api.example.com", "localhost"]).await;
    for (target, why) in [
        ("example.com:443", "example.com is blocked by the network policy"),
        ("api.example.com:22", "only the ports 443 and 80"),
        ("localhost:443", "its address is private"),
        ("127.0.0.1:443", "127.0.0.1 is blocked"),
        ("[::1]:443", "[::1] is blocked"),
    ] {
        // The program inside sees it ...
        let out = sbx.exec(tunnel(target)).await.expect("a program that copes is a result");
        let (status, rest) = out.stdout.split_once('\n').expect("two lines");
        assert_eq!(status, "403", "{out:?}");
        assert!(rest.contains(r#""code":"network_policy_blocked""#), "{out:?}");
        assert!(rest.contains(why), "{out:?}");
        // ... and when it fails, the caller does.
        let error = sbx.exec(tunnel(target) + "; exit 7").await.expect_err("it fails");
        assert_eq!((error.kind(), error.status()), (ErrorKind::NetworkPolicy, Some(403)));
        assert!(error.message().contains(why) && error.message().contains("code 7"), "{error}");
        let stream = sbx.exec_stream(tunnel(target) + "; exit 7").await.expect("a stream");
        let error = stream.wait_with_output().await.expect_err("it fails");
        assert_eq!(error.kind(), ErrorKind::NetworkPolicy);
    }
    // What failed before has nothing to do with a later command.
    assert_eq!(sbx.exec("exit 3").await.expect("a result").exit_code, 3);
}

#[tokio::test]
async fn what_is_no_proxy_request_is_told_so() {
    let server = builder(upstream().await).start().await.expect("a server");
    let sbx = restricted(&server, &["example.com"]).await;
    let long = format!("head -c 40000 /dev/zero | tr '\\\\0' a | {}", "cat");
    for request in
        ["GET / HTTP/1.1\\r\\n\\r\\n", "GET https://api.example.com/ HTTP/1.1\\r\\n\\r\\n"]
    {
        let out = sbx.exec(ask(request)).await.expect("it runs");
        assert!(out.stdout.starts_with("HTTP/1.1 400") && out.stdout.contains("proxy"), "{out:?}");
    }
    let script = format!(
        "bash -c 'exec 3<>/dev/tcp/127.0.0.1/3128; (printf \"GET http://api.example.com/\"; {long}) >&3; head -1 <&3'"
    );
    let out = sbx.exec(script).await.expect("it runs");
    assert!(out.stdout.starts_with("HTTP/1.1 400"), "{out:?}");
}

#[tokio::test]
async fn programs_find_the_proxy_in_their_environment() {
    let server = builder(upstream().await).start().await.expect("a server");
    let sbx = restricted(&server, &["example.com"]).await;
    let names =
        ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"];
    for name in names {
        let out = sbx.exec(format!("echo ${name}")).await.expect("it runs");
        assert_eq!(out.stdout, "http://127.0.0.1:3128\n", "{name}");
    }
    let out = sbx.exec("echo $NO_PROXY $no_proxy").await.expect("it runs");
    assert_eq!(out.stdout, "localhost,127.0.0.1,::1 localhost,127.0.0.1,::1\n");
    let out = sbx.exec("echo $HTTP_PROXY").env("HTTP_PROXY", "mine").await.expect("it runs");
    assert_eq!(out.stdout, "mine\n");
    if sbx.exec("command -v curl").await.expect("it runs").success() {
        let out = sbx.exec("curl -sS --http0.9 http://api.example.com/hello").await;
        assert!(out.expect("it runs").stdout.starts_with("GET /HELLO"));
        let error = sbx.exec("curl -sS https://blocked.example/").await.expect_err("blocked");
        assert_eq!(error.kind(), ErrorKind::NetworkPolicy);
    }
    let create = Sandbox::create("debian-12").client(&server.client());
    let off = create.await.expect("a sandbox");
    let out = off.exec("env | grep -ic proxy").await.expect("it runs");
    assert_eq!(out.stdout, "0\n");
}

#[tokio::test]
async fn there_is_no_other_way_out() {
    let outside = upstream().await;
    let server = builder(outside).start().await.expect("a server");
    let client = server.client();
    let connect = |address: SocketAddr| {
        let (ip, port) = (address.ip(), address.port());
        format!("bash -c 'exec 3<>/dev/tcp/{ip}/{port}'")
    };
    let interfaces = "tail -n +3 /proc/net/dev | cut -d: -f1 | tr -d ' '";
    for mode in [NetworkMode::Off, NetworkMode::Restricted] {
        let create = Sandbox::create("debian-12").client(&client).network(mode);
        let sbx = create.await.expect("a sandbox");
        for address in [outside, server.address(), SocketAddr::from(([1, 1, 1, 1], 443))] {
            assert!(!sbx.exec(connect(address)).await.expect("it runs").success(), "{address}");
        }
        assert_eq!(sbx.exec(interfaces).await.expect("it runs").stdout, "lo\n");
        // Not even over the host's abstract sockets.
        let out = sbx.exec("grep -c @ /proc/net/unix").await.expect("it runs");
        assert_eq!(out.stdout, "0\n");
    }
    let off = Sandbox::create("debian-12").client(&client).await.expect("a sandbox");
    let proxy = connect(SocketAddr::from(([127, 0, 0, 1], 3128)));
    assert!(!off.exec(proxy).await.expect("it runs").success());
    let create = Sandbox::create("debian-12").client(&client).network(NetworkMode::Open);
    let open = create.await.expect("a sandbox");
    assert!(open.exec(connect(outside)).await.expect("it runs").success());
    assert!(open.exec(connect(server.address())).await.expect("it runs").success());
}

#[tokio::test]
async fn a_proxy_ends_with_its_sandbox_and_rests_with_it() {
    let server = builder(upstream().await).start().await.expect("a server");
    let client = server.client();
    let (one, other) =
        (restricted(&server, &["example.com"]).await, restricted(&server, &["example.com"]).await);
    one.pause().await.expect("paused");
    let out = other.exec(tunnel("api.example.com:443")).await.expect("it runs");
    assert_eq!(out.stdout, "200\nTHROUGH\n");
    let one = Sandbox::resume(one.id()).client(&client).await.expect("resumed");
    let out = one.exec(tunnel("api.example.com:443")).await.expect("it runs");
    assert_eq!(out.stdout, "200\nTHROUGH\n");
    // An idle connection through the proxy does not outlive the sandbox.
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a listener");
    let address = listener.local_addr().expect("an address");
    let server = builder(address).start().await.expect("a server");
    let sbx = restricted(&server, &["example.com"]).await;
    let script = tunnel("api.example.com:443");
    let hanging = tokio::spawn({
        let sbx = sbx.clone();
        async move { sbx.exec(script).await }
    });
    let (mut stream, _) = listener.accept().await.expect("a connection");
    let mut line = [0; 8];
    stream.read_exact(&mut line).await.expect("a line");
    assert_eq!(&line, b"through\n");
    sbx.terminate().await.expect("terminated");
    assert_eq!(stream.read(&mut line).await.unwrap_or(0), 0);
    hanging.await.expect("no panic").expect_err("the sandbox ended");
}
