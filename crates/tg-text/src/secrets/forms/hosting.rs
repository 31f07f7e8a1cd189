//! Credentials of hosts of source code.

use super::{Check, Form, form};

#[rustfmt::skip]
pub(super) const FORMS: &[Form] = &[
    form("github-pat", "GitHub", "personal access token", r"ghp_\a{36}").checked(Check::Crc32),
    form("github-oauth-token", "GitHub", "OAuth token", r"gho_\a{36}").checked(Check::Crc32),
    form("github-user-token", "GitHub", "user token of an application", r"ghu_\a{36}").checked(Check::Crc32),
    form("github-app-token", "GitHub", "installation token", r"ghs_\a{36}").checked(Check::Crc32),
    form("github-refresh-token", "GitHub", "refresh token", r"ghr_\a{36} ghr_\a{76}").checked(Check::Crc32),
    form("github-fine-grained-pat", "GitHub", "fine-grained personal access token", r"github_pat_\w{82} github_pat_\w{40,81}"),
    form("gitlab-pat", "GitLab", "personal access token", r"glpat-[\j]{20} glpat-[\j]{27,300}\.[\l.]{9,12}"),
    form("gitlab-deploy-token", "GitLab", "deploy token", r"gldt-[\j]{20}"),
    form("gitlab-runner-token", "GitLab", "runner's authentication token", r"glrt(r|)-[\j]{20} glrt-t\d_[\j]{20} glrt-[\j]{27,300}\.[\l.]{9,12}"),
    form("gitlab-runner-registration-token", "GitLab", "runner's registration token", r"GR1348941[\j]{20}"),
    form("gitlab-job-token", "GitLab", "job token", r"glcbt-[\j]{20,28} glcbt-\a{1,5}_[\j]{20}"),
    form("gitlab-trigger-token", "GitLab", "trigger token", r"glptt-[\j]{20,42}"),
    form("gitlab-oauth-secret", "GitLab", "OAuth application's secret", r"gloas-[\j]{64}"),
    form("gitlab-agent-token", "GitLab", "agent's token for Kubernetes", r"glagent-[\j]{50}"),
    form("gitlab-feed-token", "GitLab", "feed token", r"glft-[\j]{20}"),
    form("gitlab-mail-token", "GitLab", "incoming mail token", r"glimt-[\j]{25}"),
    form("gitlab-scim-token", "GitLab", "SCIM token", r"glsoat-[\j]{20}"),
    form("gitlab-feature-flag-token", "GitLab", "feature flag client's token", r"glffct-[\j]{20}"),
    form("gitlab-session-cookie", "GitLab", "session cookie", r"_gitlab_session=\x{32}").behind("_gitlab_session="),
    form("bitbucket-app-password", "Bitbucket", "application password", r"ATBB\a{32}"),
    form("bitbucket-access-token", "Bitbucket", "repository access token", r"ATCTT3xFfG[\j=]{100,220}"),
    form("atlassian-api-token", "Atlassian", "API token", r"ATATT3xFfG[\j=]{100,240}"),
    form("atlassian-connect-key", "Atlassian", "administration key", r"ATCB[\j]{60,} ATSTT3xFfG[\j=]{60,}"),
    form("trello-token", "Trello", "token", r"ATTA\x{64,72}"),
    form("sourcegraph-token", "Sourcegraph", "access token", r"sgp_\X{40} sgp_(local|\X{16})_\X{40} sgp_\X{16}_\X{40} sgp_local_\X{40}"),
    form("sourcegraph-license-key", "Sourcegraph", "dot-com or Cody gateway key", r"(sgd|slk|sgs)_\x{64}"),
];
