//! Create, exec, terminate, again and again: the server must not grow.
//!
//! `ORKESTR_SOAK=10000 cargo test -p orkestr-local --release --test soak -- --nocapture`

#![allow(clippy::print_stdout, reason = "a measurement")]

mod support;

use orkestr::{NetworkMode, Sandbox};
use support::program::Program;

const AT_ONCE: usize = 2;

#[derive(Debug)]
struct Size {
    children: usize,
    threads: u64,
    descriptors: usize,
    mounts: usize,
    rss_kb: u64,
}

fn measure(program: &Program) -> Size {
    Size {
        children: program.children().len(),
        threads: program.status("Threads:"),
        descriptors: program.descriptors(),
        mounts: program.mounts(),
        rss_kb: program.status("VmRSS:"),
    }
}

async fn rounds(client: &orkestr::Client, count: usize) {
    let worker = |worker: usize| {
        let client = client.clone();
        tokio::spawn(async move {
            for round in (worker..count).step_by(AT_ONCE) {
                let create = Sandbox::create("debian-12").client(&client);
                let create = match round % 3 {
                    0 => create.network(NetworkMode::Restricted),
                    _ => create,
                };
                let sbx = create.metadata("round", round.to_string()).await.expect("a sandbox");
                let out = sbx.exec(format!("echo {round}; (setsid sleep 60 &)")).await;
                assert_eq!(out.expect("it runs").stdout, format!("{round}\n"));
                sbx.terminate().await.expect("terminated");
            }
        })
    };
    for worker in (0..AT_ONCE).map(worker).collect::<Vec<_>>() {
        worker.await.expect("no panic");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_grows() {
    let count = std::env::var("ORKESTR_SOAK").ok().and_then(|count| count.parse().ok());
    let count: usize = count.unwrap_or(100);
    let program = Program::start();
    let client = program.client();
    let mounts = std::fs::read_to_string("/proc/self/mountinfo").expect("mounts");
    // Until the allocator, the threads and the list of ended sandboxes have their size.
    rounds(&client, (count / 5).max(20)).await;
    let first = measure(&program);
    rounds(&client, count).await;
    let mut last = measure(&program);
    support::eventually("descriptors and threads are given back", async || {
        last = measure(&program);
        last.descriptors <= first.descriptors + 2 && last.threads <= first.threads + 2
    })
    .await;
    println!("after {} rounds: {first:?}\nafter {count} more: {last:?}", (count / 5).max(20));
    assert_eq!((last.children, last.mounts), (0, first.mounts));
    assert_eq!(std::fs::read_to_string("/proc/self/mountinfo").expect("mounts"), mounts);
    // An ended sandbox that is still listed, up to a thousand of them, takes a few kB.
    let listed = count.min(1000) as u64 * 8;
    assert!(last.rss_kb < first.rss_kb + 4096 + listed, "{} then {} kB", first.rss_kb, last.rss_kb);
}
