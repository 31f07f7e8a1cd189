//! An answer that is given again: the same bytes, under this call's own id, at no cost.
//!
//! The answer's own ids and its time stay as they were: it is that answer, and its age is told. A stream comes in one piece.

use super::Asked;
use crate::answer;
use crate::cost::Basis;
use crate::outcome::Counts;
use crate::settle::{Closing, Settlement};
use crate::snapshot::Snapshot;
use http::header::{AGE, CACHE_CONTROL};
use http::{HeaderMap, HeaderValue, Response, StatusCode};
use std::borrow::Cow;
use std::sync::Arc;
use tg_dialect::dialects::inbound;
use tg_kernel::clock::Timestamp;
use tg_kernel::dialect::Dialect;
use tg_kernel::record::{Cost, Ending};
use tg_kernel::reuse::{Hit, Kind};
use tg_net::body::OutBody;
use tg_store::answers::Kept;

/// An answer that is given again.
pub(crate) struct Given {
    kept: Arc<Kept>,
    dialect: Dialect,
    stream: bool,
    age_s: u64,
    /// How like its question is, in millionths; `None`: it is the same.
    likeness: Option<u32>,
    saved: Cost,
}

impl Given {
    pub(super) fn of(kept: Arc<Kept>, asked: &Asked<'_>, (snapshot, now): (&Snapshot, Timestamp)) -> Self {
        let origin = &kept.origin;
        let scope = snapshot.upstreams.get(&origin.served.provider);
        let scope = scope.map(|provider| provider.price_of(origin.served.dialect, &origin.served.model));
        let basis = Basis { scope: scope.map(Cow::Owned), unknown: asked.plan.unknown_price, snapshot };
        // At the price of now: what the same would cost.
        let saved = basis.price(origin.operation, &origin.served, &origin.usage, now);
        let age_s = now.since(origin.at).as_secs();
        let (dialect, stream) = (asked.head.dialect, asked.streams());
        Self { dialect, stream, age_s, likeness: None, saved: Cost { rates: None, ..saved }, kept }
    }

    /// The same of an answer to a question that is so like, in millionths.
    pub(super) fn like(self, likeness: u32) -> Self {
        Self { likeness: Some(likeness), ..self }
    }

    /// What the ledger is told.
    pub(super) fn told(&self) -> Hit {
        let origin = &self.kept.origin;
        Hit {
            kind: if self.likeness.is_some() { Kind::Alike } else { Kind::Exact },
            likeness: self.likeness,
            age_s: self.age_s,
            from: origin.call,
            provider: Arc::clone(&origin.served.provider),
            model: Arc::clone(&origin.served.model),
            usage: origin.usage,
            saved: self.saved.clone(),
        }
    }

    /// Hands it over, and pays the debt: nothing was used.
    pub(crate) fn answer(self, mut settlement: Settlement) -> Response<OutBody> {
        let mut headers = HeaderMap::new();
        if self.stream {
            answer::put_content_type(&mut headers, inbound(self.dialect).stream_content_type());
            headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
        } else {
            answer::put_content_type(&mut headers, "application/json");
        }
        settlement.lost(self.kept.origin.losses.clone());
        if let Some(record) = settlement.record() {
            answer::put_id(&mut headers, self.dialect.family(), record.id);
            answer::put_losses(&mut headers, &record.losses);
        }
        answer::put_guardrail(&mut headers, &settlement.guardrails());
        answer::put_standings(&mut headers, self.dialect.family(), &settlement.standings());
        answer::put_cache(&mut headers, settlement.cache_outcome());
        answer::put_saved(&mut headers, &self.saved);
        if let Some(likeness) = self.likeness {
            answer::put_likeness(&mut headers, likeness);
        }
        headers.insert(AGE, HeaderValue::from(self.age_s));
        settlement.first_token();
        let closing = Closing { ending: Ending::Ok, status: 200, fault: None, counts: Counts::NONE };
        let cost = settlement.close(closing);
        answer::put_cost(&mut headers, &cost);
        let mut response = Response::new(OutBody::from(self.kept.body.clone()));
        *response.status_mut() = StatusCode::OK;
        *response.headers_mut() = headers;
        response
    }
}
