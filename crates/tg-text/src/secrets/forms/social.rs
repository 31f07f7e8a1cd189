//! Credentials of social networks and media.

use super::{Form, form};

#[rustfmt::skip]
pub(super) const FORMS: &[Form] = &[
    form("facebook-access-token", "Meta", "access token", r"EAA[\a]{60,400} EAACEdEose0cBA\a{20,}"),
    form("instagram-token", "Meta", "access token of Instagram", r"IG(QV|QW|AA)[\j]{60,300}"),
    form("meta-llama-key", "Meta", "API key of Llama", r"LLM\|\d{10,20}\|[\j]{27}"),
    form("twitter-bearer-token", "X", "bearer token", r"AAAAAAAAAAAAAAAAAAAA[A-Za-z0-9%]{60,160}"),
    form("linkedin-token", "LinkedIn", "access token", r"AQ(V|U|X|W)[\j]{100,600}"),
    form("linkedin-client-secret", "LinkedIn", "client secret", r"WPL_AP(1|0)\.\a{16}\.[\B]{6}[=]{0,2}"),
    form("pinterest-token", "Pinterest", "access token", r"pin(a|r)_[\j]{60,140}"),
    form("vk-token", "VK", "access token", r"vk1\.a\.[\j]{80,260}"),
    form("tiktok-secret", "TikTok", "access token", r"act\.\a{40,80}![\d]{1,6}\.(va|us|eu|sg)"),
    form("spotify-token", "Spotify", "access token", r"BQ(A|B|C|D)[\j]{120,300}"),
    form("threads-token", "Meta", "access token of Threads", r"THAA[\j]{80,300}"),
    form("twitch-stream-key", "Twitch", "token of a stream", r"live_\d{7,11}_\a{30}"),
    form("twitch-chat-token", "Twitch", "token for chat", r"oauth:\l{30}"),
    form("steam-key", "Steam", "authentication cookie", r"steamLoginSecure=\d{17}%7C%7C[\a%._-]{40,}").behind("steamLoginSecure="),
    form("roblox-cookie", "Roblox", "session", r"_\|WARNING:-DO-NOT-SHARE-THIS\.--Sharing-this-will-allow-someone-to-log-in-as-you-and-to-steal-your-ROBUX-and-items\.\|_[\U]{100,}"),
    form("roblox-api-key", "Roblox", "key of the open cloud", r"rbxcrd-[\X-]{36} [\B]{48}ZXlKaGJHY2lPaU[\B]{60,}"),
    form("google-session-cookie", "YouTube", "cookie of a session", r"SAPISID=[\a/_-]{34}").behind("SAPISID="),
    form("intra42-secret", "42", "secret of an application", r"s-s4t2(ud|af)-\x{64}"),
];
