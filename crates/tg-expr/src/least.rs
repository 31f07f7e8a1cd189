//! What every call needs for which a condition holds, as far as its parts that must all hold say so by themselves.

use cel::common::ast::operators::{EQUALS, GREATER, GREATER_EQUALS, LESS, LESS_EQUALS, LOGICAL_AND, NOT_EQUALS};
use cel::common::ast::{Expr, LiteralValue};
use tg_kernel::needs::Needs;

/// What such calls need at least; `None` where no call is such.
pub(crate) fn least(condition: &Expr) -> Option<Needs> {
    let mut needs = Needs::default();
    gather(condition, &mut needs).then_some(needs)
}

/// Whether it may hold at all.
fn gather(condition: &Expr, needs: &mut Needs) -> bool {
    match condition {
        Expr::Literal(LiteralValue::Boolean(value)) => *value.inner(),
        Expr::Ident(name) => {
            is_so(name, needs);
            true
        }
        Expr::Call(call) if call.func_name == LOGICAL_AND => call.args.iter().all(|part| gather(&part.expr, needs)),
        Expr::Call(call) => {
            if let [one, other] = call.args.as_slice() {
                compared(&call.func_name, &one.expr, &other.expr, needs);
            }
            true
        }
        _ => true,
    }
}

/// A fact that must be true.
fn is_so(name: &str, needs: &mut Needs) {
    match name {
        "tools" => needs.tools = true,
        "schema" => needs.json_schema = true,
        "reasoning" => needs.reasoning = true,
        _ => {}
    }
}

/// Two values that are compared: a fact with what stands there.
fn compared(how: &str, one: &Expr, other: &Expr, needs: &mut Needs) {
    match (one, other) {
        (Expr::Ident(name), Expr::Literal(literal)) => bounded(how, name, literal, needs),
        (Expr::Literal(literal), Expr::Ident(name)) => {
            let turned = match how {
                LESS => GREATER,
                LESS_EQUALS => GREATER_EQUALS,
                EQUALS | NOT_EQUALS => how,
                _ => return,
            };
            bounded(turned, name, literal, needs);
        }
        _ => {}
    }
}

fn bounded(how: &str, name: &str, literal: &LiteralValue, needs: &mut Needs) {
    let number = match literal {
        LiteralValue::Boolean(value) if how == EQUALS && *value.inner() => return is_so(name, needs),
        LiteralValue::Int(value) => *value.inner(),
        _ => return,
    };
    let least = match how {
        GREATER => number.saturating_add(1),
        GREATER_EQUALS | EQUALS => number,
        NOT_EQUALS if number == 0 => 1,
        _ => return,
    };
    let least = u64::try_from(least).unwrap_or_default();
    let count = u32::try_from(least).unwrap_or(u32::MAX);
    match name {
        "images" => needs.images = needs.images.max(count),
        "documents" => needs.documents = needs.documents.max(count),
        "input_tokens" => needs.input_tokens = needs.input_tokens.max(least),
        "output_tokens_max" => needs.output_tokens_max = needs.output_tokens_max.max(Some(least)),
        _ => {}
    }
}
