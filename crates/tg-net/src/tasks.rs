//! Background tasks: the only place that spawns. Tasks have a name, can be cancelled, and can be waited for.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use tokio::task::{JoinError, JoinHandle};

/// Starts a task on the current runtime. It ends when its future does, when it is cancelled, or with the runtime.
///
/// `name` is for the log line that a panic leaves. Dropping the handle leaves the task running.
///
/// # Panics
/// Outside of a Tokio runtime.
pub fn spawn<F>(name: &'static str, future: F) -> Task<F::Output>
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    Task { name, handle: tokio::spawn(future) }
}

/// A running task.
#[derive(Debug)]
pub struct Task<T> {
    name: &'static str,
    handle: JoinHandle<T>,
}

impl<T> Task<T> {
    /// Ends the task at its next await point. Waiting for it then yields `None`.
    pub fn cancel(&self) {
        self.handle.abort();
    }

    /// Whether the task has ended.
    #[must_use]
    pub fn is_finished(&self) -> bool {
        self.handle.is_finished()
    }
}

/// Waits for the end: the task's value, or `None` if it was cancelled or panicked (which is logged here).
impl<T> Future for Task<T> {
    type Output = Option<T>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<T>> {
        let name = self.name;
        Pin::new(&mut self.handle).poll(cx).map(|ended| ended.map_err(|e| report(name, &e)).ok())
    }
}

fn report(name: &'static str, error: &JoinError) {
    if error.is_panic() {
        tracing::error!(task = name, "a background task panicked");
    }
}

/// A set of tasks that end together: those of one worker, or of the background runtime.
#[derive(Clone, Debug, Default)]
pub struct Tasks {
    running: Arc<Mutex<Vec<Task<()>>>>,
}

impl Tasks {
    /// A set without tasks.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Starts a task that belongs to the set.
    ///
    /// # Panics
    /// Outside of a Tokio runtime.
    pub fn spawn<F>(&self, name: &'static str, future: F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let task = spawn(name, future);
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        running.retain(|task| !task.is_finished());
        running.push(task);
    }

    /// The names of the tasks that still run.
    #[must_use]
    pub fn names(&self) -> Vec<&'static str> {
        let running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        running.iter().filter(|task| !task.is_finished()).map(|task| task.name).collect()
    }

    /// Ends every task at its next await point.
    pub fn cancel(&self) {
        let running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        running.iter().for_each(Task::cancel);
    }

    /// Waits until every task has ended. Panics of tasks are logged.
    pub async fn join(&self) {
        loop {
            let next = self.running.lock().unwrap_or_else(PoisonError::into_inner).pop();
            let Some(task) = next else { return };
            task.await;
        }
    }
}

/// Runs hyper's own tasks: HTTP/2 streams and client connections. They end with their connection.
#[derive(Clone, Copy, Debug, Default)]
pub struct Spawner;

impl<F> hyper::rt::Executor<F> for Spawner
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    fn execute(&self, future: F) {
        drop(spawn("http", future));
    }
}

#[cfg(test)]
mod tests {
    use super::{Tasks, spawn};

    #[tokio::test]
    async fn a_task_yields_its_value_or_none() {
        assert_eq!(spawn("adds", async { 1 + 1 }).await, Some(2));
        let endless = spawn("endless", std::future::pending::<()>());
        endless.cancel();
        assert_eq!(endless.await, None);
        assert_eq!(spawn("falls", async { panic!("on purpose") }).await, None::<()>);
    }

    #[tokio::test]
    async fn a_set_is_cancelled_and_joined_together() {
        let tasks = Tasks::new();
        tasks.spawn("one", std::future::pending());
        tasks.spawn("two", std::future::pending());
        assert_eq!(tasks.names(), ["one", "two"]);
        tasks.cancel();
        tasks.join().await;
        assert!(tasks.names().is_empty());
    }
}
