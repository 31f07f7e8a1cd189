//! What bills and logs say is read exactly, and what cannot be read is said clearly.

mod bills;
mod comparisons;
mod files;
mod focus;
mod logs;
mod rows;
mod showback;
