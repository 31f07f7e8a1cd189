//! What happens with pictures, files and what else no text can be read of, of requests and of answers.

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

/// What happens with what no text can be read of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Unreadable {
    /// The same with all of it.
    All(Unread),
    /// Each for itself.
    Each(UnreadableEach),
}

/// Each kind of what no text can be read of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct UnreadableEach {
    /// Pictures.
    pub image: UnreadImage,
    /// Sound.
    pub audio: Unread,
    /// Moving pictures.
    pub video: Unread,
    /// PDF, office documents and other files.
    pub document: UnreadFile,
    /// What stands elsewhere: a URL, the id of a file or of an earlier answer.
    pub reference: Unread,
    /// Texts as lists of token ids.
    pub tokens: Unread,
    /// Texts in which more is hidden (encoded, escaped, spelt out) than is decoded: 64 pieces and 64 KiB of a text.
    pub hidden: Unread,
    /// Pictures, sound, video and files of answers, whichever of them. Must be said where a rule of the set is in force for answers,
    /// and there alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answers: Option<UnreadAnswer>,
}

/// What happens with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Unread {
    /// It goes to the model unread.
    Allow,
    /// The call is refused.
    Block,
}

/// What happens with a picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum UnreadImage {
    /// It goes to the model unseen.
    Allow,
    /// The call is refused.
    Block,
    /// The services of the set's rules (`external`) that see pictures are asked about it, and what they say counts as of a text;
    /// the call is refused where they cannot be asked about it.
    Ask,
}

/// What happens with an answer that has any of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum UnreadAnswer {
    /// It goes on, and what is no text of it is unread.
    Allow,
    /// It is withheld.
    Block,
}

/// What happens with a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum UnreadFile {
    /// It goes to the model unread.
    Allow,
    /// The call is refused.
    Block,
    /// Its texts are taken out of it and checked by the set's rules; the call is refused where that cannot be done, or where
    /// a rule would change what the file says.
    Read,
}

impl Unreadable {
    /// Whether texts are taken out of files.
    #[must_use]
    pub const fn reads_documents(self) -> bool {
        matches!(self, Self::Each(UnreadableEach { document: UnreadFile::Read, .. }))
    }

    /// Whether services are asked about pictures.
    #[must_use]
    pub const fn asks_about_images(self) -> bool {
        matches!(self, Self::Each(UnreadableEach { image: UnreadImage::Ask, .. }))
    }

    /// What happens with answers that have any of it; `None` where nothing is said of that.
    #[must_use]
    pub const fn of_answers(self) -> Option<UnreadAnswer> {
        match self {
            Self::All(Unread::Allow) => Some(UnreadAnswer::Allow),
            Self::All(Unread::Block) => Some(UnreadAnswer::Block),
            Self::Each(each) => each.answers,
        }
    }

    /// Each kind of what requests have, by its name. A file that is read is not refused for being one, nor is a picture about
    /// which services are asked.
    #[must_use]
    pub const fn each(self) -> [(&'static str, Unread); 7] {
        let each = match self {
            Self::All(all) => UnreadableEach {
                image: match all {
                    Unread::Allow => UnreadImage::Allow,
                    Unread::Block => UnreadImage::Block,
                },
                audio: all,
                video: all,
                document: match all {
                    Unread::Allow => UnreadFile::Allow,
                    Unread::Block => UnreadFile::Block,
                },
                reference: all,
                tokens: all,
                hidden: all,
                answers: None,
            },
            Self::Each(each) => each,
        };
        let UnreadableEach { image, audio, video, document, reference, tokens, hidden, answers: _ } = each;
        let document = match document {
            UnreadFile::Allow | UnreadFile::Read => Unread::Allow,
            UnreadFile::Block => Unread::Block,
        };
        let image = match image {
            UnreadImage::Allow | UnreadImage::Ask => Unread::Allow,
            UnreadImage::Block => Unread::Block,
        };
        [
            ("image", image),
            ("audio", audio),
            ("video", video),
            ("document", document),
            ("reference", reference),
            ("tokens", tokens),
            ("hidden", hidden),
        ]
    }
}

/// A word for all, or each kind by itself.
pub(super) fn unreadable_schema(generator: &mut SchemaGenerator) -> Schema {
    let mut each = UnreadableEach::json_schema(generator);
    each.insert("title".to_owned(), "each".into());
    json_schema!({
        "description": "What happens with what no text can be read of. Must be said where a rule is in force. `document: read` takes the texts out of files; `image: ask` puts pictures to services that see them.",
        "oneOf": [
            { "const": "allow", "type": "string", "description": "All of it goes on unread." },
            { "const": "block", "type": "string", "description": "Calls with any of it are refused, and answers with pictures, sound, video or files withheld where a rule is in force for answers." },
            each,
        ],
    })
}
