//! A TCP proxy on loopback that cuts connections, at given numbers of bytes or on demand.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

pub struct Proxy {
    address: SocketAddr,
    follows: Arc<AtomicUsize>,
    cut: watch::Sender<()>,
    task: tokio::task::JoinHandle<()>,
}

impl Proxy {
    /// Each connection passes on as many bytes of answers as the next of `cuts` says; those
    /// after the last are not cut.
    pub async fn start(target: SocketAddr, cuts: impl IntoIterator<Item = usize>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("an address");
        let cuts = Mutex::new(cuts.into_iter().collect::<VecDeque<usize>>());
        let follows = Arc::<AtomicUsize>::default();
        let cut = watch::Sender::new(());
        let (seen, cut_here) = (follows.clone(), cut.clone());
        let task = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let budget = cuts.lock().expect("no panic").pop_front().unwrap_or(usize::MAX);
                let (seen, mut cut) = (seen.clone(), cut_here.subscribe());
                tokio::spawn(async move {
                    tokio::select! {
                        () = pass(client, target, budget, &seen) => {}
                        _ = cut.changed() => {}
                    }
                });
            }
        });
        Self { address, follows, cut, task }
    }

    pub fn base_url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// How many requests to follow have come.
    pub fn follows(&self) -> usize {
        self.follows.load(Ordering::SeqCst)
    }

    /// Cuts what is open now.
    pub fn cut(&self) {
        self.cut.send_replace(());
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn pass(mut client: TcpStream, target: SocketAddr, budget: usize, follows: &AtomicUsize) {
    let Ok(mut server) = TcpStream::connect(target).await else { return };
    let (mut from_client, mut to_client) = client.split();
    let (mut from_server, mut to_server) = server.split();
    let up = async {
        let mut bytes = vec![0; 64 * 1024];
        while let Ok(length @ 1..) = from_client.read(&mut bytes).await {
            let text = String::from_utf8_lossy(&bytes[..length]);
            follows.fetch_add(text.matches("follow=true").count(), Ordering::SeqCst);
            if to_server.write_all(&bytes[..length]).await.is_err() {
                return;
            }
        }
    };
    let down = async {
        let mut left = budget;
        let mut bytes = vec![0; 64 * 1024];
        while left > 0 {
            let most = left.min(bytes.len());
            let Ok(length @ 1..) = from_server.read(&mut bytes[..most]).await else { return };
            if to_client.write_all(&bytes[..length]).await.is_err() {
                return;
            }
            left -= length;
        }
    };
    tokio::select! {
        () = up => {}
        () = down => {}
    }
}
