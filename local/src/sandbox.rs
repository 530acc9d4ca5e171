//! One sandbox: its facts, its state, and the jail that its processes run in.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use orkestr::api::{NetworkMode, OnTimeout, SandboxStatus, Template, types};
use orkestr::{Secret, Timestamp};
use tokio::sync::watch;
use tokio::time::Instant;

use crate::commands::Commands;
use crate::id;
use crate::jail::{self, Jail};
use crate::problem::Problem;

/// What a sandbox was created with.
#[derive(Clone, Debug)]
pub(crate) struct Facts {
    pub(crate) template: Template,
    pub(crate) network: NetworkMode,
    pub(crate) cpu: f64,
    pub(crate) memory_mb: i64,
    pub(crate) region: String,
    pub(crate) timeout: Duration,
    pub(crate) on_timeout: OnTimeout,
    pub(crate) auto_resume: bool,
    pub(crate) preview_auth: bool,
    pub(crate) env: BTreeMap<String, Secret>,
    pub(crate) metadata: BTreeMap<String, String>,
}

#[derive(Debug)]
pub(crate) struct Sandbox {
    pub(crate) id: String,
    pub(crate) facts: Facts,
    pub(crate) commands: Commands,
    preview_auth_token: Option<Secret>,
    created_at: Timestamp,
    jail: Jail,
    state: Mutex<State>,
    /// Changes of state in order: pause, resume and terminate do not overlap.
    turn: tokio::sync::Mutex<()>,
    changed: watch::Sender<Running>,
}

#[derive(Debug)]
struct State {
    status: SandboxStatus,
    deadline: Instant,
    expires_at: Timestamp,
}

/// What a running command must know of its sandbox.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Running {
    /// Since when the sandbox is paused.
    pub(crate) paused_since: Option<Instant>,
    /// How long it was paused in all before.
    pub(crate) paused_before: Duration,
}

impl Sandbox {
    pub(crate) async fn start(facts: Facts, mut spec: jail::Spec) -> Result<Arc<Self>, Problem> {
        let id = id::new("sbx");
        spec.hostname = id.replace('_', "-").to_ascii_lowercase();
        let jail = Jail::start(spec).await?;
        let token = facts.preview_auth.then(|| Secret::new(id::new("pvt")));
        let sandbox = Arc::new(Self {
            id,
            commands: Commands::default(),
            preview_auth_token: token,
            created_at: SystemTime::now().into(),
            jail,
            state: Mutex::new(State::running(facts.timeout)),
            turn: tokio::sync::Mutex::default(),
            changed: watch::Sender::new(Running {
                paused_since: None,
                paused_before: Duration::ZERO,
            }),
            facts,
        });
        tokio::spawn(attend(sandbox.clone()));
        Ok(sandbox)
    }

    pub(crate) fn status(&self) -> SandboxStatus {
        self.state().status.clone()
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn set_status(&self, status: SandboxStatus) {
        self.state().status = status;
    }

    /// As it stands on the wire.
    pub(crate) fn view(&self) -> types::Sandbox {
        let state = self.state();
        let facts = &self.facts;
        types::Sandbox {
            id: self.id.clone(),
            status: state.status.clone(),
            template: facts.template.clone(),
            network: facts.network.clone(),
            cpu: facts.cpu,
            memory_mb: facts.memory_mb.into(),
            region: facts.region.clone(),
            created_at: self.created_at,
            expires_at: state.expires_at,
            on_timeout: Some(facts.on_timeout.clone()),
            auto_resume: Some(facts.auto_resume),
            preview_auth: Some(facts.preview_auth),
            preview_auth_token: self.preview_auth_token.clone(),
            node_id: Some("local".to_owned()),
            metadata: Some(facts.metadata.clone()),
            ..types::Sandbox::default()
        }
    }

    /// The jail of a running sandbox; a paused one that was created so resumes first.
    pub(crate) async fn ready(&self) -> Result<&Jail, Problem> {
        match self.status() {
            SandboxStatus::Running => Ok(&self.jail),
            SandboxStatus::Paused | SandboxStatus::Pausing if self.facts.auto_resume => {
                match self.resume().await {
                    // Another call was faster.
                    Err(_) if self.status() == SandboxStatus::Running => Ok(&self.jail),
                    resumed => resumed.map(|()| &self.jail),
                }
            }
            SandboxStatus::Paused => {
                Err(Problem::not_ready(&self.id, "paused", "; resume it first"))
            }
            status => Err(Problem::not_ready(&self.id, status.as_str(), "")),
        }
    }

    pub(crate) async fn pause(&self) -> Result<(), Problem> {
        let _turn = self.turn.lock().await;
        self.expect(SandboxStatus::Running)?;
        self.set_status(SandboxStatus::Pausing);
        if let Err(error) = self.jail.freeze().await {
            self.set_status(SandboxStatus::Running);
            return Err(error.into());
        }
        self.set_status(SandboxStatus::Paused);
        self.changed.send_modify(|running| running.paused_since = Some(Instant::now()));
        Ok(())
    }

    pub(crate) async fn resume(&self) -> Result<(), Problem> {
        let _turn = self.turn.lock().await;
        self.expect(SandboxStatus::Paused)?;
        self.set_status(SandboxStatus::Resuming);
        if let Err(error) = self.jail.thaw().await {
            self.set_status(SandboxStatus::Paused);
            return Err(error.into());
        }
        *self.state() = State::running(self.facts.timeout);
        self.changed.send_modify(|running| {
            let paused = running.paused_since.take().map(|since| since.elapsed());
            running.paused_before += paused.unwrap_or_default();
        });
        Ok(())
    }

    fn expect(&self, wanted: SandboxStatus) -> Result<(), Problem> {
        let status = self.status();
        if status == wanted {
            return Ok(());
        }
        let remedy = format!("; the call needs a {wanted} one");
        Err(Problem::not_ready(&self.id, status.as_str(), &remedy))
    }

    pub(crate) fn set_timeout(&self, timeout: Duration) -> Result<(), Problem> {
        self.expect(SandboxStatus::Running)?;
        *self.state() = State::running(timeout);
        // Wakes the attendant, who asks for the deadline again.
        self.changed.send_modify(|_| ());
        Ok(())
    }

    pub(crate) async fn terminate(&self) {
        let _turn = self.turn.lock().await;
        self.jail.kill().await;
        if self.status() != SandboxStatus::Failed {
            self.set_status(SandboxStatus::Terminated);
        }
        self.commands.clear();
        self.changed.send_modify(|_| ());
    }

    /// Follows the pauses of the sandbox.
    pub(crate) fn watch(&self) -> watch::Receiver<Running> {
        self.changed.subscribe()
    }
}

impl State {
    fn running(lifetime: Duration) -> Self {
        Self {
            status: SandboxStatus::Running,
            deadline: Instant::now() + lifetime,
            expires_at: (SystemTime::now() + lifetime).into(),
        }
    }
}

/// Ends or pauses the sandbox when its lifetime is over, and notices when its jail dies.
async fn attend(sandbox: Arc<Sandbox>) {
    let mut changed = sandbox.watch();
    loop {
        let (status, deadline) = {
            let state = sandbox.state();
            (state.status.clone(), state.deadline)
        };
        match status {
            SandboxStatus::Terminated | SandboxStatus::Failed => return,
            _ => {}
        }
        // A paused sandbox does not age.
        let lifetime = async {
            match status {
                SandboxStatus::Running => tokio::time::sleep_until(deadline).await,
                _ => std::future::pending().await,
            }
        };
        tokio::select! {
            () = lifetime => expire(&sandbox).await,
            () = sandbox.jail.dead() => {
                let _turn = sandbox.turn.lock().await;
                if sandbox.status() != SandboxStatus::Terminated {
                    tracing::warn!(sandbox = %sandbox.id, "the sandbox's first process has died");
                    sandbox.set_status(SandboxStatus::Failed);
                }
                sandbox.commands.clear();
                return;
            }
            _ = changed.changed() => {}
        }
    }
}

async fn expire(sandbox: &Sandbox) {
    // A new timeout may have come in the same moment.
    if sandbox.state().deadline > Instant::now() {
        return;
    }
    tracing::info!(sandbox = %sandbox.id, action = %sandbox.facts.on_timeout, "lifetime over");
    if sandbox.facts.on_timeout == OnTimeout::Pause {
        if let Err(problem) = sandbox.pause().await {
            tracing::warn!(sandbox = %sandbox.id, problem = problem.message(), "not paused");
            sandbox.terminate().await;
        }
    } else {
        sandbox.terminate().await;
    }
}
