//! The catalogue from outside: costs against a table, lookups, overrides, properties of the embedded data.

#[cfg(test)]
mod discounts;
mod embedded;
#[cfg(test)]
mod fixture;
#[cfg(test)]
mod golden;
mod history;
#[cfg(test)]
mod lists;
#[cfg(test)]
mod lookup;
#[cfg(test)]
mod overrides;
#[cfg(test)]
mod properties;
