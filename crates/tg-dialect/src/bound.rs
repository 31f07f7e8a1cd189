//! How much a model can have to read of a request at most, where a guess will not do.

use crate::scan::Members;
use memchr::memmem;
use serde::de::IgnoredAny;
use tg_kernel::fault::Fault;

/// Tokens that a provider may add to what stands in a request: its template, and what it tells a model of tools.
pub const TOKENS_ADDED_MAX: u64 = 2_000;

/// What shows that a request has more to it than its own text: pictures and files, whose bytes say nothing of their tokens;
/// what stands elsewhere; tools that the provider runs, whose results are read as well. Names and words as they stand in
/// JSON: text that speaks of them is escaped.
const MARKS: [&str; 30] = [
    "\"url\"",
    "\"image_url\"",
    "\"file_url\"",
    "\"server_url\"",
    "\"uri\"",
    "\"bytes\"",
    "\"base64\"",
    "\"image\"",
    "\"images\"",
    "\"input_image\"",
    "\"inputImage\"",
    "\"audio\"",
    "\"input_audio\"",
    "\"video\"",
    "\"document\"",
    "\"file\"",
    "\"input_file\"",
    "\"file_data\"",
    "\"file_id\"",
    "\"s3Location\"",
    "\"previous_response_id\"",
    "\"conversation\"",
    "\"container",
    "\"pmpt_",
    "\"web_",
    "\"file_search",
    "\"code_",
    "\"mcp",
    "\"nova_",
    "\"tool_search",
];

/// Escapes of letters, which would hide a mark.
const HIDDEN: [&str; 4] = ["\\u004", "\\u005", "\\u006", "\\u007"];

/// The members that ask for several answers at once, by dialect and family of models.
const COPIES: [&str; 4] = ["n", "num_generations", "numResults", "best_of"];

/// Most input tokens of a request that is nothing but text: a token is at least a byte. `None` where it has more to it.
#[must_use]
pub fn input_tokens_max(body: &[u8]) -> Option<u64> {
    let more = MARKS.iter().chain(&HIDDEN).any(|mark| memmem::find(body, mark.as_bytes()).is_some());
    (!more).then(|| (body.len() as u64).saturating_add(TOKENS_ADDED_MAX))
}

/// The members that hold several inputs of which each is read for itself, by dialect and family of models.
const INPUTS: [&str; 4] = ["input", "inputs", "texts", "images"];

/// How many inputs a request for vectors has, each of which may be as long as its model can read.
#[must_use]
pub fn inputs(members: &Members<'_>) -> u64 {
    let lists = INPUTS.iter().filter_map(|name| members.get(name));
    let counts =
        lists.filter_map(|list| serde_json::from_slice::<Vec<IgnoredAny>>(list).ok()).map(|list| list.len() as u64);
    counts.sum::<u64>().max(1)
}

/// How many pictures a request to a model that makes pictures asks for.
#[must_use]
pub fn pictures(members: &Members<'_>) -> u64 {
    let config = members.object("imageGenerationConfig").ok().flatten();
    let of_config = config.and_then(|config| config.u64("numberOfImages").ok().flatten());
    let several = ["samples", "n"].iter().filter_map(|name| members.u64(name).ok().flatten());
    several.chain(of_config).max().unwrap_or(1).max(1)
}

/// How many answers are asked for at once, where the request says so: the most that any of its members does.
///
/// # Errors
/// `Class::Malformed` for one that is no number.
pub(crate) fn answers(members: &Members<'_>) -> Result<Option<u64>, Fault> {
    COPIES.iter().try_fold(None, |most, name| Ok(most.max(members.u64(name)?)))
}

#[cfg(test)]
mod tests {
    use super::{TOKENS_ADDED_MAX, answers, input_tokens_max, inputs, pictures};
    use crate::scan::Members;
    use serde_json::json;

    #[test]
    fn only_what_is_nothing_but_text_is_bounded_by_its_bytes() {
        let said = |content: serde_json::Value| json!({"messages": [{"role": "user", "content": content}]}).to_string();
        for text in [
            said(json!("Grüße, 你好")),
            said(json!("what is an \"image_url\" or a \"file_id\" in a document")),
            r#"{"prompt":"\u00e4\u4f60"}"#.to_owned(),
        ] {
            assert_eq!(input_tokens_max(text.as_bytes()), Some(text.len() as u64 + TOKENS_ADDED_MAX), "{text}");
        }
        for more in [
            said(json!([{"type": "image_url", "image_url": {"url": "https://a"}}])),
            said(json!([{"type": "image", "source": {"type": "base64", "data": "aGk="}}])),
            said(json!([{"document": {"format": "pdf", "source": {"bytes": "aGk="}}}])),
            said(json!([{"type": "input_file", "file_id": "file-1"}])),
            json!({"input": "more", "previous_response_id": "resp_1"}).to_string(),
            json!({"input": "hi", "tools": [{"type": "web_search"}]}).to_string(),
            r#"{"input":[{"file_i\u0064":"file-1"}]}"#.to_owned(),
        ] {
            assert_eq!(input_tokens_max(more.as_bytes()), None, "{more}");
        }
    }

    #[test]
    fn several_inputs_and_pictures_are_several() {
        for (body, of_inputs, of_pictures) in [
            (r#"{"input":"hi"}"#, 1, 1),
            (r#"{"input":["a","b","c"]}"#, 3, 1),
            (r#"{"texts":["a"],"images":["b","c"]}"#, 3, 1),
            (r#"{"imageGenerationConfig":{"numberOfImages":4}}"#, 1, 4),
            (r#"{"samples":3}"#, 1, 3),
        ] {
            let members = Members::scan(body.as_bytes()).unwrap();
            assert_eq!((inputs(&members), pictures(&members)), (of_inputs, of_pictures), "{body}");
        }
    }

    #[test]
    fn several_answers_are_several() {
        for (body, wanted) in
            [("{}", None), (r#"{"n":3}"#, Some(3)), (r#"{"num_generations":2,"n":null,"best_of":1}"#, Some(2))]
        {
            assert_eq!(answers(&Members::scan(body.as_bytes()).unwrap()).unwrap(), wanted, "{body}");
        }
    }
}
