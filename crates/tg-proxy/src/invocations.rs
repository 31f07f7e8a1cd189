//! Asynchronous invocations after their start: one, or all that are the caller's. Beside calls: neither costs anything.

use crate::answer::{self, Verbatim};
use crate::flow::fault_response;
use crate::guarding::fault_of;
use crate::intake;
use crate::living::Worker;
use crate::looks::{TURNS_MAX, denied};
use crate::prepare::asynchronous::not_offered;
use crate::send::{Words, aws_caller, refused};
use crate::snapshot::Snapshot;
use crate::whois;
use bytes::Bytes;
use futures_util::future::try_join_all;
use http::header::{ACCEPT_ENCODING, HeaderValue};
use http::request::Parts;
use http::{HeaderMap, Request, Response};
use serde::Deserialize;
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::net::IpAddr;
use std::sync::Arc;
use tg_dialect::scan::Members;
use tg_dialect::splice::{Splice, json_string};
use tg_kernel::dialect::{Dialect, Family};
use tg_kernel::fault::{Class, Fault, Origin};
use tg_kernel::ids::CallId;
use tg_kernel::principal::Attribution;
use tg_net::body::{BodyLimits, OutBody};
use tg_policy::attribute;
use tg_policy::authenticate::Admitted;
use tg_policy::guard::{Inquiry, Subject};
use tg_upstream::attempt::attempt;
use tg_upstream::aws::Proof;
use tg_upstream::control::encoded;
use tg_upstream::headers;
use tg_upstream::provider::{Pass, Upstream};
use tg_upstream::providers::bedrock::{INVOCATIONS, Invocations, Judgement, region_of};

/// The dialect in which this is asked and answered.
const DIALECT: Dialect = Dialect::BedrockInvoke;

/// Most bytes of an answer.
const ANSWER_BYTES_MAX: usize = 4 << 20;

/// Most invocations on a page: of each it has to be known whose it is.
const PAGE: u64 = 100;

/// What a query may say, beside the place on which a page begins and its length.
const FILTERS: [&str; 5] = ["submitTimeAfter", "submitTimeBefore", "statusEquals", "sortBy", "sortOrder"];

/// Longest word of a filter, and longest time.
const WORD_BYTES_MAX: usize = 32;
const TIME_BYTES_MAX: usize = 35;

/// Longest place on which a page begins, as AWS has it.
const TOKEN_BYTES_MAX: usize = 2048;

/// Answers `GET /async-invoke`, and the same with what shall be an ARN behind it.
pub(crate) async fn answer(
    worker: &Arc<Worker>,
    snapshot: &Snapshot,
    head: &Parts,
    from: IpAddr,
    arn: Option<String>,
) -> Response<OutBody> {
    let id = CallId::fresh();
    match look(worker, snapshot, head, from, arn, id).await {
        Ok(Verbatim { status, mut headers, body }) => {
            answer::put_id(&mut headers, Family::Bedrock, id);
            let mut response = Response::new(OutBody::from(body));
            *response.status_mut() = status;
            *response.headers_mut() = headers;
            response
        }
        Err(fault) => {
            if let Some(cause) = fault.cause() {
                tracing::warn!(%id, code = fault.code, %cause, "asynchronous invocations could not be looked at");
            }
            fault_response(DIALECT, &fault, id)
        }
    }
}

async fn look(
    worker: &Arc<Worker>,
    snapshot: &Snapshot,
    head: &Parts,
    from: IpAddr,
    arn: Option<String>,
    id: CallId,
) -> Result<Verbatim, Fault> {
    let caller = whois::admit(worker, snapshot, head, from).await?;
    let booked = attribute::by_key(&caller.principal, &caller.team.policy);
    let mut upstreams: Vec<_> =
        snapshot.upstreams.values().filter(|one| one.provider.invocations().is_some()).collect();
    if upstreams.is_empty() {
        return Err(not_offered());
    }
    upstreams.sort_by(|a, b| a.name.cmp(&b.name));
    let look = Look { worker, head, caller, booked, id };
    match arn {
        Some(arn) => look.at_one(&upstreams, &arn).await,
        None => look.at_all(&upstreams, snapshot).await,
    }
}

/// A caller who looks at its invocations.
struct Look<'a> {
    worker: &'a Arc<Worker>,
    head: &'a Parts,
    caller: Admitted,
    booked: Attribution,
    id: CallId,
}

impl Look<'_> {
    /// One invocation, of the first provider that has it for this caller. What is known goes before what has to be asked
    /// for; an ARN is of one account, so that one clear answer counts more than the silence of others.
    async fn at_one(&self, upstreams: &[&Arc<Upstream>], arn: &str) -> Result<Verbatim, Fault> {
        if region_of(arn).is_none() {
            let message = "The invocation ARN is not valid: it must be as StartAsyncInvoke answered it.";
            return Err(Fault::malformed_at("invocationArn", message));
        }
        let path = format!("{INVOCATIONS}/{}", encoded(arn));
        let all = upstreams.iter().filter_map(|one| Some((*one, one.provider.invocations()?)));
        let candidates: Vec<_> = all.filter(|(_, invocations)| invocations.may_have(arn)).collect();
        for (upstream, invocations) in &candidates {
            match self.known(invocations, arn) {
                Some(Judgement::Theirs) => return self.ask(upstream, &path).await,
                Some(Judgement::Anothers) => return Err(not_found()),
                Some(Judgement::Absent | Judgement::Denied) | None => {}
            }
        }
        let (mut unknown, mut denial, mut is_absent) = (None, None, false);
        for (upstream, invocations) in &candidates {
            match self.whose(upstream, invocations, arn).await {
                Ok(Judgement::Theirs) => return self.ask(upstream, &path).await,
                Ok(Judgement::Anothers) => return Err(not_found()),
                Ok(Judgement::Absent) => is_absent = true,
                Ok(Judgement::Denied) => denial = Some(denied(upstream)),
                Err(fault) => unknown = Some(fault),
            }
        }
        Err(unknown.or_else(|| denial.filter(|_| !is_absent)).unwrap_or_else(not_found))
    }

    /// A page of one provider, without what is not the caller's. After a provider's last page comes the next provider.
    async fn at_all(&self, upstreams: &[&Arc<Upstream>], snapshot: &Snapshot) -> Result<Verbatim, Fault> {
        let query = Query::read(self.head.uri.query().unwrap_or_default())?;
        let (place, token) = match &query.next {
            None => (0, ""),
            Some(next) => {
                let (name, token) = next.split_once('.').unwrap_or((next, ""));
                let place = upstreams.iter().position(|upstream| *upstream.name == *name);
                let place = place.filter(|_| is_token(token));
                (place.ok_or_else(|| Fault::malformed_at("nextToken", "The nextToken is not valid."))?, token)
            }
        };
        self.may_say(token, snapshot)?;
        let Some(upstream) = upstreams.get(place) else { return Err(not_offered()) };
        let Some(invocations) = upstream.provider.invocations() else { return Err(not_offered()) };
        let mut page = self.ask(upstream, &query.path(token)).await?;
        if !page.status.is_success() {
            return Ok(page);
        }
        let after = upstreams.get(place + 1).map(|next| format!("{}.", next.name));
        page.body = self.kept(upstream, invocations, &page.body, after).await?;
        Ok(page)
    }

    /// Whether guardrails let what a caller wrote for the place of a page reach a provider. It is judged as names are.
    fn may_say(&self, token: &str, snapshot: &Snapshot) -> Result<(), Fault> {
        let subject = Subject { attribution: &self.booked, model: "" };
        let Some(guard) = snapshot.guards.of(&subject).filter(|_| !token.is_empty()) else { return Ok(()) };
        let named = guard.judge_names(&[Cow::Borrowed(token)], &mut Inquiry::default());
        named.verdict.block.map_or(Ok(()), |block| Err(fault_of(&block)))
    }

    /// A page with the caller's invocations only, each as it came. `after`: where it goes on after the last page.
    async fn kept(
        &self,
        upstream: &Arc<Upstream>,
        invocations: &Arc<Invocations>,
        page: &[u8],
        after: Option<String>,
    ) -> Result<Bytes, Fault> {
        const LIST: &str = "asyncInvokeSummaries";
        let members = Members::scan(page).map_err(|_| garbage())?;
        let list: Vec<&RawValue> = match members.get(LIST) {
            None | Some(b"null") => Vec::new(),
            Some(raw) => serde_json::from_slice(raw).map_err(|_| garbage())?,
        };
        let mut kept = Vec::new();
        // As many at once as a key may ask.
        for some in list.chunks(TURNS_MAX) {
            let judged = some.iter().map(|raw| self.if_theirs(upstream, invocations, raw.get()));
            kept.extend(try_join_all(judged).await?.into_iter().flatten());
        }
        let next = members.string("nextToken").map_err(|_| garbage())?;
        let next = next.map(|token| format!("{}.{token}", upstream.name)).or(after);
        let splice = Splice::new(&members).set(LIST, format!("[{}]", kept.join(",")));
        Ok(match next {
            Some(next) => splice.set("nextToken", json_string(&next)),
            None => splice.remove("nextToken"),
        }
        .finish())
    }

    /// The summary, if its invocation is the caller's.
    async fn if_theirs<'s>(
        &self,
        upstream: &Arc<Upstream>,
        invocations: &Arc<Invocations>,
        summary: &'s str,
    ) -> Result<Option<&'s str>, Fault> {
        let Summary { arn } = serde_json::from_str(summary).map_err(|_| garbage())?;
        invocations.seen(&arn);
        match self.whose(upstream, invocations, &arn).await? {
            Judgement::Theirs => Ok(Some(summary)),
            Judgement::Anothers | Judgement::Absent => Ok(None),
            Judgement::Denied => Err(denied(upstream)),
        }
    }

    fn known(&self, invocations: &Invocations, arn: &str) -> Option<Judgement> {
        invocations.judge(arn, &self.caller.principal, self.worker.living.clock.monotonic())
    }

    /// Whether an invocation is the caller's: from memory, or from its tags.
    async fn whose(
        &self,
        upstream: &Arc<Upstream>,
        invocations: &Arc<Invocations>,
        arn: &str,
    ) -> Result<Judgement, Fault> {
        if let Some(known) = self.known(invocations, arn) {
            return Ok(known);
        }
        let (caller, looks) = (&self.caller.principal, &self.worker.living.looks);
        let _turn = looks.turn(&caller.key_id).await?;
        // Somebody else may have asked meanwhile.
        if let Some(known) = self.known(invocations, arn) {
            return Ok(known);
        }
        Ok(looks.whose(self.worker, upstream, invocations, arn).await?.for_caller(caller))
    }

    /// Asks the provider in the caller's name.
    async fn ask(&self, upstream: &Upstream, path: &str) -> Result<Verbatim, Fault> {
        let living = &self.worker.living;
        let proof = match &upstream.identity {
            Some(identity) => living.aws.proof(identity, || aws_caller(living, self.booked.clone())).await?,
            None => Proof::Standing,
        };
        let mut request = Request::new(Bytes::new());
        *request.uri_mut() = upstream.provider.runtime_address(path)?;
        let sent = request.headers_mut();
        headers::copy_request(&self.head.headers, sent);
        sent.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        sent.insert("traceparent", answer::text(intake::trace(&self.head.headers).to_string()));
        sent.insert(answer::REQUEST_ID, answer::text(self.id.to_string()));
        let pass = Pass { proof: &proof, surface: None, now: living.clock.now() };
        let response = attempt(upstream, &self.worker.pools, request, &pass, upstream.timeouts.first_byte).await?;
        if !response.status().is_success() {
            let words = Words { spoken: upstream.provider.speaks(DIALECT), same: true, front: None };
            let refusal = refused(&words, response).await;
            let code = refusal.fault.code;
            let Some(mut verbatim) = refusal.verbatim else { return Err(refusal.fault) };
            answer::put_code(&mut verbatim.headers, code);
            return Ok(verbatim);
        }
        let (head, body) = response.into_parts();
        let limits =
            BodyLimits { bytes_max: ANSWER_BYTES_MAX, idle_timeout: upstream.timeouts.idle, whole_timeout: None };
        let body = tg_net::body::read(body, limits).await.map_err(|error| garbage().caused_by(error))?;
        let mut headers = HeaderMap::new();
        headers::copy_answer(&head.headers, &mut headers);
        Ok(Verbatim { status: head.status, headers, body })
    }
}

/// An invocation in a list, as far as it matters here.
#[derive(Deserialize)]
struct Summary<'a> {
    #[serde(borrow, rename = "invocationArn")]
    arn: Cow<'a, str>,
}

/// What a caller asks of a list.
#[derive(Debug, Default, PartialEq, Eq)]
struct Query {
    /// Name and value, the value encoded again.
    filters: Vec<(&'static str, String)>,
    length: Option<u64>,
    next: Option<String>,
}

impl Query {
    /// Of a name that stands twice, the first counts; names that AWS does not know are left out.
    ///
    /// # Errors
    /// `Class::Malformed` naming what cannot be decoded: without a filter the list would be longer than asked for; and what is
    /// no filter, which no guardrail sees.
    fn read(text: &str) -> Result<Self, Fault> {
        let mut query = Self::default();
        for pair in text.split('&') {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let known = FILTERS.into_iter().chain(["maxResults", "nextToken"]).find(|known| *known == name);
            let Some(name) = known else { continue };
            let value = crate::recognise::decode_segment(&value.replace('+', " ")).ok_or_else(|| {
                let message = format!("Invalid value for '{name}': it must be percent-encoded UTF-8.");
                Fault::malformed_at(name, message)
            })?;
            match name {
                "maxResults" => {
                    let length = value.parse().map_err(|_| {
                        Fault::malformed_at(name, "Invalid value for 'maxResults': it must be a number.")
                    })?;
                    query.length.get_or_insert(length);
                }
                "nextToken" => drop(query.next.get_or_insert(value)),
                _ if query.filters.iter().any(|(known, _)| *known == name) => {}
                _ if is_filter(name, &value) => query.filters.push((name, encoded(&value))),
                _ => return Err(Fault::malformed_at(name, format!("Invalid value for '{name}'."))),
            }
        }
        Ok(query)
    }

    /// Where the page that begins at `token` is asked for.
    fn path(&self, token: &str) -> String {
        let length = self.length.map_or(PAGE, |length| length.min(PAGE));
        let mut path = format!("{INVOCATIONS}?maxResults={length}");
        for (name, value) in &self.filters {
            path += &format!("&{name}={value}");
        }
        if !token.is_empty() {
            path += &format!("&nextToken={}", encoded(token));
        }
        path
    }
}

/// Whether a value is what AWS takes under a name: a time as it writes it, or one word.
fn is_filter(name: &str, value: &str) -> bool {
    if !name.starts_with("submitTime") {
        return value.len() <= WORD_BYTES_MAX && value.bytes().all(|b| b.is_ascii_alphabetic());
    }
    let bytes = value.as_bytes();
    let is_date = bytes.get(4) == Some(&b'-') && bytes.get(7) == Some(&b'-') && bytes.get(10) == Some(&b'T');
    is_date && value.len() <= TIME_BYTES_MAX && bytes.iter().all(|b| b.is_ascii_digit() || b"-:.TZ+".contains(b))
}

/// Whether a text may be the place on which a page begins: AWS takes all but blanks, and writes what stands in ASCII.
fn is_token(text: &str) -> bool {
    text.len() <= TOKEN_BYTES_MAX && text.bytes().all(|b| b.is_ascii_graphic())
}

/// The same for what is not there and for what is another's. Of the exceptions that AWS has for this, none says more.
fn not_found() -> Fault {
    let message = "The invocation was not found: there is none with this ARN that your team has started.";
    Fault::new(Class::Malformed, Origin::Caller, "invocation_not_found", message)
}

fn garbage() -> Fault {
    Fault::upstream_failed("upstream_garbage", "The provider's answer could not be read.")
}

#[cfg(test)]
mod tests {
    use super::{Query, TOKEN_BYTES_MAX, is_token};

    #[test]
    fn a_query_goes_on_as_far_as_aws_knows_it() {
        for (query, token, path) in [
            ("", "", "/async-invoke?maxResults=100"),
            ("maxResults=7&x=y&statusEquals=Completed", "", "/async-invoke?maxResults=7&statusEquals=Completed"),
            ("maxResults=1000&maxResults=3", "", "/async-invoke?maxResults=100"),
            (
                "submitTimeAfter=2026-01-01T00%3A00%3A00%2B01%3A00&submitTimeAfter=2",
                "t/=",
                "/async-invoke?maxResults=100&submitTimeAfter=2026-01-01T00%3A00%3A00%2B01%3A00&nextToken=t%2F%3D",
            ),
        ] {
            assert_eq!(Query::read(query).unwrap().path(token), path, "{query}");
        }
        assert_eq!(Query::read("nextToken=a.b%2Fc&nextToken=d").unwrap().next.as_deref(), Some("a.b/c"));
    }

    #[test]
    fn what_cannot_be_decoded_does_not_widen_a_list() {
        for (query, name) in [
            ("statusEquals=%zz", "statusEquals"),
            ("maxResults=7&submitTimeAfter=%ff", "submitTimeAfter"),
            ("nextToken=a%0a", "nextToken"),
            ("maxResults=%", "maxResults"),
            ("maxResults=a%26b", "maxResults"),
            ("maxResults=AKIAQ3EGRLZ5UPYW2KHD", "maxResults"),
            ("maxResults=-1", "maxResults"),
        ] {
            assert_eq!(Query::read(query).unwrap_err().param.as_deref(), Some(name), "{query}");
        }
        assert_eq!(Query::read("x=%zz").unwrap(), Query::default());
    }

    #[test]
    fn a_place_of_a_page_has_the_signs_and_the_length_that_aws_gives_it() {
        for text in ["", "10", "AAAAAXkBAQEAAAA+/=", "a.b-c_d:e", &"x".repeat(TOKEN_BYTES_MAX)] {
            assert!(is_token(text), "{text}");
        }
        for text in ["a b", "ignore all\u{a0}that", "\u{e9}", &"x".repeat(TOKEN_BYTES_MAX + 1)] {
            assert!(!is_token(text), "{text}");
        }
    }

    #[test]
    fn what_is_no_filter_carries_nothing() {
        for (name, value) in [
            ("statusEquals", "AKIAQ3EGRLZ5UPYW2KHD"),
            ("sortBy", "ada%40example.com"),
            ("sortOrder", "4111111111111111"),
            ("submitTimeAfter", "4111111111111111"),
            ("submitTimeBefore", "2026-01-01Tada"),
        ] {
            let query = format!("{name}={value}");
            assert_eq!(Query::read(&query).unwrap_err().param.as_deref(), Some(name), "{query}");
        }
        let usual = "submitTimeBefore=2026-01-01T00:00:00.5Z&sortBy=SubmissionTime&sortOrder=Descending&statusEquals=InProgress";
        assert_eq!(Query::read(usual).unwrap().filters.len(), 4);
    }
}
