//! A receiver of webhooks: an HTTP server that answers what it is told and keeps what it got.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use orkestr::{Error, Secret, WebhookEvent};
use serde_json::Value;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, mpsc};

/// Far longer than anything takes: only a test that fails waits so long.
const PATIENCE: Duration = Duration::from_secs(60);

/// What to do with the next calls.
#[derive(Clone, Debug)]
pub enum Answer {
    Status(u16),
    /// `302` to this URL.
    Redirect(String),
    /// The connection stays open, and nothing comes.
    Silence,
    /// The connection is closed without an answer.
    Nothing,
}

pub struct Receiver {
    address: SocketAddr,
    answer: Arc<Mutex<Answer>>,
    calls: mpsc::UnboundedReceiver<Call>,
    given_up: Arc<Semaphore>,
    task: tokio::task::JoinHandle<()>,
}

#[derive(Clone, Debug)]
pub struct Call {
    pub request_line: String,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Receiver {
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let answer = Arc::new(Mutex::new(Answer::Status(200)));
        let (sender, calls) = mpsc::unbounded_channel();
        let given_up = Arc::new(Semaphore::new(0));
        let (current, silent) = (answer.clone(), given_up.clone());
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, current.clone(), sender.clone(), silent.clone()));
            }
        });
        Self { address, answer, calls, given_up, task }
    }

    pub fn url(&self) -> String {
        format!("http://{}/hooks?token=hush5309", self.address)
    }

    pub fn answer(&self, answer: Answer) {
        *self.answer.lock().expect("no panic while it is held") = answer;
    }

    /// The next call, in the order of their arrival.
    #[track_caller]
    pub fn next(&mut self) -> impl Future<Output = Call> {
        let caller = std::panic::Location::caller();
        async move {
            let call = tokio::time::timeout(PATIENCE, self.calls.recv()).await;
            call.unwrap_or_else(|_| panic!("no call at {caller}")).expect("it listens")
        }
    }

    /// As [`next`](Self::next), in short: see [`Call::summary`].
    #[track_caller]
    pub fn event(&mut self) -> impl Future<Output = String> {
        let next = self.next();
        async move { next.await.summary() }
    }

    /// Comes when one more call that is answered by silence is given up by its sender.
    pub async fn given_up(&self) {
        let given_up = tokio::time::timeout(PATIENCE, self.given_up.acquire()).await;
        given_up.expect("it waits for an answer").expect("it is open").forget();
    }

    /// What has arrived by now and was not asked for.
    pub fn rest(&mut self) -> Vec<String> {
        std::iter::from_fn(|| self.calls.try_recv().ok()).map(|call| call.summary()).collect()
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Call {
    /// As a receiver of ours would read it.
    pub fn verify(&self, secret: &Secret) -> Result<WebhookEvent, Error> {
        let headers = self.headers.iter().map(|(name, value)| (name, value));
        WebhookEvent::verify(secret, headers, &self.body)
    }

    pub fn header(&self, name: &str) -> &str {
        let mut found = self.headers.iter().filter(|(other, _)| other.eq_ignore_ascii_case(name));
        let (_, value) = found.next().unwrap_or_else(|| panic!("no {name} in {self:?}"));
        assert!(found.next().is_none(), "{name} twice in {self:?}");
        value
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).expect("JSON")
    }

    /// `sandbox.terminated timeout`.
    pub fn summary(&self) -> String {
        let body = self.json();
        let event = body["event"].as_str().expect("an event").to_owned();
        match body["data"]["reason"].as_str() {
            Some(reason) => format!("{event} {reason}"),
            None => event,
        }
    }
}

async fn serve(
    mut stream: TcpStream,
    answer: Arc<Mutex<Answer>>,
    calls: mpsc::UnboundedSender<Call>,
    given_up: Arc<Semaphore>,
) {
    let Some(call) = read(&mut stream).await else { return };
    // First decided, then told: whoever has seen the call may change the answer to the next one.
    let answer = answer.lock().expect("no panic while it is held").clone();
    let (status, more) = match &answer {
        Answer::Status(status) => (*status, String::new()),
        Answer::Redirect(url) => (302, format!("location: {url}\r\n")),
        Answer::Silence => {
            drop(calls.send(call));
            drop(stream.read_u8().await);
            given_up.add_permits(1);
            return;
        }
        Answer::Nothing => {
            drop(calls.send(call));
            return;
        }
    };
    drop(calls.send(call));
    let head =
        format!("HTTP/1.1 {status} X\r\n{more}content-length: 0\r\nconnection: close\r\n\r\n");
    drop(stream.write_all(head.as_bytes()).await);
    drop(stream.shutdown().await);
}

/// One request; `None` if it breaks.
async fn read(stream: &mut TcpStream) -> Option<Call> {
    let mut reader = BufReader::new(stream);
    let mut lines = Vec::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).await.ok().filter(|length| *length > 0)?;
        match line.trim_end_matches(['\r', '\n']) {
            "" => break,
            line => lines.push(line.to_owned()),
        }
    }
    let mut lines = lines.into_iter();
    let request_line = lines.next()?;
    let headers: Vec<(String, String)> = lines
        .filter_map(|line| {
            let (name, value) = line.split_once(':')?;
            Some((name.to_owned(), value.trim().to_owned()))
        })
        .collect();
    let length = headers.iter().find(|(name, _)| name.eq_ignore_ascii_case("content-length"))?;
    let mut body = vec![0; length.1.parse().ok()?];
    reader.read_exact(&mut body).await.ok()?;
    Some(Call { request_line, headers, body })
}
