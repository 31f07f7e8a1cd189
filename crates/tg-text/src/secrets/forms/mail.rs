//! Credentials of mail, campaigns and notifications.

use super::{Form, form};

#[rustfmt::skip]
pub(super) const FORMS: &[Form] = &[
    form("sendgrid-api-key", "SendGrid", "API key", r"SG\.[\j]{22}\.[\j]{43} SG\.[\j]{16,32}\.[\j]{38,48}"),
    form("mailgun-api-key", "Mailgun", "API key", r"key-[\l]{32} pubkey-\x{32}"),
    form("mailchimp-api-key", "Mailchimp", "API key", r"\x{32}-us\d{1,2}"),
    form("mandrill-api-key", "Mandrill", "API key", r"md-[\j]{22}"),
    form("brevo-api-key", "Brevo", "API key", r"xkeysib-\x{64}-\a{16}"),
    form("brevo-smtp-key", "Brevo", "SMTP key", r"xsmtpsib-\x{64}-\a{16}"),
    form("resend-api-key", "Resend", "API key", r"re_\a{8}_\a{24}"),
    form("klaviyo-api-key", "Klaviyo", "private key", r"pk_\x{34}"),
    form("mailersend-api-token", "MailerSend", "API token", r"mlsn\.\x{64}"),
    form("onesignal-api-key", "OneSignal", "API key", r"os_v2_(app|org)_\l{90,110}"),
    form("pushbullet-token", "Pushbullet", "access token", r"o\.\a{32}"),
    form("courier-api-key", "Courier", "API key", r"(pk|dk)_(prod|test)_\U{28}"),
    form("knock-api-key", "Knock", "secret key", r"sk_(test|live)_[\j]{43}"),
    form("beamer-api-token", "Beamer", "API token", r"b_[\l=_-]{44}"),
    form("inngest-signing-key", "Inngest", "signing key", r"signkey-(prod|test|branch)-\x{64}"),
    form("trigger-dev-key", "Trigger.dev", "secret key", r"tr_(dev|prod|stg|pat)_\a{20,40}"),
    form("svix-webhook-secret", "Svix", "secret or key", r"whsec_[\B]{24,64}[=]{0,2} (sk|testsk)_[\j]{20,50}\.(us|eu|ca)"),
];
