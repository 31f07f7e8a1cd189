//! Listener and client against each other and against raw sockets, on loopback, with real TLS.

#[cfg(test)]
mod certs;
#[cfg(test)]
mod client;
#[cfg(test)]
mod drain;
#[cfg(test)]
mod hostile;
#[cfg(test)]
mod protocols;
#[cfg(test)]
mod support;
