//! `CODEOWNERS`, made from publisher files: the host asks the owners to review what is theirs.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::id::Name;

/// The file for one host, whose name in `accounts` of publisher files is `host`. Who has no account there is named in
/// it, and given back.
#[must_use]
pub fn code_owners<'a>(host: &str, owners: &'a [(Name, BTreeMap<String, String>)]) -> (String, Vec<&'a Name>) {
    let mut text = format!(
        "# Who reviews what, from `accounts.{host}` of publishers/*.toml. Add three lines for each new owner, and a line\n\
         # `* @your/maintainers` at the top for all the rest.\n"
    );
    let mut without = Vec::new();
    for (owner, accounts) in owners {
        match accounts.get(host) {
            Some(account) => {
                for place in [format!("components/{owner}/"), format!("index/{owner}/"), format!("publishers/{owner}.toml")] {
                    let _ = writeln!(text, "/{place} {account}");
                }
            }
            None => {
                let _ = writeln!(text, "# {owner} has no account here");
                without.push(owner);
            }
        }
    }
    (text, without)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn owners_without_an_account_are_left_out_and_named() {
        let owner = |name: &str, account: Option<&str>| {
            let accounts = account.map(|account| ("github".to_owned(), account.to_owned()));
            (name.parse::<Name>().expect("a name"), accounts.into_iter().collect())
        };
        let owners = [owner("goteborg", Some("@goteborg/integration")), owner("inera", None)];
        let (text, without) = code_owners("github", &owners);
        assert!(text.contains("\n/components/goteborg/ @goteborg/integration\n/index/goteborg/ @goteborg/integration\n"), "{text}");
        assert!(text.contains("# inera has no account here") && !text.contains("/inera"), "{text}");
        assert_eq!(without.len(), 1);
        assert!(code_owners("gitlab", &owners).1.len() == 2);
    }
}
