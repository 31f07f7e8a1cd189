//! Conditions on a call: expressions of CEL over the facts of a call, checked when they are read, and cheap to ask.

mod facts;
mod least;

pub use facts::{Facts, KNOWN, Known};

use cel::{Context, Env, Program, Value};
use std::sync::{Arc, LazyLock};
use tg_kernel::needs::Needs;
use thiserror::Error;

/// Longest expression, in bytes.
pub const EXPRESSION_BYTES_MAX: usize = 2000;

/// Deepest nesting of an expression: what reads it goes as deep itself.
const DEPTH_MAX: usize = 24;

static ENVIRONMENT: LazyLock<Arc<Env>> = LazyLock::new(|| Arc::new(Env::stdlib()));

/// Why a text is no condition.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{message}")]
pub struct Refused {
    /// What is wrong.
    pub message: String,
    /// How to mend it.
    pub hint: String,
}

/// A condition on a call.
#[derive(Debug)]
pub struct Condition {
    text: Arc<str>,
    program: Program,
    asks_task: bool,
    asks_budget: bool,
}

impl Condition {
    /// Reads an expression, and tries it on calls of all kinds: what is no truth value then, or compares what cannot be
    /// compared, is refused.
    ///
    /// # Errors
    /// What is wrong with it, and how to mend it.
    pub fn compile(text: &str) -> Result<Self, Refused> {
        if text.trim().is_empty() || text.len() > EXPRESSION_BYTES_MAX {
            let message = format!("an expression has 1 to {EXPRESSION_BYTES_MAX} bytes, not {}", text.len());
            return Err(Refused { message, hint: "write a condition, as in `team == 'search'`".to_owned() });
        }
        if depth(text) > DEPTH_MAX {
            let message = format!("is nested more than {DEPTH_MAX} deep");
            return Err(Refused { message, hint: "write several targets with simpler conditions".to_owned() });
        }
        let program = ENVIRONMENT.compile(text).map_err(|errors| Refused {
            message: format!("is no expression of CEL: {}", first_line(&errors.to_string())),
            hint: "see docs/routing.md for examples".to_owned(),
        })?;
        let references = program.references();
        let unknown = references.variables().into_iter().find(|name| !facts::is_known(name));
        if let Some(name) = unknown.map(str::to_owned) {
            let known: Vec<&str> = KNOWN.iter().map(|known| known.name).collect();
            let hint = format!("there are {}", known.join(", "));
            return Err(Refused { message: format!("nothing is known as `{name}`"), hint });
        }
        let asks_task = references.has_variable("task") || references.has_variable("difficulty");
        let asks_budget = references.has_variable("budget_left");
        let condition = Self { text: text.into(), program, asks_task, asks_budget };
        for facts in facts::samples() {
            condition.value(&facts).map_err(|why| Refused {
                message: format!("cannot be decided for every call: {why}"),
                hint: "compare values of the same kind, and ask whether a tag is there (`'tier' in tags`) before \
                       what it says"
                    .to_owned(),
            })?;
        }
        Ok(condition)
    }

    /// Whether it holds for a call. One that cannot be decided does not hold.
    #[must_use]
    pub fn holds(&self, facts: &Facts<'_>) -> bool {
        self.value(facts).unwrap_or(false)
    }

    /// Whether it asks what kind of task a call is.
    #[must_use]
    pub const fn asks_task(&self) -> bool {
        self.asks_task
    }

    /// Whether it asks what is left of budgets.
    #[must_use]
    pub const fn asks_budget(&self) -> bool {
        self.asks_budget
    }

    /// What every call needs at least for which it holds, as far as that can be read off it; `None` where it holds for none.
    #[must_use]
    pub fn least(&self) -> Option<Needs> {
        least::least(&self.program.expression().expr)
    }

    /// The expression as it was written.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    fn value(&self, facts: &Facts<'_>) -> Result<bool, String> {
        let mut context = Context::with_env(Arc::clone(&ENVIRONMENT));
        context.set_variable_resolver(facts);
        match self.program.execute(&context) {
            Ok(Value::Bool(value)) => Ok(value),
            Ok(other) => Err(format!("it is a {}, not true or false", other.type_of())),
            Err(error) => Err(first_line(&error.to_string())),
        }
    }
}

/// How deep an expression may be nested: brackets that are open, and signs that stand before what follows.
fn depth(text: &str) -> usize {
    let (mut open, mut signs, mut deepest) = (0_usize, 0_usize, 0);
    for byte in text.bytes() {
        match byte {
            b'(' | b'[' | b'{' => open += 1,
            b')' | b']' | b'}' => open = open.saturating_sub(1),
            b'!' | b'-' | b'?' => signs += 1,
            b' ' => {}
            _ if byte.is_ascii_alphanumeric() => {}
            _ => signs = 0,
        }
        deepest = deepest.max(open + signs);
    }
    deepest
}

fn first_line(text: &str) -> String {
    let line = text.lines().next().unwrap_or_default();
    line.trim_start_matches("ERROR: <input>:").chars().take(200).collect()
}

#[cfg(test)]
mod tests;
