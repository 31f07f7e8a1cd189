//! Teams and keys.

use crate::fixture::at;
use crate::{Bed, on_every_store};
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Duration;
use tg_kernel::secret::Secret;
use tg_store::{
    DeclaredTeam, Directory, DirectoryError, IssuedKey, KeyKind, KeyRefusal, NewKey, Owner, SecretsKey, TagPolicy,
    TagSources, TeamPolicy, TeamState, UnknownProject,
};

const HERE: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

fn policy(projects: &[&str]) -> TeamPolicy {
    TeamPolicy {
        projects: projects.iter().map(|p| (*p).to_owned()).collect(),
        default_project: projects.first().map(|p| (*p).to_owned()),
        unknown_project: UnknownProject::Refuse,
        environments: vec!["production".to_owned()],
        cost_centre: Some("CC 7".into()),
        tags: TagPolicy {
            allowed: vec!["ticket".to_owned()],
            count_max: 4,
            sources: TagSources { header: true, body: false },
        },
        models: vec!["claude-*".to_owned()],
    }
}

fn declared(name: &str, projects: &[&str]) -> DeclaredTeam {
    DeclaredTeam { name: name.into(), policy: policy(projects) }
}

fn new_key(team: &str) -> NewKey {
    NewKey { team: team.to_owned(), ..NewKey::default() }
}

fn issue(directory: &Directory, team: &str) -> IssuedKey {
    directory.issue(&new_key(team), at(0)).unwrap()
}

fn refusal(directory: &Directory, key: &IssuedKey, seconds: i64) -> Option<KeyRefusal> {
    directory.find(key.secret.expose(), HERE, at(seconds)).err()
}

#[test]
fn a_key_opens_what_it_is_bound_to() {
    on_every_store(|bed| {
        let directory = bed.open().directory().unwrap();
        directory.create_team("search", policy(&["ranking"]), at(0)).unwrap();
        let new = NewKey {
            project: Some("ranking".to_owned()),
            environment: Some("production".to_owned()),
            models: vec!["claude-haiku-*".to_owned()],
            label: "batch job".to_owned(),
            ..new_key("search")
        };
        let key = directory.issue(&new, at(0)).unwrap();
        for directory in [&directory, &bed.open().directory().unwrap()] {
            let grant = directory.find(key.secret.expose(), HERE, at(1)).unwrap();
            assert_eq!(grant.key, key.record);
            assert_eq!(grant.team.policy, policy(&["ranking"]));
            assert_eq!(&*grant.principal.key_id, &*key.record.id);
            assert_eq!(grant.principal.project.as_deref(), Some("ranking"));
            assert_eq!(&*grant.principal.models, ["claude-haiku-*"]);
        }
        assert_eq!(directory.keys(), [key.record]);
    });
}

#[test]
fn keys_have_the_stated_form_and_are_never_shown_again() {
    on_every_store(|bed| {
        let directory = bed.open().directory().unwrap();
        directory.create_team("search", policy(&[]), at(0)).unwrap();
        let key = issue(&directory, "search");
        let (id, secret) = key.secret.expose().strip_prefix("sk-tg-").unwrap().split_once('-').unwrap();
        assert_eq!((id.len(), secret.len()), (12, 43));
        assert!((id.to_owned() + secret).chars().all(|c| c.is_ascii_alphanumeric()));
        assert_eq!(id, &*key.record.id);
        let grant = directory.find(key.secret.expose(), HERE, at(0)).unwrap();
        let shown = format!("{key:?} {grant:?} {directory:?} {}", bed.open().place());
        assert!(!shown.contains(secret));
        for file in std::fs::read_dir(bed.folder.path()).unwrap() {
            let bytes = std::fs::read(file.unwrap().path()).unwrap();
            assert!(memchr::memmem::find(&bytes, secret.as_bytes()).is_none(), "the store holds the secret");
        }
    });
}

#[test]
fn what_is_not_a_valid_key_is_refused_with_the_reason() {
    on_every_store(|bed| {
        let directory = bed.open().directory().unwrap();
        directory.create_team("search", policy(&[]), at(0)).unwrap();
        let key = issue(&directory, "search");
        let good = key.secret.expose();
        let other = issue(&directory, "search");
        let crossed = format!("{}{}", &good[..19], &other.secret.expose()[19..]);
        let multibyte = format!("{}é", &good[..good.len() - 2]);
        for (presented, refusal) in [
            ("", KeyRefusal::Missing),
            ("sk-tg-", KeyRefusal::Unknown),
            ("anything else", KeyRefusal::Unknown),
            (&good[..good.len() - 1], KeyRefusal::Unknown),
            (&good.to_uppercase(), KeyRefusal::Unknown),
            (&format!("{good} "), KeyRefusal::Unknown),
            (&crossed, KeyRefusal::Unknown),
            (&multibyte, KeyRefusal::Unknown),
        ] {
            assert_eq!(directory.find(presented, HERE, at(0)).err(), Some(refusal), "{presented}");
        }
    });
}

#[test]
fn a_key_ends_when_it_expires_or_is_revoked() {
    on_every_store(|bed| {
        let directory = bed.open().directory().unwrap();
        directory.create_team("search", policy(&[]), at(0)).unwrap();
        let new = NewKey { expires_at: Some(at(100)), ..new_key("search") };
        let expiring = directory.issue(&new, at(0)).unwrap();
        assert_eq!(refusal(&directory, &expiring, 99), None);
        assert_eq!(refusal(&directory, &expiring, 100), Some(KeyRefusal::Expired));
        let revoked = issue(&directory, "search");
        assert_eq!(directory.revoke(&revoked.record.id, at(5)).unwrap().revoked_at, Some(at(5)));
        assert_eq!(refusal(&directory, &revoked, 5), Some(KeyRefusal::Revoked));
        assert_eq!(directory.revoke(&revoked.record.id, at(9)).unwrap().revoked_at, Some(at(5)));
        let again = bed.open().directory().unwrap();
        assert_eq!(refusal(&again, &revoked, 5), Some(KeyRefusal::Revoked));
    });
}

#[test]
fn a_rotated_key_overlaps_with_its_successor() {
    on_every_store(|bed| {
        let directory = bed.open().directory().unwrap();
        directory.create_team("search", policy(&["ranking"]), at(0)).unwrap();
        let new = NewKey { project: Some("ranking".to_owned()), expires_at: Some(at(1000)), ..new_key("search") };
        let old = directory.issue(&new, at(0)).unwrap();
        let successor = directory.rotate(&old.record.id, Duration::from_secs(60), at(100)).unwrap();
        assert_eq!(successor.record.rotated_from.as_deref(), Some(&*old.record.id));
        assert_eq!(successor.record.project.as_deref(), Some("ranking"));
        assert_eq!(successor.record.expires_at, Some(at(1100)), "the same length of life");
        assert_eq!(refusal(&directory, &old, 159), None);
        assert_eq!(refusal(&directory, &old, 160), Some(KeyRefusal::Expired));
        assert_eq!(refusal(&directory, &successor, 160), None);
        let late = directory.rotate(&old.record.id, Duration::ZERO, at(200)).unwrap_err();
        assert!(matches!(late, DirectoryError::KeyEnded { .. }), "{late}");
        let long = directory.rotate(&successor.record.id, Duration::from_secs(1_000_000), at(200)).unwrap();
        assert_eq!(refusal(&directory, &successor, 1100), Some(KeyRefusal::Expired), "an overlap lengthens no life");
        assert_eq!(refusal(&directory, &long, 1100), None);
    });
}

#[test]
fn a_key_is_accepted_only_from_its_networks() {
    on_every_store(|bed| {
        let directory = bed.open().directory().unwrap();
        directory.create_team("search", policy(&[]), at(0)).unwrap();
        let networks = vec!["10.1.0.0/16".parse().unwrap(), "fd00::/8".parse().unwrap()];
        let key = directory.issue(&NewKey { networks, ..new_key("search") }, at(0)).unwrap();
        for (from, accepted) in [
            ("10.1.2.3", true),
            ("10.2.0.1", false),
            ("::ffff:10.1.2.3", true),
            ("fd12::1", true),
            ("2001:db8::1", false),
        ] {
            let found = directory.find(key.secret.expose(), from.parse().unwrap(), at(0));
            assert_eq!(found.err(), (!accepted).then_some(KeyRefusal::NetworkNotAllowed), "{from}");
        }
    });
}

#[test]
fn a_key_cannot_be_bound_to_what_the_team_has_not() {
    on_every_store(|bed| {
        let directory = bed.open().directory().unwrap();
        directory.create_team("search", policy(&["ranking"]), at(0)).unwrap();
        let wrong = [
            (new_key("nobody"), "there is no team 'nobody'"),
            (NewKey { project: Some("x".to_owned()), ..new_key("search") }, "no project 'x' (it has: ranking)"),
            (NewKey { environment: Some("x".to_owned()), ..new_key("search") }, "no environment 'x'"),
            (NewKey { expires_at: Some(at(0)), ..new_key("search") }, "expire in the past"),
            (NewKey { label: "l".repeat(1000), ..new_key("search") }, "label of at most"),
        ];
        for (new, message) in wrong {
            let refused = directory.issue(&new, at(0)).unwrap_err().to_string();
            assert!(refused.contains(message), "{refused}");
        }
        directory.set_team_state("search", TeamState::Disabled, at(1)).unwrap();
        let refused = directory.issue(&new_key("search"), at(1)).unwrap_err().to_string();
        assert!(refused.contains("disabled; enable it first"), "{refused}");
    });
}

#[test]
fn a_policy_must_not_contradict_itself() {
    on_every_store(|bed| {
        let directory = bed.open().directory().unwrap();
        let no_default =
            TeamPolicy { default_project: None, unknown_project: UnknownProject::BookToDefault, ..policy(&["a"]) };
        let other_default = TeamPolicy { default_project: Some("b".to_owned()), ..policy(&["a"]) };
        let tag = TeamPolicy {
            tags: TagPolicy { allowed: vec!["a=b".to_owned()], ..TagPolicy::default() },
            ..policy(&["a"])
        };
        for policy in [no_default, other_default, tag, policy(&["a\nb"])] {
            assert!(matches!(directory.create_team("t", policy, at(0)), Err(DirectoryError::Invalid(_))));
        }
        for name in ["", " a", "a\0", &"a".repeat(129)] {
            assert!(matches!(directory.create_team(name, policy(&[]), at(0)), Err(DirectoryError::Invalid(_))));
        }
        assert!(directory.teams().is_empty());
    });
}

#[test]
fn switching_a_team_off_stops_its_keys_at_once() {
    on_every_store(|bed| {
        let directory = bed.open().directory().unwrap();
        directory.create_team("search", policy(&[]), at(0)).unwrap();
        let key = issue(&directory, "search");
        directory.set_team_state("search", TeamState::Disabled, at(1)).unwrap();
        assert_eq!(refusal(&directory, &key, 1), Some(KeyRefusal::TeamNotActive));
        directory.set_team_state("search", TeamState::Active, at(2)).unwrap();
        assert_eq!(refusal(&directory, &key, 2), None);
        let changed = directory.set_team_policy("search", policy(&["new"]), at(3)).unwrap();
        assert_eq!((changed.updated_at, changed.created_at), (at(3), at(0)));
        let grant = directory.find(key.secret.expose(), HERE, at(3)).unwrap();
        assert_eq!(grant.team.policy.projects, ["new"]);
    });
}

#[test]
fn the_file_owns_what_it_declares() {
    on_every_store(|bed| {
        let directory = bed.open().directory().unwrap();
        let report = directory.sync_declared(&[declared("search", &["a"]), declared("ads", &[])], at(0)).unwrap();
        assert_eq!(report.added.len(), 2);
        assert!(
            directory.sync_declared(&[declared("search", &["a"]), declared("ads", &[])], at(1)).unwrap().is_empty()
        );
        let key = issue(&directory, "search");

        for refused in [
            directory.set_team_policy("search", policy(&["x"]), at(2)).unwrap_err(),
            directory.set_team_state("search", TeamState::Disabled, at(2)).unwrap_err(),
            directory.adopt_team("search", at(2)).unwrap_err(),
        ] {
            assert!(matches!(refused, DirectoryError::OwnedByFile { .. }), "{refused}");
        }

        let report = directory.sync_declared(&[declared("ads", &["b"])], at(3)).unwrap();
        assert_eq!((&*report.undeclared, &*report.changed), (&["search".into()][..], &["ads".into()][..]));
        assert_eq!(directory.team("search").unwrap().state, TeamState::Undeclared);
        assert_eq!(refusal(&directory, &key, 3), Some(KeyRefusal::TeamNotActive));

        let report = directory.sync_declared(&[declared("ads", &["b"]), declared("search", &["a"])], at(4)).unwrap();
        assert_eq!(&*report.changed, &[Arc::<str>::from("search")]);
        assert_eq!(refusal(&directory, &key, 4), None, "declared again, its keys work again");

        directory.sync_declared(&[declared("ads", &["b"])], at(5)).unwrap();
        let adopted = directory.adopt_team("search", at(6)).unwrap();
        assert_eq!((adopted.owner, adopted.state), (Owner::Store, TeamState::Active));
        directory.set_team_policy("search", policy(&["mine"]), at(7)).unwrap();
    });
}

#[test]
fn where_file_and_store_claim_one_team_the_file_wins_and_nothing_is_lost() {
    on_every_store(|bed| {
        let directory = bed.open().directory().unwrap();
        directory.create_team("search", policy(&["ours"]), at(0)).unwrap();
        let key = issue(&directory, "search");
        let report = directory.sync_declared(&[declared("search", &["theirs"])], at(1)).unwrap();
        assert_eq!(&*report.taken_over, &[Arc::<str>::from("search")]);
        let team = bed.open().directory().unwrap().team("search").unwrap();
        assert_eq!(
            (team.owner, &team.policy, &team.displaced),
            (Owner::File, &policy(&["theirs"]), &Some(policy(&["ours"])))
        );
        assert_eq!(refusal(&directory, &key, 1), None);
        assert!(directory.sync_declared(&[declared("search", &["theirs"])], at(2)).unwrap().is_empty());
    });
}

#[test]
fn a_bad_declaration_changes_nothing() {
    on_every_store(|bed| {
        let directory = bed.open().directory().unwrap();
        let twice = [declared("a", &[]), declared("b", &[]), declared("a", &[])];
        let refused = directory.sync_declared(&twice, at(0)).unwrap_err().to_string();
        assert!(refused.contains("'a' is declared twice"), "{refused}");
        assert!(directory.teams().is_empty() && bed.open().directory().unwrap().teams().is_empty());
    });
}

#[test]
fn edits_of_another_process_are_noticed_and_calls_are_not_taken_for_edits() {
    on_every_store(|bed| {
        let here = bed.open().directory().unwrap();
        let there = bed.open().directory().unwrap();
        there.create_team("search", policy(&[]), at(0)).unwrap();
        let key = issue(&there, "search");
        assert_eq!(refusal(&here, &key, 0), Some(KeyRefusal::Unknown));
        assert!(here.refresh_if_changed().unwrap());
        assert_eq!(refusal(&here, &key, 0), None);
        assert!(!here.refresh_if_changed().unwrap());
        bed.open().ledger_writer().unwrap().append(&[crate::fixture::record()]).unwrap();
        assert!(!here.refresh_if_changed().unwrap());
        there.revoke(&key.record.id, at(1)).unwrap();
        assert!(here.refresh_if_changed().unwrap());
        assert_eq!(refusal(&here, &key, 1), Some(KeyRefusal::Revoked));
        here.create_team("ads", policy(&[]), at(2)).unwrap();
        assert!(!here.refresh_if_changed().unwrap(), "one's own edits are no news");
    });
}

#[test]
fn edits_decide_on_what_the_store_holds_now() {
    on_every_store(|bed| {
        let (here, there) = (bed.open().directory().unwrap(), bed.open().directory().unwrap());
        there.create_team("search", policy(&[]), at(0)).unwrap();
        let key = issue(&there, "search");
        let revoked = here.revoke(&key.record.id, at(1)).unwrap();
        assert_eq!(revoked.revoked_at, Some(at(1)));
        let exists = here.create_team("search", policy(&[]), at(1)).unwrap_err();
        assert!(matches!(exists, DirectoryError::TeamExists { .. }), "{exists}");
    });
}

/// An older edit published after a newer one would bring a revoked key back to life.
#[test]
fn edits_at_once_are_published_in_their_order() {
    on_every_store(|bed| {
        let directory = bed.open().directory().unwrap();
        directory.create_team("search", policy(&["ranking"]), at(0)).unwrap();
        let keys: Vec<IssuedKey> = (0..60).map(|_| issue(&directory, "search")).collect();
        std::thread::scope(|scope| {
            let maker = scope.spawn(|| (0..120).for_each(|_| drop(issue(&directory, "search"))));
            for key in &keys {
                directory.revoke(&key.record.id, at(1)).unwrap();
                assert_eq!(refusal(&directory, key, 2), Some(KeyRefusal::Revoked));
            }
            maker.join().unwrap();
        });
        for key in &keys {
            assert_eq!(refusal(&directory, key, 2), Some(KeyRefusal::Revoked));
        }
    });
}

fn secrets_key(letter: char) -> SecretsKey {
    // 43 characters of base64 are 32 bytes when the last of them ends in zeros.
    SecretsKey::parse(&Secret::new(format!("{}A=", letter.to_string().repeat(42)))).unwrap()
}

fn new_access_key(team: &str) -> NewKey {
    NewKey { kind: KeyKind::Aws, ..new_key(team) }
}

fn opened(bed: &Bed, letter: char) -> Directory {
    bed.open().directory_with(Some(secrets_key(letter))).unwrap()
}

#[test]
fn an_access_key_s_secret_is_read_again_and_kept_encrypted() {
    on_every_store(|bed| {
        let directory = opened(bed, 'a');
        directory.create_team("search", policy(&["ranking"]), at(0)).unwrap();
        let new = NewKey { project: Some("ranking".to_owned()), ..new_access_key("search") };
        let key = directory.issue(&new, at(0)).unwrap();
        let (id, secret) = (key.record.id.clone(), key.secret.expose().to_owned());
        assert!(id.len() == 20 && id.starts_with("TGKA"), "{id}");
        assert!(id.bytes().all(|b| b.is_ascii_uppercase() || (b'2'..=b'7').contains(&b)), "{id}");
        assert!(secret.len() == 40 && secret.bytes().all(|b| b.is_ascii_alphanumeric()));
        for directory in [&directory, &opened(bed, 'a')] {
            let grant = directory.signer(&id).unwrap();
            assert_eq!(grant.signing_secret().map(Secret::expose), Some(&*secret));
            assert_eq!((&grant.key, grant.principal.project.as_deref()), (&key.record, Some("ranking")));
            assert!(!format!("{directory:?} {grant:?}").contains(&secret));
            for presented in [&*secret, &*id, &format!("sk-tg-{id}-{secret}")] {
                assert_eq!(directory.find(presented, HERE, at(0)).err(), Some(KeyRefusal::Unknown), "it is no bearer");
            }
        }
        let bearer = issue(&directory, "search");
        assert_eq!(directory.signer(&bearer.record.id).err(), Some(KeyRefusal::Unknown), "a bearer does not sign");
        for file in std::fs::read_dir(bed.folder.path()).unwrap() {
            let bytes = std::fs::read(file.unwrap().path()).unwrap();
            assert!(!bytes.windows(secret.len()).any(|w| w == secret.as_bytes()), "the secret is in a file");
        }
    });
}

#[test]
fn access_keys_end_as_other_keys_do() {
    on_every_store(|bed| {
        let directory = opened(bed, 'a');
        directory.create_team("search", policy(&[]), at(0)).unwrap();
        let new = NewKey { networks: vec!["127.0.0.0/8".parse().unwrap()], ..new_access_key("search") };
        let old = directory.issue(&new, at(0)).unwrap();
        let admits = |key: &IssuedKey, seconds| directory.signer(&key.record.id).unwrap().admits(HERE, at(seconds));
        let successor = directory.rotate(&old.record.id, Duration::from_secs(60), at(0)).unwrap();
        assert_eq!(successor.record.kind, KeyKind::Aws);
        assert!(directory.signer(&successor.record.id).unwrap().signing_secret().is_some());
        assert_eq!((admits(&old, 59), admits(&old, 60)), (Ok(()), Err(KeyRefusal::Expired)));
        let far = directory.signer(&successor.record.id).unwrap().admits("10.0.0.1".parse().unwrap(), at(0));
        assert_eq!(far, Err(KeyRefusal::NetworkNotAllowed));
        directory.set_team_state("search", TeamState::Disabled, at(1)).unwrap();
        assert_eq!(admits(&successor, 1), Err(KeyRefusal::TeamNotActive));
        directory.revoke(&successor.record.id, at(2)).unwrap();
        assert_eq!(admits(&successor, 2), Err(KeyRefusal::Revoked));
    });
}

#[test]
fn without_the_right_secrets_key_only_access_keys_fail() {
    on_every_store(|bed| {
        let right = opened(bed, 'a');
        right.create_team("search", policy(&[]), at(0)).unwrap();
        let (bearer, access) = (issue(&right, "search"), right.issue(&new_access_key("search"), at(0)).unwrap());
        assert!(right.unreadable().is_empty());
        for other in [bed.open().directory().unwrap(), opened(bed, 'b')] {
            assert_eq!(refusal(&other, &bearer, 0), None);
            assert_eq!(other.signer(&access.record.id).err(), Some(KeyRefusal::Unreadable));
            assert_eq!(other.unreadable(), std::slice::from_ref(&access.record.id));
            assert_eq!(other.key(&access.record.id), Some(access.record.clone()));
        }
        let without = bed.open().directory().unwrap();
        for refused in [
            without.issue(&new_access_key("search"), at(0)).unwrap_err(),
            without.rotate(&access.record.id, Duration::ZERO, at(0)).unwrap_err(),
        ] {
            assert!(matches!(refused, DirectoryError::NoSecretsKey), "{refused}");
            assert!(refused.to_string().contains("identity.secrets_key"), "{refused}");
        }
        without.revoke(&access.record.id, at(1)).unwrap();
        assert!(without.unreadable().is_empty(), "nobody misses it");
    });
}
