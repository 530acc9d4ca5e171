//! A web server to run in a sandbox: this test's own program, so that nothing need be installed.

#![allow(dead_code, unreachable_pub, reason = "each test binary uses its part")]

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};

use orkestr::{NetworkMode, Sandbox};
use orkestr_local::LocalServer;

/// The address to listen on; only the helper has it.
const VARIABLE: &str = "INSIDE_LISTEN";

/// To be called by a test with the name `helper`, which does nothing else.
pub fn helper() {
    let Ok(address) = std::env::var(VARIABLE) else { return };
    let listener = TcpListener::bind(address).expect("an address");
    for client in listener.incoming() {
        std::thread::spawn(move || serve(client.expect("a connection")));
    }
}

/// A server whose sandboxes can run this program.
pub async fn server() -> LocalServer {
    let program = std::env::current_exe().expect("this test");
    LocalServer::builder().read_only_path(program).start().await.expect("a server")
}

pub async fn sandbox(server: &LocalServer, network: NetworkMode) -> Sandbox {
    let create = Sandbox::create("debian-12").client(&server.client()).network(network);
    create.await.expect("a sandbox")
}

/// Starts the web server in the sandbox and waits until its preview reaches it.
pub async fn listen(sandbox: &Sandbox, address: &str) {
    let program = std::env::current_exe().expect("this test");
    let command = format!("exec {} --exact helper --nocapture", program.display());
    sandbox.spawn(command).env(VARIABLE, address).await.expect("it starts");
}

fn serve(mut client: TcpStream) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        if client.read_exact(&mut byte).is_err() {
            return;
        }
        head.push(byte[0]);
    }
    let head = String::from_utf8_lossy(&head).into_owned();
    let path = head.split(' ').nth(1).unwrap_or_default().to_owned();
    let length = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse::<usize>().ok())?
    });
    // Whoever leaves early is no failure of this server.
    let _ = answer(&mut client, &head, &path, length.unwrap_or(0));
}

fn answer(
    client: &mut TcpStream,
    head: &str,
    path: &str,
    mut length: usize,
) -> std::io::Result<()> {
    match path.split('?').next().unwrap_or_default() {
        // Gives back what comes, as it comes.
        "/pipe" => {
            write!(client, "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")?;
            let mut buffer = [0; 4096];
            while length > 0 {
                let count = client.read(&mut buffer)?;
                if count == 0 {
                    return Ok(());
                }
                write!(client, "{count:x}\r\n")?;
                client.write_all(&buffer[..count])?;
                write!(client, "\r\n")?;
                length -= count;
            }
            write!(client, "0\r\n\r\n")
        }
        "/upgrade" => {
            write!(
                client,
                "HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: x-echo\r\n\r\n"
            )?;
            let mut other = client.try_clone()?;
            std::io::copy(client, &mut other).map(drop)
        }
        "/garbage" => client.write_all(b"\x16\x03\x01 this is no HTTP\r\n\r\n"),
        "/huge" => {
            let value = "x".repeat(200_000);
            write!(client, "HTTP/1.1 200 OK\r\nx-huge: {value}\r\ncontent-length: 0\r\n\r\n")
        }
        "/silent" => std::io::copy(client, &mut std::io::sink()).map(drop),
        // A body of unknown length that never ends.
        "/endless" => {
            write!(client, "HTTP/1.1 200 OK\r\n\r\nbegun\n")?;
            std::io::copy(client, &mut std::io::sink()).map(drop)
        }
        _ => {
            let size = head.len();
            write!(
                client,
                "HTTP/1.1 203 Fine\r\ncontent-length: {size}\r\nx-one: 1\r\nconnection: x-hop\r\n\
                 x-hop: secret\r\n\r\n{head}"
            )?;
            // Closing with something unread would tear the answer away.
            client.shutdown(std::net::Shutdown::Write)?;
            std::io::copy(client, &mut std::io::sink()).map(drop)
        }
    }
}
