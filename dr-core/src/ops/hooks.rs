//! What others do around a change of the live database: stop services before it, start them after it, see
//! whether they are well.
//!
//! Used by `restore` and `swap_back`. Knows no processes: what a hook does is its owner's.

use std::fmt;
use std::sync::Arc;

use futures::future::BoxFuture;
use tokio_util::sync::CancellationToken;

use crate::error::{Error, ErrorKind, Result};
use crate::event::Watch;

/// Three calls around the work. Whatever becomes of it, and of [`before`](Self::before) itself,
/// [`after`](Self::after) is called once `before` was begun: what was stopped is started again also
/// when the work failed or was stopped by request. None of the calls is dropped then: a hook that is
/// to end on request looks at the same token.
pub trait Hooks: Send + Sync {
    /// Before anything changes. An error stops the work: nothing is changed.
    fn before<'a>(&'a self, facts: &'a HookFacts) -> BoxFuture<'a, Result<()>>;

    /// When the work is over, however it ended.
    fn after<'a>(&'a self, facts: &'a HookFacts) -> BoxFuture<'a, Result<()>>;

    /// When the work is done and `after` was well: whether what uses the database is well, too.
    fn health<'a>(&'a self, facts: &'a HookFacts) -> BoxFuture<'a, Result<()>>;
}

/// What a hook is told.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct HookFacts {
    /// The database restored into, or whose place is taken.
    pub database: String,
    /// What became of the work; before it, nothing yet.
    pub outcome: Option<HookOutcome>,
    /// Under which name the old database is kept, after a swap.
    pub kept: Option<String>,
}

/// What became of the work that hooks stand around.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum HookOutcome {
    /// Done, and proven.
    Done,
    /// What was restored is not what was dumped; nothing of it bears the name.
    NotProven,
    /// Failed; what was there before is there.
    Failed,
    /// Stopped by request; what was there before is there.
    Interrupted,
}

impl HookOutcome {
    /// One word for it: `done`, `not_proven`, `failed`, `interrupted`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::NotProven => "not_proven",
            Self::Failed => "failed",
            Self::Interrupted => "interrupted",
        }
    }
}

/// Hooks that may be absent; what options carry.
#[derive(Clone, Default)]
pub(super) struct Around(Option<Arc<dyn Hooks>>);

impl fmt::Debug for Around {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match &self.0 {
            Some(_) => "Around(some)",
            None => "Around(none)",
        })
    }
}

impl Around {
    /// With these hooks.
    pub(super) fn of(hooks: Arc<dyn Hooks>) -> Self {
        Self(Some(hooks))
    }

    /// Whether there are any.
    pub(super) fn is_some(&self) -> bool {
        self.0.is_some()
    }

    /// Does the work between the hooks; `tell` says what became of it and what is kept. Hooks that
    /// failed after work that did not are returned beside its result; else they stand behind its error.
    pub(super) async fn run<T>(
        &self,
        database: &str,
        stop: &CancellationToken,
        watch: &Watch,
        work: impl Future<Output = Result<T>>,
        tell: impl FnOnce(&T) -> (HookOutcome, Option<String>),
    ) -> (Result<T>, Vec<String>) {
        let Some(hooks) = &self.0 else {
            return (work.await, Vec::new());
        };
        if stop.is_cancelled() {
            return (Err(stopped()), Vec::new());
        }
        let mut facts = HookFacts {
            database: database.to_owned(),
            outcome: None,
            kept: None,
        };
        let result = match hooks.before(&facts).await {
            Ok(()) if stop.is_cancelled() => Err(stopped()),
            Ok(()) => work.await,
            Err(error) => Err(error),
        };
        let (outcome, kept) = match &result {
            Ok(done) => tell(done),
            Err(error) if error.kind() == ErrorKind::Interrupted => {
                (HookOutcome::Interrupted, None)
            }
            Err(_) => (HookOutcome::Failed, None),
        };
        (facts.outcome, facts.kept) = (Some(outcome), kept);
        let mut failures = Vec::new();
        if let Err(error) = hooks.after(&facts).await {
            failures.push(error);
        } else if outcome == HookOutcome::Done {
            failures.extend(hooks.health(&facts).await.err());
        }
        let failures: Vec<String> = failures.iter().map(Error::to_string).collect();
        for failure in &failures {
            watch.notice(failure);
        }
        match result {
            Ok(done) => (Ok(done), failures),
            Err(error) => {
                let error = failures.iter().fold(error, Error::and_then);
                (Err(error), Vec::new())
            }
        }
    }
}

fn stopped() -> Error {
    Error::new(ErrorKind::Interrupted, "stopped by request")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::sync::Mutex;

    use futures::FutureExt;

    use super::*;

    /// Says what was called; one of the calls fails.
    #[derive(Default)]
    struct Spy {
        called: Mutex<Vec<String>>,
        failing: &'static str,
    }

    impl Spy {
        fn call(&self, name: &str, facts: &HookFacts) -> BoxFuture<'_, Result<()>> {
            let outcome = facts.outcome.map_or("", HookOutcome::as_str);
            self.called
                .lock()
                .unwrap()
                .push(format!("{name} {outcome}"));
            let failed = name == self.failing;
            async move {
                match failed {
                    true => Err(Error::new(ErrorKind::Conflict, "a hook failed")),
                    false => Ok(()),
                }
            }
            .boxed()
        }
    }

    impl Hooks for Spy {
        fn before<'a>(&'a self, facts: &'a HookFacts) -> BoxFuture<'a, Result<()>> {
            self.call("before", facts)
        }
        fn after<'a>(&'a self, facts: &'a HookFacts) -> BoxFuture<'a, Result<()>> {
            self.call("after", facts)
        }
        fn health<'a>(&'a self, facts: &'a HookFacts) -> BoxFuture<'a, Result<()>> {
            self.call("health", facts)
        }
    }

    async fn with(
        failing: &'static str,
        work: Result<HookOutcome>,
        stop: bool,
    ) -> (Vec<String>, Result<HookOutcome>, Vec<String>) {
        let spy = Arc::new(Spy {
            failing,
            ..Spy::default()
        });
        let token = CancellationToken::new();
        if stop {
            token.cancel();
        }
        let around = Around::of(Arc::clone(&spy) as Arc<dyn Hooks>);
        let work = async { work };
        let tell = |outcome: &HookOutcome| (*outcome, None);
        let (result, failures) = around
            .run("shop", &token, &Watch::default(), work, tell)
            .await;
        let called = spy.called.lock().unwrap().clone();
        (called, result, failures)
    }

    #[tokio::test]
    async fn what_was_stopped_is_started_again_whatever_happens() {
        let done = || Ok(HookOutcome::Done);
        let (called, result, failures) = with("", done(), false).await;
        assert_eq!(called, ["before ", "after done", "health done"]);
        assert!(result.is_ok() && failures.is_empty());
        let (called, result, _) = with("before", done(), false).await;
        assert_eq!(called, ["before ", "after failed"]);
        assert!(result.is_err());
        let failed = Err(Error::new(ErrorKind::Server, "no"));
        let (called, result, _) = with("after", failed, false).await;
        assert_eq!(called, ["before ", "after failed"]);
        assert_eq!(result.unwrap_err().to_string(), "no; a hook failed");
        let (called, ..) = with("", Ok(HookOutcome::NotProven), false).await;
        assert_eq!(called, ["before ", "after not_proven"]);
        for failing in ["after", "health"] {
            let (_, result, failures) = with(failing, done(), false).await;
            assert_eq!(failures, ["a hook failed"]);
            assert!(result.is_ok());
        }
        let (called, result, _) = with("", done(), true).await;
        assert_eq!(called, [""; 0]);
        assert_eq!(result.unwrap_err().kind(), ErrorKind::Interrupted);
    }
}
