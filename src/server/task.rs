use std::{fmt, sync::Arc};

use futures_util::future::BoxFuture;
use tokio_util::sync::CancellationToken;

use super::Portcullis;

/// A background task of an application.
#[derive(Clone)]
pub(super) struct Task {
    name: &'static str,
    run: Arc<dyn Fn(Portcullis) -> BoxFuture<'static, ()> + Send + Sync>,
}

impl fmt::Debug for Task {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Task").field("name", &self.name).finish_non_exhaustive()
    }
}

impl Task {
    pub(super) fn new<F>(name: &'static str, run: impl Fn(Portcullis) -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        Self { name, run: Arc::new(move |portcullis| Box::pin(run(portcullis))) }
    }

    /// Starts the task. It is dropped when `stop` is cancelled. If it panics, the server goes on without it.
    pub(super) fn start(&self, portcullis: &Portcullis, stop: &CancellationToken) {
        let (name, run, stop) = (self.name, Arc::clone(&self.run), stop.clone());
        let (server, tasks) = (portcullis.clone(), portcullis.app().tasks.clone());
        let work = tasks.spawn(async move { stop.run_until_cancelled_owned(run(server)).await });
        tasks.spawn(async move {
            match work.await {
                Ok(Some(())) => tracing::info!(task = name, "a task of the application has ended"),
                Ok(None) => {}
                Err(_) => tracing::error!(task = name, "a task of the application has panicked"),
            }
        });
    }
}
