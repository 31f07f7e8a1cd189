//! The admin interface as its callers see it: over HTTP, on a port of its own.

#[cfg(test)]
mod access;
#[cfg(test)]
mod bed;
#[cfg(test)]
mod docs;
#[cfg(test)]
mod ledger;
#[cfg(test)]
mod limits;
#[cfg(test)]
mod probes;
#[cfg(test)]
mod teams_and_keys;
