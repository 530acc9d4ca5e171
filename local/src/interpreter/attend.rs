//! The task of a context: one run after the other, and what becomes of the process.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use orkestr::api::types;
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;

use super::context::{Job, Order, Shared, not_started};
use super::kernel::{End, Fate, Kernel, gone};
use super::output::{Output, Summary};
use crate::problem::Problem;
use crate::run::{DEFAULT_TIMEOUT, GRACE, late};
use crate::sandbox::Sandbox;

/// What a run's error is called when the process ended under it.
const DIED: &str = "KernelDied";

struct Interpreter {
    sandbox: Arc<Sandbox>,
    shared: Arc<Shared>,
    kernel: Option<Kernel>,
    /// A process ended between two runs: the next run says so.
    lost: bool,
}

/// Whether the context goes on.
enum Next {
    On,
    End,
}

/// Attends to a context until it is deleted or its sandbox ends.
pub(super) async fn attend(
    sandbox: Arc<Sandbox>,
    shared: Arc<Shared>,
    kernel: Option<Kernel>,
    mut runs: mpsc::UnboundedReceiver<Job>,
    mut orders: mpsc::UnboundedReceiver<Order>,
) {
    let mut interpreter = Interpreter { sandbox, shared, kernel, lost: false };
    loop {
        let next = tokio::select! {
            order = orders.recv() => match order {
                Some(order) => interpreter.obey(order).await,
                None => Next::End,
            },
            job = runs.recv() => match job {
                Some(job) => interpreter.run(job, &mut orders).await,
                None => Next::End,
            },
            fate = idle(&mut interpreter.kernel) => interpreter.bury(fate),
        };
        if let Next::End = next {
            break;
        }
    }
    interpreter.end().await;
}

/// Comes when the process has ended.
async fn idle(kernel: &mut Option<Kernel>) -> Fate {
    match kernel {
        None => std::future::pending().await,
        Some(kernel) => loop {
            if let Some(fate) = kernel.idle().await {
                return fate;
            }
        },
    }
}

impl Interpreter {
    fn bury(&mut self, fate: Fate) -> Next {
        self.lost = true;
        self.set(None);
        if let Fate::Gone = fate { Next::End } else { Next::On }
    }

    fn set(&mut self, kernel: Option<Kernel>) {
        self.shared.state().alive = kernel.is_some();
        self.kernel = kernel;
    }

    /// Ends the process, if there is one.
    async fn end(&mut self) {
        if let Some(kernel) = &mut self.kernel {
            kernel.kill().await;
        }
        self.set(None);
    }

    async fn obey(&mut self, order: Order) -> Next {
        self.end().await;
        match order {
            Order::Restart(done) => {
                self.lost = false;
                self.shared.state().executions = 0;
                let limit = Duration::from_secs(DEFAULT_TIMEOUT.unsigned_abs());
                drop(done.send(self.start(limit).await));
                Next::On
            }
            Order::Delete(done) => {
                let _ = done.send(());
                Next::End
            }
        }
    }

    async fn start(&mut self, limit: Duration) -> Result<(), Problem> {
        let before = self.sandbox.watch().borrow().paused_before;
        let late = self.late(self.sandbox.clock.now() + limit, before);
        let kernel = tokio::select! {
            kernel = Kernel::start(&self.sandbox, &self.shared.cwd) => kernel?,
            () = late => return Err(not_started(limit)),
        };
        self.set(Some(kernel));
        Ok(())
    }

    fn late(&self, deadline: Instant, paused_before: Duration) -> impl Future<Output = ()> + use<> {
        let (clock, pauses) = (self.sandbox.clock.clone(), self.sandbox.watch());
        async move { late(&clock, deadline, paused_before, pauses).await }
    }

    async fn run(&mut self, job: Job, orders: &mut mpsc::UnboundedReceiver<Order>) -> Next {
        let clock = self.sandbox.clock.clone();
        let is_claimed = job.claim();
        let mut output = Output::new(job.events);
        let (mut deadline, timeout) = (job.asked_at + job.timeout, job.timeout);
        let before_start = clock.now();
        let pauses = self.sandbox.watch();
        let paused_by = |now| pauses.borrow().paused_by(now);
        let paused_before_start = paused_by(before_start);
        let is_late =
            before_start >= deadline + paused_before_start.saturating_sub(job.paused_before);
        if is_late || !is_claimed {
            // Behind another run, and given up.
            output.failed(not_started(timeout));
            return Next::On;
        }
        if self.kernel.is_none() {
            if let Err(problem) = self.start(timeout).await {
                output.failed(problem);
                return Next::On;
            }
            // Starting is no part of running. A pause in it counts as every other does.
            let now = clock.now();
            let paused = paused_by(now).saturating_sub(paused_before_start);
            deadline += (now - before_start).saturating_sub(paused);
        }
        let started = clock.now();
        let number = {
            let mut state = self.shared.state();
            state.executions += 1;
            state.last_used_at = Some(clock.time().into());
            state.executions
        };
        output.started();
        let late = self.late(deadline, job.paused_before);
        let restarted = std::mem::take(&mut self.lost);
        let mut run = Running { restarted, ..Running::default() };
        if let Some(kernel) = &mut self.kernel {
            kernel.hand_over(&mut output);
            kernel.run(&job.code, number);
        }
        let end = tokio::select! {
            end = pump(&mut self.kernel, &mut output) => Some(end),
            () = late => None,
            order = orders.recv() => {
                run.order = order;
                None
            }
        };
        let end = match end {
            None if run.order.is_none() && !orders.is_closed() => {
                run.interrupted = true;
                self.interrupt(&mut output, orders, &mut run).await
            }
            end => end,
        };
        self.finish(end, run, output, Facts { number, started, timeout }).await
    }

    /// The code is over its timeout: what comes of an interrupt, if anything does in time.
    async fn interrupt(
        &mut self,
        output: &mut Output,
        orders: &mut mpsc::UnboundedReceiver<Order>,
        run: &mut Running,
    ) -> Option<End> {
        let before = self.sandbox.watch().borrow().paused_before;
        // A reader that is slow must not cost the variables.
        output.stop_waiting();
        if let Some(kernel) = &self.kernel {
            kernel.interrupt().await;
        }
        let too_late = self.late(self.sandbox.clock.now() + GRACE, before);
        tokio::select! {
            end = pump(&mut self.kernel, output) => Some(end),
            () = too_late => None,
            order = orders.recv() => {
                run.order = order;
                None
            }
        }
    }

    /// Says how the run ended; one that has not, and a broken process, are ended here.
    async fn finish(
        &mut self,
        end: Option<End>,
        mut run: Running,
        mut output: Output,
        facts: Facts,
    ) -> Next {
        let clock = self.sandbox.clock.clone();
        let mut truncated = false;
        let (error, is_lost) = match end {
            Some(End::Done { error, cut }) => {
                truncated = cut;
                (error, false)
            }
            Some(End::Died(Fate::Gone)) => {
                self.set(None);
                output.failed(gone());
                return Next::End;
            }
            Some(End::Died(fate)) => (Some(died(&obituary(fate))), true),
            Some(End::Broken) => (Some(died("The code broke the interpreter's own channel")), true),
            None => {
                let timeout = facts.timeout.as_secs();
                let reason = match &run.order {
                    Some(Order::Restart(_)) => "The context was restarted".to_owned(),
                    Some(Order::Delete(_)) => "The context was deleted".to_owned(),
                    None => format!(
                        "The code ran longer than its timeout of {timeout} s and did not stop when \
                         it was interrupted"
                    ),
                };
                (Some(died(&reason)), true)
            }
        };
        let elapsed = clock.now() - facts.started;
        let mut next = Next::On;
        if is_lost {
            if let Some(kernel) = &mut self.kernel {
                kernel.kill().await;
                kernel.last_words(&mut output).await;
            }
            self.set(None);
            run.restarted = !matches!(run.order, Some(Order::Delete(_)));
            if self.sandbox.jail().is_none() {
                // The sandbox has ended in the same moment.
                output.failed(gone());
                return Next::End;
            }
            // A fresh process in place of the lost one, unless the context is to end too.
            let order = run.order.take();
            next = self.obey(order.unwrap_or_else(|| Order::Restart(oneshot::channel().0))).await;
        }
        if truncated {
            output.truncated.insert("results");
        }
        let summary = Summary {
            error,
            execution_count: facts.number,
            duration: elapsed,
            interrupted: run.interrupted,
            restarted: run.restarted,
            truncated: BTreeSet::new(),
        };
        output.done(summary);
        next
    }
}

/// What has become of a run.
#[derive(Default)]
struct Running {
    interrupted: bool,
    restarted: bool,
    /// What has ended it.
    order: Option<Order>,
}

struct Facts {
    number: i64,
    started: Instant,
    timeout: Duration,
}

async fn pump(kernel: &mut Option<Kernel>, output: &mut Output) -> End {
    match kernel {
        Some(kernel) => kernel.pump(output).await,
        None => End::Died(Fate::Gone),
    }
}

fn died(reason: &str) -> types::CodeError {
    types::CodeError {
        name: DIED.to_owned(),
        value: Some(format!("{reason}; the variables are lost")),
        traceback: Some(Vec::new()),
        ..types::CodeError::default()
    }
}

fn obituary(fate: Fate) -> String {
    match fate {
        Fate::Code(code) => format!("The interpreter exited with code {code}"),
        Fate::Signal(signal) => format!("The interpreter was ended by signal {signal}"),
        Fate::OutOfMemory => {
            "The interpreter was ended by signal 9: the sandbox went beyond its memory".to_owned()
        }
        Fate::Gone => "The sandbox has ended".to_owned(),
    }
}
