//! What a simulator is started with.

use serde::Serialize;

/// An AWS access key that the Bedrock personality knows.
#[derive(Clone, Debug)]
pub struct AwsKey {
    /// Such as `AKIDSIMULATED0000001`.
    pub access_key_id: String,
    /// The secret; signs, never travels.
    pub secret_access_key: String,
    /// Must come as `x-amz-security-token` when it is set, and must not come otherwise.
    pub session_token: Option<String>,
}

/// Options of [`crate::Sim::start`].
#[derive(Clone, Debug)]
pub struct SimOptions {
    /// AWS access keys for signed calls to Bedrock.
    pub aws_keys: Vec<AwsKey>,
    /// The only region that signatures may be scoped to.
    pub region: String,
    /// Keys that every personality takes as bearer, and Anthropic's also as `x-api-key`.
    pub keys: Vec<String>,
    /// Ports on 127.0.0.1, in the order Bedrock, Anthropic, OpenAI, compatible; 0 lets the system choose.
    pub ports: [u16; 4],
    /// How many calls the books keep one by one; older ones remain in the totals.
    pub entries_max: usize,
    /// How many of the last calls keep their headers and body.
    pub details_max: usize,
    /// How much of a body the books keep.
    pub body_bytes_kept: usize,
    /// How many chats each personality bears at a time; it refuses others with 429. Absent: as many as come.
    pub chats_max: Option<u32>,
    /// Whether signed requests are kept whole, with the secrets of their keys, for [`crate::Sim::witness`].
    pub keep_signed: bool,
}

/// The key that the default options accept.
pub const DEFAULT_KEY: &str = "sim-provider-key";
/// The access key id that the default options accept.
pub const DEFAULT_ACCESS_KEY_ID: &str = "AKIDSIMULATED0000001";
/// Its secret.
pub const DEFAULT_SECRET_ACCESS_KEY: &str = "simulated-secret-access-key-for-tests-only";
/// The default region.
pub const DEFAULT_REGION: &str = "us-east-1";

impl Default for SimOptions {
    fn default() -> Self {
        Self {
            aws_keys: vec![AwsKey {
                access_key_id: DEFAULT_ACCESS_KEY_ID.to_owned(),
                secret_access_key: DEFAULT_SECRET_ACCESS_KEY.to_owned(),
                session_token: None,
            }],
            region: DEFAULT_REGION.to_owned(),
            keys: vec![DEFAULT_KEY.to_owned()],
            ports: [0; 4],
            entries_max: 200_000,
            details_max: 512,
            body_bytes_kept: 64 * 1024,
            chats_max: None,
            keep_signed: false,
        }
    }
}

/// Base addresses, such as `http://127.0.0.1:4000`; no trailing slash, no `/v1`.
#[derive(Clone, Debug, Serialize)]
pub struct Urls {
    /// Amazon Bedrock's runtime.
    pub bedrock: String,
    /// Amazon Bedrock's control plane: the same listener, under a path of its own.
    pub bedrock_control: String,
    /// Amazon Bedrock's mantle endpoint, on a port that the system chose.
    pub bedrock_mantle: String,
    /// Anthropic.
    pub anthropic: String,
    /// OpenAI.
    pub openai: String,
    /// A server that is compatible with OpenAI.
    pub compatible: String,
    /// AWS's STS, on a port that the system chose.
    pub sts: String,
    /// Where a machine finds credentials (containers, instance metadata, SSO), on a port that the system chose.
    pub places: String,
    /// A webhook that judges texts, on a port that the system chose.
    pub hook: String,
}
