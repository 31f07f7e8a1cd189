//! What FinOps asks of a ledger: whether it agrees with the provider's bill and logs, and the same figures in the form
//! that cost tools read. Pure functions over rows; nothing here opens a store or prints.

pub mod advise;
pub mod bill;
pub mod books;
pub mod compare;
pub mod decimal;
mod files;
pub mod focus;
pub mod forecast;
mod input;
pub mod invocations;
pub mod model_name;
pub mod showback;
pub mod tolerance;

pub use input::BadInput;
