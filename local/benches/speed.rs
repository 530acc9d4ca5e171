//! How long a sandbox takes, over the API, against `sh -c` on the host in the same run.
//!
//! `cargo bench -p orkestr-local`. Trust the ratios: the times are those of the machine.

#![allow(clippy::print_stdout, reason = "a measurement")]

use std::io::Read as _;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use futures::StreamExt as _;
use orkestr::{Client, ExecEvent, Sandbox};
use orkestr_local::LocalServer;

fn main() {
    // `cargo test` runs it too, to see that it works.
    let is_bench = std::env::args().any(|argument| argument == "--bench");
    let (rounds, crowd) = if is_bench { (200, 200) } else { (3, 5) };
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(async {
        // In a task: the thread that blocks on a runtime is slower to wake.
        tokio::spawn(run(rounds, crowd)).await.expect("no panic");
    });
}

async fn run(rounds: usize, crowd: usize) {
    let server = LocalServer::start().await.expect("a server");
    let client = server.client();
    let sbx = create(&client).await;
    first_byte(&sbx).await;
    let [mut host, mut created, mut first, mut further, mut buffered, mut ended] =
        [(); 6].map(|()| Vec::with_capacity(rounds));
    for _ in 0..rounds {
        // Side by side, so that whatever else the machine does meets all alike.
        host.push(time(|| tokio::task::spawn_blocking(host_first_byte)).await.0);
        let start = Instant::now();
        let fresh = create(&client).await;
        created.push(start.elapsed());
        first_byte(&fresh).await;
        first.push(start.elapsed());
        further.push(time(|| first_byte(&sbx)).await.0);
        buffered.push(time(|| async { sbx.exec("echo x").await.expect("it runs") }).await.0);
        ended.push(time(|| async { fresh.terminate().await.expect("terminated") }).await.0);
    }
    let unit = median(&mut host);
    println!("{rounds} rounds, medians                        time   of host");
    for (name, times) in [
        ("sh -c on the host, to its first byte", &mut host),
        ("create", &mut created),
        ("create, to the first command's first byte", &mut first),
        ("a further command, to its first byte", &mut further),
        ("a further command, buffered", &mut buffered),
        ("terminate", &mut ended),
    ] {
        print(name, median(times), unit);
    }

    let (all, sandboxes) =
        time(|| futures::future::join_all((0..crowd).map(|_| create(&client)))).await;
    print(&format!("create {crowd} at once, each"), all / crowd as u32, unit);
    let (all, _) = time(|| futures::future::join_all(sandboxes.iter().map(first_byte))).await;
    print(&format!("a command in each of {crowd}, each"), all / crowd as u32, unit);
    let (one, _) = time(|| first_byte(&sbx)).await;
    print(&format!("a command beside {crowd} idle ones"), one, unit);
    let ends = sandboxes.iter().map(|sandbox| sandbox.terminate());
    let (all, _) = time(|| futures::future::join_all(ends)).await;
    print(&format!("terminate {crowd} at once, each"), all / crowd as u32, unit);
}

async fn create(client: &Client) -> Sandbox {
    Sandbox::create("debian-12").client(client).await.expect("a sandbox")
}

async fn first_byte(sandbox: &Sandbox) {
    let mut stream = sandbox.exec_stream("echo x").await.expect("a stream");
    loop {
        match stream.next().await.expect("an event").expect("no error") {
            ExecEvent::Stdout(_) => return,
            event => assert!(matches!(event, ExecEvent::Started { .. }), "{event:?}"),
        }
    }
}

fn host_first_byte() {
    let mut command = Command::new("/bin/sh");
    command.args(["-c", "echo x"]).stdin(Stdio::null()).stdout(Stdio::piped());
    let mut child = command.spawn().expect("a shell");
    let mut byte = [0];
    child.stdout.take().expect("a pipe").read_exact(&mut byte).expect("a byte");
    child.wait().expect("an end");
}

async fn time<F: Future>(work: impl FnOnce() -> F) -> (Duration, F::Output) {
    let start = Instant::now();
    let output = work().await;
    (start.elapsed(), output)
}

fn median(times: &mut [Duration]) -> Duration {
    times.sort();
    times[times.len() / 2]
}

fn print(name: &str, time: Duration, unit: Duration) {
    let ratio = time.as_secs_f64() / unit.as_secs_f64();
    println!("{name:<42} {:>8.2} ms {ratio:>7.2} x", time.as_secs_f64() * 1000.0);
}
