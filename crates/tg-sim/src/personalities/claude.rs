//! Rules of Claude models that Messages and Converse share.

use crate::ask::Thinking;
use crate::shape::{Flaw, Node};
use serde_json::Value;

/// Reads `thinking`, which Converse carries among its additional fields.
pub(crate) fn read_thinking(thinking: &Node<'_>, output_max: Option<u64>) -> Result<Thinking, Flaw> {
    thinking.only(&["type", "budget_tokens", "display"])?;
    let display = thinking.get("display").map_or(Ok("summarized"), |n| n.one_of(&["summarized", "omitted"]))?;
    match thinking.need("type")?.one_of(&["enabled", "adaptive", "disabled", "between_tools"])? {
        "disabled" | "between_tools" => return Ok(Thinking::Off),
        "enabled" => {
            let budget = thinking.need("budget_tokens")?;
            if budget.whole()? < 1024 {
                return Err(budget.flaw("Input should be greater than or equal to 1024"));
            }
            if output_max.is_some_and(|max| max <= budget.value.as_u64().unwrap_or(0)) {
                return Err(budget.flaw("`max_tokens` must be greater than `thinking.budget_tokens`."));
            }
        }
        _ => {}
    }
    Ok(if display == "omitted" { Thinking::Omitted } else { Thinking::Shown })
}

/// A schema whose root object is closed, as structured outputs demand.
pub(crate) fn closed_schema(schema: &Node<'_>) -> Result<Value, Flaw> {
    let object = schema.object()?;
    if object.get("type") == Some(&Value::from("object"))
        && object.get("additionalProperties") != Some(&Value::Bool(false))
    {
        return Err(schema.flaw("For 'object' type, 'additionalProperties' must be explicitly set to false"));
    }
    Ok(schema.value.clone())
}
