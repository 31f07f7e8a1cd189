//! Credentials of chat, telephony and messages.

use super::{Form, form};

#[rustfmt::skip]
pub(super) const FORMS: &[Form] = &[
    form("slack-bot-token", "Slack", "bot token", r"xoxb-\d{8,14}-[\a-]{10,70}"),
    form("slack-user-token", "Slack", "user token", r"xox(p|e)-\d{8,14}-\d{7,14}-[\a-]{10,80}"),
    form("slack-app-token", "Slack", "application token", r"xapp-\d-\U{9,14}-\d{10,14}-\l{50,70}"),
    form("slack-workspace-token", "Slack", "workspace token", r"xox(a|r)-[\a-]{8,100}"),
    form("slack-legacy-token", "Slack", "token of the first kind", r"xox(s|o)-\d{6,14}-\d{6,14}-[\a-]{8,90}"),
    form("slack-client-token", "Slack", "token and cookie of a client", r"xox(c|d)-[\j%]{40,}"),
    form("slack-configuration-token", "Slack", "configuration token", r"xoxe\.xox(p|b)-\d-[\B]{100,}[=]{0,2} xoxe-\d-[\B]{100,}[=]{0,2}"),
    form("slack-webhook", "Slack", "webhook", r"hooks\.slack\.com/services/T[\U]{6,12}/B[\U]{6,12}/\a{20,26}"),
    form("slack-workflow-webhook", "Slack", "webhook of a workflow", r"hooks\.slack\.com/(workflows|triggers)/[\U]{6,12}/[\a/]{20,90}"),
    form("discord-bot-token", "Discord", "bot token", r"(MD|MT|Mj|Mz|ND|NT|Nj|Nz|OD|OT)(A|E|I|M|Q|U|Y|c|g|k)[\j]{20,25}\.[\j]{6}\.[\j]{27,38} mfa\.[\j]{80,90}"),
    form("discord-webhook", "Discord", "webhook", r"discord(app.com|.com)/api/webhooks/\d{16,20}/[\j]{60,80} discord(app.com|.com)/api/v\d{1,2}/webhooks/\d{16,20}/[\j]{60,80}"),
    form("telegram-bot-token", "Telegram", "bot token", r"\d{8}:A[\j]{34} \d{9}:A[\j]{34} \d{10}:A[\j]{34}"),
    form("teams-webhook", "Microsoft", "webhook of Teams", r"\.webhook\.office\.com/webhookb2/[\X-]{36}@[\X-]{36}/IncomingWebhook/\l{30,40}/[\X-]{36}"),
    form("teams-legacy-webhook", "Microsoft", "webhook of Teams, of the first kind", r"outlook\.office(365.com|.com)/webhook/[\X-]{36}@[\X-]{36}/IncomingWebhook/\l{30,40}/[\X-]{36}"),
    form("google-chat-webhook", "Google", "webhook of Chat", r"chat\.googleapis\.com/v1/spaces/[\j]{8,14}/messages?key=[\j]{35,45}&token=[\j%=]{40,60}"),
    form("matrix-access-token", "Matrix", "access token", r"syt_[\a=]{2,60}_\a{20}_\a{6}"),
    form("matrix-mas-token", "Matrix", "token of an authentication service", r"m(at|ct|rt)_\a{30}_\a{6}"),
    form("rocket-chat-webhook", "Rocket.Chat", "webhook", r"/hooks/\a{17}/\a{40,48}"),
    form("twilio-api-key", "Twilio", "API key", r"SK\x{32}"),
    form("telnyx-api-key", "Telnyx", "API key", r"KEY[\U]{32}_\a{22}"),
    form("chat-bot-webhook", "Feishu and DingTalk", "webhook of a bot", r"open\.(feishu.cn|larksuite.com)/open-apis/bot/v2/hook/[\X-]{36} oapi\.dingtalk\.com/robot/send?access_token=\x{64} qyapi\.weixin\.qq\.com/cgi-bin/webhook/send?key=[\X-]{36}"),
    form("intercom-access-token", "Intercom", "access token", r"dG9rO[\B]{54}="),
    form("webex-bot-token", "Webex", "access token of a bot", r"[\j]{64}_PF84_[\X-]{36} [\j]{64}_P0A1_[\X-]{36}"),
];
