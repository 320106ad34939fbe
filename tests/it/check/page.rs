//! `docs/rules.md` is made of the rules' own texts. With `FORUM_WRITE=1` this test writes it.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use forum::checks::{Rule, rules};

const HEAD: &str = "# The rules

<!-- Made of the rules' own texts: FORUM_WRITE=1 cargo test --test it check::page -->

What `forum check`, `forum publish` and `forum registry check` hold a component, a contribution and a registry against.
An error stops a publication, a warning is for a person to look at, and a note is good to know. `forum explain RULE` says
the same on the command line.

A finding that is meant to be is waived in `component.toml`, where a reviewer sees it. It stays as a note, with the
reason. A waiver without a finding is a warning.

```toml
[[check.waive]]
rule = \"private-address\"
path = \"docs/**\"                    # a glob; left out: all files
reason = \"addresses of a laboratory that is gone\"
```

";

fn section(rule: &Rule) -> String {
    let waive = if rule.waivable { "can be waived" } else { "cannot be waived" };
    let mend = rule.mend[..1].to_uppercase() + &rule.mend[1..];
    format!(
        "## {}\n\n*{}, {waive}.* {}\n\n- Why: {}\n- Source: {}\n- To mend it: {mend}.\n\n",
        rule.id,
        rule.severity.as_str(),
        rule.what,
        rule.why,
        rule.source
    )
}

#[test]
fn the_page_of_rules_says_what_the_rules_say() {
    let mut page = HEAD.to_owned();
    let list: Vec<_> = rules().iter().map(|rule| format!("[{0}](#{0})", rule.id)).collect();
    write!(page, "{}\n\n", list.join(" · ")).unwrap();
    page.extend(rules().iter().map(section));
    let page = page.trim_end().to_owned() + "\n";
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/rules.md");
    if std::env::var_os("FORUM_WRITE").is_some() {
        fs::write(&path, &page).unwrap();
    }
    let written = fs::read_to_string(&path).unwrap_or_default().replace("\r\n", "\n");
    assert!(written == page, "docs/rules.md is not what the rules say: FORUM_WRITE=1 cargo test --test it check::page");
}
