//! Bedrock as AWS's own clients see it, and as AWS sees the gateway: signatures in both directions, clients, sessions.

mod clients;
mod features;
mod frames;
mod identity;
mod incoming;
mod moto;
mod outgoing;
mod program;
mod refresh;
mod sessions;
mod surfaces;

use super::house::House;
use super::sdks::{Certs, Sdks};
use super::{Length, block_on};
use crate::running::Gateway;
use crate::setup;
use crate::suite::Tally;
use anyhow::{Context as _, Result, bail};
use serde_json::{Value, json};
use std::path::Path;
use std::thread;
use tg_sim::SimOptions;

/// Proves the claim.
///
/// # Errors
/// When it cannot be run.
pub fn prove(program: &Path, length: Length) -> Result<Tally> {
    setup::everything()?;
    // Built before anything is timed: it may take minutes of every core.
    let rust = Sdks::rust()?;
    // Most of the renewal is waiting, so it goes beside the rest. It is waited for also where the rest fails: its gateway
    // must not be left behind.
    let (renewed, rest) = thread::scope(|scope| {
        let renewed = scope.spawn(|| refresh::prove(program));
        let rest = all_but_renewal(program, length, rust);
        (renewed.join().unwrap_or_else(|_| bail!("the thread of the renewal panicked")), rest)
    });
    let mut tally = rest?;
    tally.add(renewed?.show());
    Ok(tally)
}

fn all_but_renewal(program: &Path, length: Length, rust: Sdks) -> Result<Tally> {
    let mut tally = Tally::default();
    incoming::signatures(length, &mut tally)?;
    let house = House::with(program, SimOptions { keep_signed: true, ..SimOptions::default() })?;
    let certs = Certs::make(program)?;
    let tls = house.beside(&certs.listen())?;
    let street = Street {
        house: &house,
        certs: &certs,
        doors: Door::all(&house, &[("http", &house.gateway), ("https", &tls)])?,
        python: Sdks::python()?,
        node: Sdks::node()?,
        rust,
    };
    features::prove(&street, &mut tally)?;
    clients::prove(&street, &mut tally)?;
    surfaces::prove(&street, &mut tally)?;
    tally.add(identity::prove(program, &street)?);
    tally.add(program::prove(&street)?);
    tally.add(frames::prove()?);
    let mut signed = house.sim.witness.seen();
    tls.end()?;
    let sessions = sessions::prove(program, &certs, &mut tally)?;
    signed.extend(sessions);
    tally.add(outgoing::prove(&signed)?);
    house.gateway.end()?;
    Ok(tally)
}

/// Everything that the clients are run with.
struct Street<'a> {
    house: &'a House,
    certs: &'a Certs,
    doors: Vec<Door<'a>>,
    python: Sdks,
    node: Sdks,
    rust: Sdks,
}

/// A way into a gateway: by which kind of connection, and with what.
struct Door<'a> {
    /// As tables show it.
    name: String,
    scheme: &'a str,
    /// `bearer` or `sigv4`.
    auth: &'static str,
    gateway: &'a Gateway,
    /// The access key's id and secret.
    access_key: (String, String),
}

impl<'a> Door<'a> {
    fn all(house: &House, gateways: &[(&'a str, &'a Gateway)]) -> Result<Vec<Self>> {
        let mut doors = Vec::new();
        for (scheme, gateway) in gateways {
            let url = format!("{}/admin/v1/keys", gateway.admin());
            let issued =
                block_on(async { house.client().post(&url, &json!({ "team": "default", "aws": true })).await })?;
            let text = |value: &Value| value.as_str().map(str::to_owned).context("no access key was issued");
            let access_key = (text(&issued["key"]["id"])?, text(&issued["secret"])?);
            for (auth, shown) in [("bearer", "bearer"), ("sigv4", "access key")] {
                let name = format!("{shown}, {scheme}");
                doors.push(Self { name, scheme, auth, gateway, access_key: access_key.clone() });
            }
        }
        Ok(doors)
    }

    /// A plan for a client that comes in here.
    fn plan(&self, certs: &Certs, cells: &[Value]) -> Value {
        let (id, secret) = &self.access_key;
        json!({
            "base_url": self.gateway.base(), "https_base_url": self.gateway.base(), "ca": certs.ca,
            "key": self.gateway.key(), "aws_cli": setup::aws_tool("aws"),
            "aws": { "auth": self.auth, "region": "eu-west-1", "access_key_id": id, "secret_access_key": secret },
            "cells": cells,
        })
    }
}

impl Street<'_> {
    /// The program that drives an SDK.
    fn driver(&self, sdk: &str) -> &Sdks {
        let all = [&self.python, &self.node];
        all.into_iter().find(|driver| driver.offered.get(sdk).is_some()).unwrap_or(&self.rust)
    }

    /// Runs cells of each SDK through these doors, the SDKs beside each other; answers results with the door's number.
    fn run(&self, plans: &[(&str, Vec<(usize, Value)>)]) -> Result<Vec<(usize, Value)>> {
        let outputs: Vec<Result<_>> = thread::scope(|scope| {
            let run = |sdk: &str, plans: &[(usize, Value)]| -> Result<Vec<(usize, Value)>> {
                let mut all = Vec::new();
                for (door, plan) in plans {
                    let lines = self.driver(sdk).drive(plan, &self.certs.ca)?;
                    all.extend(lines.into_iter().map(|line| (*door, line)));
                }
                Ok(all)
            };
            let started: Vec<_> = plans.iter().map(|(sdk, plans)| scope.spawn(move || run(sdk, plans))).collect();
            let joined = started.into_iter().map(|thread| thread.join());
            joined.map(|output| output.unwrap_or_else(|_| bail!("a client's thread panicked"))).collect()
        });
        let mut all = Vec::new();
        for output in outputs {
            all.extend(output?);
        }
        Ok(all)
    }
}
