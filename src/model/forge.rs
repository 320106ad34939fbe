//! Hosts of Git repositories, and the page on which each opens a pull request (contract, section 7).
//!
//! Nothing is asked of a host: its kind is told by its name, and the link is made from addresses. Sources:
//! GitHub "Using query parameters to create a pull request", GitLab "Push options", Azure DevOps and Bitbucket by their
//! own buttons, Gitea and Forgejo by their compare page.

use url::form_urlencoded::byte_serialize;

use super::address::Address;

/// The kinds of hosts whose pages are known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    GitHub,
    GitLab,
    Gitea,
    Azure,
    Bitbucket,
}

/// A repository on a host whose pages are known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Forge {
    kind: Kind,
    /// `https://host[:port]`
    origin: String,
    /// The path of the repository's page.
    path: String,
}

impl Forge {
    /// The host's page of a repository; `None` where the host's name does not tell its kind.
    #[must_use]
    pub fn of(address: &Address) -> Option<Self> {
        let host = address.host()?;
        // Hosts that take ssh at the port of https, for networks that let nothing else out.
        let host = match host.as_str() {
            "ssh.github.com" => "github.com".to_owned(),
            "altssh.gitlab.com" => "gitlab.com".to_owned(),
            "altssh.bitbucket.org" => "bitbucket.org".to_owned(),
            _ => host,
        };
        let kind = kind_of(&host)?;
        let (path, port) = address.path_and_port()?;
        let path = path.trim_matches('/').trim_end_matches(".git").to_owned();
        // Bitbucket Server has other pages than the cloud.
        if kind == Kind::Bitbucket && (path.starts_with("scm/") || path.contains("/scm/") || port == Some(7999)) {
            return None;
        }
        if kind == Kind::Azure {
            return azure(&host, &path);
        }
        // The port of ssh is not that of the pages.
        let port = port.filter(|_| address.scheme() == Some("https")).map(|port| format!(":{port}")).unwrap_or_default();
        Some(Self { kind, origin: format!("https://{host}{port}"), path })
    }

    fn page(&self) -> String {
        format!("{}/{}", self.origin, self.path)
    }

    fn owner(&self) -> &str {
        self.path.split('/').next().unwrap_or_default()
    }

    fn name(&self) -> &str {
        self.path.rsplit('/').next().unwrap_or_default()
    }

    /// The page that opens a pull request of `branch` onto `main`; the branch may lie in a fork.
    #[must_use]
    pub fn pull_request(&self, branch: &str, fork: Option<&Self>) -> String {
        let fork = fork.filter(|fork| fork.kind == self.kind && *fork != self);
        let from = fork.unwrap_or(self);
        let (plain, quoted) = (quote(branch, true), quote(branch, false));
        match self.kind {
            Kind::GitHub | Kind::Gitea => {
                let tail = if self.kind == Kind::GitHub { "?expand=1" } else { "" };
                let head = match fork {
                    None => plain,
                    Some(fork) if fork.name() == self.name() => format!("{}:{plain}", fork.owner()),
                    Some(fork) => format!("{}:{}:{plain}", fork.owner(), fork.name()),
                };
                format!("{}/compare/main...{head}{tail}", self.page())
            }
            Kind::GitLab => {
                let query = format!("merge_request%5Bsource_branch%5D={quoted}&merge_request%5Btarget_branch%5D=main");
                format!("{}/-/merge_requests/new?{query}", from.page())
            }
            Kind::Azure => format!("{}/pullrequestcreate?sourceRef={quoted}&targetRef=main", from.page()),
            Kind::Bitbucket => format!("{}/pull-requests/new?source={quoted}&dest=main", from.page()),
        }
    }

    /// What the push itself can say so that the host opens the pull request (GitLab).
    #[must_use]
    pub fn push_options(&self, title: &str) -> Vec<String> {
        if self.kind != Kind::GitLab {
            return Vec::new();
        }
        vec!["merge_request.create".into(), "merge_request.target=main".into(), format!("merge_request.title={title}")]
    }
}

fn kind_of(host: &str) -> Option<Kind> {
    let has = |word: &str| host.split(['.', '-']).any(|part| part == word);
    match host {
        "codeberg.org" => Some(Kind::Gitea),
        _ if host.ends_with("dev.azure.com") || host.ends_with(".visualstudio.com") => Some(Kind::Azure),
        _ if has("github") => Some(Kind::GitHub),
        _ if has("gitlab") => Some(Kind::GitLab),
        _ if has("gitea") || has("forgejo") => Some(Kind::Gitea),
        _ if has("bitbucket") => Some(Kind::Bitbucket),
        _ => None,
    }
}

/// `v3/org/project/name` over ssh, `org/project/_git/name` over https.
fn azure(host: &str, path: &str) -> Option<Forge> {
    let parts: Vec<_> = path.split('/').collect();
    let (origin, path) = match parts.as_slice() {
        ["v3", organisation, project, name] => ("https://dev.azure.com".to_owned(), format!("{organisation}/{project}/_git/{name}")),
        [.., "_git", _] => (format!("https://{host}"), path.to_owned()),
        _ => return None,
    };
    Some(Forge { kind: Kind::Azure, origin, path })
}

/// A branch in a URL; `/` may stand in a path.
fn quote(branch: &str, in_path: bool) -> String {
    let part = |text: &str| byte_serialize(text.as_bytes()).collect::<String>().replace('+', "%20");
    if in_path { branch.split('/').map(part).collect::<Vec<_>>().join("/") } else { part(branch) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BRANCH: &str = "contribute/goteborg/pupil-system-1.0.0+b1";

    fn forge(address: &str) -> Forge {
        Forge::of(&Address::parse(address).expect("an address")).expect("a known host")
    }

    #[test]
    fn each_host_has_its_page() {
        let path = "contribute/goteborg/pupil-system-1.0.0%2Bb1";
        let query = "contribute%2Fgoteborg%2Fpupil-system-1.0.0%2Bb1";
        for (address, page) in [
            ("https://github.com/org/kommun.git", format!("https://github.com/org/kommun/compare/main...{path}?expand=1")),
            ("git@github.com:org/kommun.git", format!("https://github.com/org/kommun/compare/main...{path}?expand=1")),
            ("https://codeberg.org/org/kommun", format!("https://codeberg.org/org/kommun/compare/main...{path}")),
            (
                "https://org@dev.azure.com/org/proj/_git/kommun",
                format!("https://dev.azure.com/org/proj/_git/kommun/pullrequestcreate?sourceRef={query}&targetRef=main"),
            ),
            (
                "git@ssh.dev.azure.com:v3/org/proj/kommun",
                format!("https://dev.azure.com/org/proj/_git/kommun/pullrequestcreate?sourceRef={query}&targetRef=main"),
            ),
            (
                "https://bitbucket.org/org/kommun.git",
                format!("https://bitbucket.org/org/kommun/pull-requests/new?source={query}&dest=main"),
            ),
            (
                "ssh://git@gitlab.kommun.example:2222/grupp/kommun.git",
                format!(
                    "https://gitlab.kommun.example/grupp/kommun/-/merge_requests/new?merge_request%5Bsource_branch%5D={query}&merge_request%5Btarget_branch%5D=main"
                ),
            ),
        ] {
            assert_eq!(forge(address).pull_request(BRANCH, None), page, "{address}");
        }
        let unknown = [
            "https://git.example/x.git",
            "https://bitbucket.kommun.example/scm/proj/kommun.git",
            "https://bitbucket.kommun.example/bitbucket/scm/proj/kommun.git",
            "ssh://git@bitbucket.kommun.example:7999/proj/kommun.git",
        ];
        for address in unknown {
            assert_eq!(Forge::of(&Address::parse(address).expect("an address")), None, "{address}");
        }
    }

    #[test]
    fn ssh_at_the_port_of_https_leads_to_the_same_page() {
        for (other, plain) in [
            ("ssh://git@ssh.github.com:443/org/kommun.git", "https://github.com/org/kommun.git"),
            ("ssh://git@altssh.gitlab.com:443/org/kommun.git", "https://gitlab.com/org/kommun.git"),
            ("ssh://git@altssh.bitbucket.org:443/org/kommun.git", "https://bitbucket.org/org/kommun.git"),
        ] {
            assert_eq!(forge(other), forge(plain), "{other}");
        }
    }

    #[test]
    fn a_fork_is_named_by_its_owner() {
        let (main, fork) = (forge("https://github.com/org/kommun.git"), forge("git@github.com:sundsvall/kommun.git"));
        assert_eq!(main.pull_request("b", Some(&fork)), "https://github.com/org/kommun/compare/main...sundsvall:b?expand=1");
        let renamed = forge("https://github.com/sundsvall/forum.git");
        assert_eq!(main.pull_request("b", Some(&renamed)), "https://github.com/org/kommun/compare/main...sundsvall:forum:b?expand=1");
    }
}
