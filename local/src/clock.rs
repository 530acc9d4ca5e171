//! The server's time, which a test can move forward.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio::sync::watch;
use tokio::time::Instant;

/// As far as a clock can be moved in all: a sum beyond it could not be written as a date.
const FARTHEST: Duration = Duration::from_secs(100 * 366 * 86_400);

/// The system's clocks and an offset. Clones share it.
#[derive(Clone, Debug)]
pub(crate) struct Clock(Arc<watch::Sender<Duration>>);

impl Clock {
    pub(crate) fn new() -> Self {
        Self(Arc::new(watch::Sender::new(Duration::ZERO)))
    }

    pub(crate) fn now(&self) -> Instant {
        Instant::now() + *self.0.borrow()
    }

    pub(crate) fn time(&self) -> SystemTime {
        SystemTime::now() + *self.0.borrow()
    }

    /// Moves it forward and wakes whoever sleeps by it.
    pub(crate) fn advance(&self, by: Duration) {
        self.0.send_modify(|offset| *offset = offset.saturating_add(by).min(FARTHEST));
    }

    /// Comes when the clock shows `deadline`, however it gets there.
    pub(crate) async fn sleep_until(&self, deadline: Instant) {
        let mut offset = self.0.subscribe();
        loop {
            let ahead = *offset.borrow_and_update();
            let left = deadline.saturating_duration_since(Instant::now()).saturating_sub(ahead);
            if left.is_zero() {
                return;
            }
            tokio::select! {
                () = tokio::time::sleep(left) => {}
                // The sender lives as long as this clock.
                _ = offset.changed() => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn sleepers_follow_the_clock() {
        let clock = Clock::new();
        let (start, born) = (clock.now(), clock.time());
        let hour = Duration::from_secs(3600);
        let sleeper = tokio::spawn({
            let clock = clock.clone();
            async move { clock.sleep_until(start + 2 * hour).await }
        });
        tokio::task::yield_now().await;
        clock.advance(hour);
        tokio::task::yield_now().await;
        assert!(!sleeper.is_finished());
        clock.advance(hour);
        sleeper.await.expect("it ends");
        assert!(clock.now() - start >= 2 * hour);
        assert!(clock.time().duration_since(born).expect("later") >= 2 * hour);
    }

    #[test]
    fn it_stops_where_dates_end() {
        let clock = Clock::new();
        clock.advance(Duration::MAX);
        clock.advance(Duration::MAX);
        let _ = (clock.now(), orkestr::Timestamp::from(clock.time()).to_string());
    }
}
