//! The catalogue from outside: costs against a table, lookups, overrides and their history, discounts, properties.

#[cfg(test)]
mod discounts;
#[cfg(test)]
mod embedded;
#[cfg(test)]
mod fixture;
#[cfg(test)]
mod golden;
#[cfg(test)]
mod history;
#[cfg(test)]
mod lists;
#[cfg(test)]
mod lookup;
#[cfg(test)]
mod overrides;
#[cfg(test)]
mod properties;
