//! When to send again. A pure decision: the caller sleeps.

use std::time::Duration;

/// How often and how patiently a call is sent again.
///
/// The wait is the server's `Retry-After` where it sent one, else it doubles from an initial
/// delay. A wait that would pass the budget is not begun: the error comes back at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RetryPolicy {
    max_retries: u32,
    initial_delay: Duration,
    max_delay: Duration,
    budget: Duration,
    /// Whether to come back earlier than the server asked to.
    caps_retry_after: bool,
}

impl RetryPolicy {
    /// The default for create and resume while there is no capacity
    /// ([`ErrorKind::FleetFull`](crate::ErrorKind::FleetFull)): at most 5 retries, waits that
    /// double from 2 s up to 30 s, 60 s in all.
    pub const fn fleet_full() -> Self {
        Self {
            max_retries: 5,
            initial_delay: Duration::from_secs(2),
            max_delay: Duration::from_secs(30),
            budget: Duration::from_secs(60),
            caps_retry_after: true,
        }
    }

    /// The default for passing troubles of calls that are safe to repeat: at most 3 retries,
    /// waits that double from 0.2 s up to 10 s, 20 s in all. A server that asks for a longer wait
    /// is not asked again: the error comes back at once.
    pub const fn transient() -> Self {
        Self {
            max_retries: 3,
            initial_delay: Duration::from_millis(200),
            max_delay: Duration::from_secs(10),
            budget: Duration::from_secs(20),
            caps_retry_after: false,
        }
    }

    /// Never sends again.
    pub const fn none() -> Self {
        Self {
            max_retries: 0,
            initial_delay: Duration::ZERO,
            max_delay: Duration::ZERO,
            budget: Duration::ZERO,
            caps_retry_after: false,
        }
    }

    /// Sends again at most `count` times.
    pub const fn max_retries(mut self, count: u32) -> Self {
        self.max_retries = count;
        self
    }

    /// The first wait where the server names none; each further one is twice as long.
    pub const fn initial_delay(mut self, delay: Duration) -> Self {
        self.initial_delay = delay;
        self
    }

    /// The longest single wait, the server's `Retry-After` included.
    pub const fn max_delay(mut self, delay: Duration) -> Self {
        self.max_delay = delay;
        self
    }

    /// The longest time from the first request to the last retry.
    pub const fn budget(mut self, budget: Duration) -> Self {
        self.budget = budget;
        self
    }

    /// The wait before retry number `retry` (from 0), if there is to be one.
    pub(crate) fn delay(
        &self,
        retry: u32,
        elapsed: Duration,
        retry_after: Option<Duration>,
    ) -> Option<Duration> {
        if retry >= self.max_retries {
            return None;
        }
        let doubled = self.initial_delay.saturating_mul(2_u32.saturating_pow(retry));
        if !self.caps_retry_after && retry_after.is_some_and(|wait| wait > self.max_delay) {
            return None;
        }
        let wait = retry_after.unwrap_or(doubled).min(self.max_delay);
        (elapsed.saturating_add(wait) <= self.budget).then_some(wait)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn secs(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn the_documented_decisions() {
        let policy = RetryPolicy::fleet_full();
        for (retry, elapsed, retry_after, expected) in [
            (0, 0, None, Some(2)),
            (1, 2, None, Some(4)),
            (3, 14, None, Some(16)),
            (4, 30, None, Some(30)),  // 32 s are capped at 30 s and just fit
            (4, 31, None, None),      // would end at 61 s
            (5, 0, None, None),       // the sixth retry
            (0, 0, Some(7), Some(7)), // the server's word counts
            (0, 0, Some(90), Some(30)), // within the cap
            (0, 55, Some(6), None),   // and within the budget
            (0, 55, Some(5), Some(5)),
            (0, 0, Some(0), Some(0)),
        ] {
            assert_eq!(
                policy.delay(retry, secs(elapsed), retry_after.map(secs)),
                expected.map(secs),
                "retry {retry} after {elapsed} s with {retry_after:?}"
            );
        }
    }

    #[test]
    fn a_rate_limit_is_waited_out_or_not_at_all() {
        let policy = RetryPolicy::transient();
        assert_eq!(policy.delay(0, secs(0), Some(secs(10))), Some(secs(10)));
        assert_eq!(policy.delay(0, secs(0), Some(secs(11))), None);
    }

    #[test]
    fn none_never_waits_and_nothing_overflows() {
        assert_eq!(RetryPolicy::none().delay(0, secs(0), Some(secs(0))), None);
        let endless = RetryPolicy::transient().max_retries(u32::MAX).budget(Duration::MAX);
        assert_eq!(endless.delay(u32::MAX - 1, Duration::MAX, None), Some(secs(10)));
    }
}
