//! The life of a sandbox: starting, pausing, resuming, and its end, at its time or before.

use std::sync::Arc;
use std::time::Duration;

use orkestr::api::{OnTimeout, SandboxStatus as Status};
use tokio::time::Instant;

use crate::admission::Slot;
use crate::egress::Egress;
use crate::hooks::Reason;
use crate::jail::{self, Jail};
use crate::meter::Sampler;
use crate::preview::Previews;
use crate::problem::Problem;
use crate::sandbox::{Live, Sandbox, Storage};

impl Sandbox {
    /// Starts the processes of a new sandbox.
    pub(crate) async fn boot(
        self: &Arc<Self>,
        mut spec: jail::Spec,
        policy: Option<crate::egress::Policy>,
        storage: Storage,
    ) -> Result<(), Problem> {
        let _turn = self.turn.lock().await;
        spec.hostname = self.id.replace('_', "-").to_ascii_lowercase();
        let live = async {
            let jail = Jail::start(spec).await?;
            if let Some(content) = &storage.content
                && let Err(error) = jail.unpack(content).await
            {
                // The volume must not be free before the jail is gone.
                jail.kill().await;
                return Err(error.into());
            }
            let listener = jail.take_proxy_listener();
            let egress = policy.zip(listener).map(|(policy, listener)| {
                Egress::start(policy, listener, self.blocked.clone(), self.id.clone())
            });
            let egress = egress.transpose().map_err(Problem::internal)?;
            Ok::<_, Problem>(Live {
                jail,
                _egress: egress,
                previews: Previews::default(),
                sampler: None,
                _volume: storage.volume,
            })
        };
        match live.await {
            Ok(live) => *self.live() = Some(live),
            Err(problem) => {
                let _ = self.shift(&Status::Starting, Status::Failed);
                return Err(problem);
            }
        }
        let born = self.state().deadline - self.facts.timeout;
        self.linger(born).await;
        if let Err(problem) = self.shift(&Status::Starting, Status::Running) {
            self.release().await;
            return Err(problem);
        }
        tracing::info!(sandbox = %self.id, template = %self.facts.template, "sandbox created");
        if let Some(live) = &mut *self.live() {
            live.sampler = Some(Sampler::start(self));
        }
        tokio::spawn(attend(self.clone()));
        Ok(())
    }

    pub(crate) async fn pause(&self) -> Result<(), Problem> {
        let _turn = self.turn.lock().await;
        let since = self.clock.now();
        self.expect(&self.status(), &Status::Running)?;
        let slot = self.seat.to_pause()?;
        self.shift(&Status::Running, Status::Pausing)?;
        self.finish_pause(since, slot).await
    }

    /// In turn, and already `pausing`.
    async fn finish_pause(&self, since: Instant, slot: Slot) -> Result<(), Problem> {
        let frozen = match self.jail() {
            Some(jail) => jail.freeze().await,
            None => Err(jail::Error::AgentGone),
        };
        if let Err(error) = frozen {
            self.shift(&Status::Pausing, Status::Running)?;
            return Err(error.into());
        }
        self.changed.send_modify(|running| running.paused_since = Some(self.clock.now()));
        self.linger(since).await;
        self.seat.take(slot);
        self.shift(&Status::Pausing, Status::Paused)?;
        tracing::info!(sandbox = %self.id, "sandbox paused");
        Ok(())
    }

    pub(crate) async fn resume(&self) -> Result<(), Problem> {
        let _turn = self.turn.lock().await;
        let since = self.clock.now();
        self.expect(&self.status(), &Status::Paused)?;
        let slot = self.seat.to_run()?;
        self.shift(&Status::Paused, Status::Resuming)?;
        self.linger(since).await;
        let thawed = match self.jail() {
            Some(jail) => jail.thaw().await,
            None => Err(jail::Error::AgentGone),
        };
        if let Err(error) = thawed {
            self.shift(&Status::Resuming, Status::Paused)?;
            return Err(error.into());
        }
        self.changed.send_modify(|running| {
            let paused = running.paused_since.take();
            running.paused_before +=
                paused.map_or(Duration::ZERO, |since| self.clock.now() - since);
        });
        {
            let mut state = self.state();
            self.expect(&state.status, &Status::Resuming)?;
            state.deadline = self.clock.now() + state.timeout;
            state.expires_at = (self.clock.time() + state.timeout).into();
            self.enter(&mut state, Status::Running, Reason::Requested);
        }
        self.seat.take(slot);
        tracing::info!(sandbox = %self.id, "sandbox resumed");
        self.announce();
        Ok(())
    }

    /// Counts from now, for the lifetimes after a resume too.
    pub(crate) fn set_timeout(&self, timeout: Duration) -> Result<(), Problem> {
        {
            let mut state = self.state();
            self.expect(&state.status, &Status::Running)?;
            state.timeout = timeout;
            state.deadline = self.clock.now() + timeout;
            state.expires_at = (self.clock.time() + timeout).into();
        }
        self.announce();
        Ok(())
    }

    /// Ends it, whatever it is doing, and waits until nothing of it is left.
    pub(crate) async fn terminate(&self) {
        {
            let mut state = self.state();
            if !matches!(state.status, Status::Failed | Status::Terminated) {
                self.enter(&mut state, Status::Terminated, Reason::Requested);
                tracing::info!(sandbox = %self.id, "sandbox terminated");
            }
        }
        self.announce();
        self.release().await;
        // One that is starting has its processes only at the end of that.
        let _turn = self.turn.lock().await;
        self.release().await;
    }

    /// After the clock was moved: waits until what is over has ended or is paused.
    pub(crate) async fn settled(&self) {
        let mut changed = self.watch();
        while self.is_overdue() {
            if changed.changed().await.is_err() {
                return;
            }
        }
        // A transition that takes time by the clock waits for it to be moved again.
        if self.transition.is_zero() {
            drop(self.turn.lock().await);
        }
    }

    fn is_overdue(&self) -> bool {
        let state = self.state();
        state.status == Status::Running && state.deadline <= self.clock.now()
    }

    async fn release(&self) {
        if let Some(jail) = self.jail() {
            jail.kill().await;
            self.meter.settle(jail.final_cpu_time());
        }
        let live = self.live().take();
        if let Some(live) = live {
            live.previews.close().await;
        }
        self.seat.leave();
        self.commands.clear();
        self.contexts.clear();
    }

    /// From one status to another, unless something else has happened meanwhile.
    fn shift(&self, from: &Status, to: Status) -> Result<(), Problem> {
        {
            let mut state = self.state();
            self.expect(&state.status, from)?;
            // Only the end of a sandbox that could not be paused comes by this way.
            self.enter(&mut state, to, Reason::Timeout);
        }
        self.announce();
        Ok(())
    }

    fn expect(&self, status: &Status, wanted: &Status) -> Result<(), Problem> {
        if status == wanted {
            return Ok(());
        }
        let remedy = match wanted {
            Status::Running | Status::Paused => format!("; the call needs a {wanted} one"),
            _ => String::new(),
        };
        Err(Problem::not_ready(&self.id, status.as_str(), &remedy))
    }

    fn announce(&self) {
        tracing::debug!(sandbox = %self.id, status = %self.status(), "status");
        self.meter.follow(self);
        self.changed.send_modify(|_| ());
    }

    /// As long as a transition is to take, unless the sandbox ends first. `since` is from before others could see it: a
    /// clock that is moved when they do ends it.
    async fn linger(&self, since: Instant) {
        if self.transition.is_zero() {
            return;
        }
        let mut changed = self.watch();
        let over = since + self.transition;
        let ended = async {
            while !matches!(self.status(), Status::Terminated | Status::Failed) {
                if changed.changed().await.is_err() {
                    std::future::pending::<()>().await;
                }
            }
        };
        tokio::select! {
            () = self.clock.sleep_until(over) => {}
            () = ended => {}
        }
    }

    async fn expire(&self) {
        let _turn = self.turn.lock().await;
        let since = self.clock.now();
        let slot = match self.facts.on_timeout {
            OnTimeout::Pause => Some(self.seat.to_pause()),
            _ => None,
        };
        let slot = slot.transpose().unwrap_or_else(|problem| {
            tracing::warn!(sandbox = %self.id, problem = problem.message(), "not paused");
            None
        });
        {
            let mut state = self.state();
            // A new timeout, or an end, may have come in the same moment.
            if state.status != Status::Running || state.deadline > self.clock.now() {
                return;
            }
            self.tell_expired(&state);
            let next = if slot.is_some() { Status::Pausing } else { Status::Terminated };
            self.enter(&mut state, next, Reason::Timeout);
        }
        tracing::info!(sandbox = %self.id, action = %self.facts.on_timeout, "lifetime over");
        self.announce();
        let Some(slot) = slot else {
            return self.release().await;
        };
        if let Err(problem) = self.finish_pause(since, slot).await {
            tracing::warn!(sandbox = %self.id, problem = problem.message(), "not paused");
            if self.shift(&Status::Running, Status::Terminated).is_ok() {
                self.release().await;
            }
        }
    }
}

/// Ends or pauses the sandbox when its lifetime is over, and notices when its jail dies.
async fn attend(sandbox: Arc<Sandbox>) {
    let mut changed = sandbox.watch();
    let Some(jail) = sandbox.jail() else { return };
    loop {
        let (status, deadline) = {
            let state = sandbox.state();
            (state.status.clone(), state.deadline)
        };
        // A paused sandbox does not age.
        let lifetime = async {
            match status {
                Status::Running => sandbox.clock.sleep_until(deadline).await,
                _ => std::future::pending().await,
            }
        };
        match status {
            Status::Terminated | Status::Failed => return,
            _ => tokio::select! {
                () = lifetime => sandbox.expire().await,
                () = jail.dead() => return fail(&sandbox).await,
                _ = changed.changed() => {}
            },
        }
    }
}

async fn fail(sandbox: &Sandbox) {
    {
        let mut state = sandbox.state();
        if state.status == Status::Terminated {
            return;
        }
        sandbox.enter(&mut state, Status::Failed, Reason::Failed);
    }
    tracing::warn!(sandbox = %sandbox.id, "the sandbox's first process has died");
    sandbox.announce();
    sandbox.release().await;
    // A pause or a resume that was under way may have taken its slot since.
    let _turn = sandbox.turn.lock().await;
    sandbox.release().await;
}
