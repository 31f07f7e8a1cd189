//! Numbers that states give to people and firms: their forms, and what makes each one of them possible.

mod americas;
mod asia;
mod europe;
mod form;
mod north;
mod south;
mod united_states;

pub(super) use europe::is_usual_nir;
pub(super) use form::Form;

/// All forms.
pub(super) fn forms() -> impl Iterator<Item = &'static Form> {
    [united_states::FORMS, americas::FORMS, europe::FORMS, north::FORMS, south::FORMS, asia::FORMS]
        .into_iter()
        .flatten()
}
