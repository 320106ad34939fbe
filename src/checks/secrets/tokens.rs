//! Secrets that have a form of their own, as data: what stands near, the pattern, and a true and a false example.
//!
//! The examples are put together from parts, so that the scanners of Git hosts do not take this file for a leak. The
//! forms are those that the issuers document.

use super::super::rules::id;
use super::Judge;

/// One kind of secret.
pub(super) struct Detector {
    /// The rule that it breaks.
    pub(super) rule: &'static str,
    /// What was found, for the message.
    pub(super) what: &'static str,
    /// Only where one of these stands is the pattern tried. Case does not count here.
    pub(super) near: &'static [&'static str],
    /// The first group, where there is one, is the secret itself.
    pub(super) pattern: &'static str,
    /// What must hold beside the pattern.
    pub(super) judge: Judge,
    /// Found.
    #[cfg_attr(not(test), expect(dead_code, reason = "the examples are the tests"))]
    pub(super) yes: &'static str,
    /// Looks like it, and is none.
    #[cfg_attr(not(test), expect(dead_code, reason = "the examples are the tests"))]
    pub(super) no: &'static str,
}

macro_rules! token {
    ($what:literal, $near:expr, $pattern:expr, $yes:expr, $no:expr) => {
        Detector { rule: id::SECRET_TOKEN, what: $what, near: &$near, pattern: $pattern, judge: Judge::Made, yes: $yes, no: $no }
    };
}

macro_rules! webhook {
    ($what:literal, $near:expr, $pattern:expr, $yes:expr, $no:expr) => {
        Detector { rule: id::SECRET_WEBHOOK, what: $what, near: &$near, pattern: $pattern, judge: Judge::Made, yes: $yes, no: $no }
    };
}

macro_rules! password {
    ($what:literal, $near:expr, $pattern:expr, $yes:expr, $no:expr) => {
        Detector { rule: id::SECRET_PASSWORD, what: $what, near: &$near, pattern: $pattern, judge: Judge::Password, yes: $yes, no: $no }
    };
}

/// All of them.
pub(super) const DETECTORS: &[Detector] = &[
    Detector {
        rule: id::SECRET_PRIVATE_KEY,
        what: "a private key",
        near: &["private key"],
        pattern: r"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----",
        judge: Judge::Armour,
        yes: concat!("-----BEGIN RSA PRIV", "ATE KEY-----\nMIIEowIBAAKCAQEAq3k9Zp1vXc7uB2nR5tY8wLdFgHjKlMnOpQrStUvWxYz0123456789ab\n"),
        no: concat!("-----BEGIN PRIV", "ATE KEY-----\n...\n-----END PRIV", "ATE KEY-----"),
    },
    Detector {
        rule: id::SECRET_PRIVATE_KEY,
        what: "a private key of PuTTY",
        near: &["putty-user-key-file"],
        pattern: r"PuTTY-User-Key-File-[23]: [a-z0-9-]+",
        judge: Judge::Form,
        yes: concat!("PuTTY-User-Key-", "File-3: ssh-ed25519"),
        no: "PuTTY-User-Key-File is its first line",
    },
    Detector {
        rule: id::SECRET_PRIVATE_KEY,
        what: "a private key of age",
        near: &["age-secret-key-1"],
        pattern: r"AGE-SECRET-KEY-1[02-9AC-HJ-NP-Z]{58}",
        judge: Judge::Form,
        yes: concat!("AGE-SECRET-", "KEY-1QQPQYRZ8GF2TVDW0S3JN54KHCE6MUA7LQPZRY9X8GF2TVDW0S3JN54KHCE"),
        no: "AGE-SECRET-KEY-1...",
    },
    Detector {
        rule: id::SECRET_PASSWORD,
        what: "a user name and password of Basic authentication",
        near: &["basic "],
        pattern: r"(?i)\bbasic +([A-Za-z0-9+/_-]{8,}={0,2})",
        judge: Judge::Basic,
        yes: concat!("Authorization: Bas", "ic c3Zjc3luYzpWaW50ZXJkYWctMjAyNCE="),
        no: "Authorization: Basic dXNlcm5hbWU6cGFzc3dvcmQ=",
    },
    Detector {
        rule: id::SECRET_TOKEN,
        what: "a bearer token",
        near: &["bearer "],
        pattern: r"(?i)\bbearer +([A-Za-z0-9._~+/-]{20,}=*)",
        judge: Judge::Made,
        yes: concat!("Authorization: Bea", "rer 9f8Kd72hsGqPz41mVbX0cRtYuW6eLnA3"),
        no: "Authorization: Bearer your-access-token-goes-here",
    },
    Detector {
        rule: id::SECRET_TOKEN,
        what: "a JSON Web Token",
        near: &["eyj"],
        pattern: r"\beyJ[A-Za-z0-9_-]{14,}\.eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{20,}",
        judge: Judge::Jwt,
        yes: concat!("eyJhbGciOiJSUzI1NiIs", "ImtpZCI6IjEifQ.eyJpc3MiOiJodHRwczovL2lkLmtvbW11bi5zZSJ9.Zk3vQ9Lx2hTn8wRbYc5uJe1oPqAsDfGh"),
        no: concat!(
            "eyJhbGciOiJIUzI1NiIs",
            "InR5cCI6IkpXVCJ9.eyJzdWIiOiIxMjM0NTY3ODkwIiwibmFtZSI6IkpvaG4gRG9lIn0.SflKxwRJSMeKKF2QT4fwpMeJf36POk6yJV"
        ),
    },
    token!(
        "an access key of AWS",
        ["akia", "asia", "abia", "acca"],
        r"\b(?:AKIA|ASIA|ABIA|ACCA)[A-Z2-7]{16}\b",
        concat!("AK", "IAQ3EGZT5LWN7KXYRB"),
        "AKIAIOSFODNN7EXAMPLE"
    ),
    token!(
        "a token of GitHub",
        ["ghp_", "gho_", "ghu_", "ghs_", "ghr_"],
        r"\bgh[pousr]_[A-Za-z0-9]{36,}\b",
        concat!("gh", "p_k3J9xQ2mT7vB5nR8wL1zYc4uHd6sFgA0eP2i"),
        "ghp_xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
    ),
    token!(
        "a token of GitHub",
        ["github_pat_"],
        r"\bgithub_pat_[A-Za-z0-9_]{60,}\b",
        concat!("github_", "pat_11ABCDEFG0k3J9xQ2mT7vB5n_R8wL1zYc4uHd6sFgA0eP2iKoM5nQ8rT1vX4zB7cD9fG2hJ5k"),
        "github_pat_"
    ),
    token!(
        "a token of GitLab",
        ["glpat-", "gldt-", "glrt-", "glcbt-", "glptt-"],
        r"\bgl(?:pat|dt|rt|cbt|ptt)-[A-Za-z0-9_-]{20,}",
        concat!("glp", "at-x7Kq2mT9vB4nR8wL1zYc"),
        "glpat-XXXXXXXXXXXXXXXXXXXX"
    ),
    token!(
        "a token of Slack",
        ["xoxb-", "xoxp-", "xoxa-", "xoxr-", "xoxs-", "xapp-"],
        r"\bx(?:ox[baprs]|app)-[0-9A-Za-z-]{20,}",
        concat!("xox", "b-284719305612-7Kq2mT9vB4nR8wL1zYc4uHd6"),
        "xoxb-your-token-goes-here-please"
    ),
    token!(
        "an API key of Google",
        ["aiza"],
        r"\bAIza[0-9A-Za-z_-]{35}\b",
        concat!("AI", "zaSyD3k9Zp1vXc7uB2nR5tY8wLdFgHjKlMnOp"),
        "AIzaXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXX"
    ),
    token!(
        "a client secret of Google",
        ["gocspx-"],
        r"\bGOCSPX-[A-Za-z0-9_-]{28}\b",
        concat!("GOC", "SPX-k3J9xQ2mT7vB5nR8wL1zYc4uHd6s"),
        "GOCSPX-your-client-secret"
    ),
    token!(
        "a key of Azure Storage",
        ["accountkey="],
        r"(?i)AccountKey=([A-Za-z0-9+/]{86}==)",
        concat!(
            "AccountName=skola;Account",
            "Key=k3J9xQ2mT7vB5nR8wL1zYc4uHd6sFgA0eP2iKoM5nQ8rT1vX4zB7cD9fG2hJ5kLm8pQrS6tUvW3xYzAaBbCcDd=="
        ),
        "AccountKey=Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
    ),
    token!(
        "a key of Azure Service Bus",
        ["sharedaccesskey="],
        r"(?i)SharedAccessKey=([A-Za-z0-9+/]{43}=)",
        concat!("Endpoint=sb://x/;SharedAccess", "Key=k3J9xQ2mT7vB5nR8wL1zYc4uHd6sFgA0eP2iKoM5nQ8="),
        "SharedAccessKey=<key>"
    ),
    token!(
        "a shared access signature of Azure",
        ["sig="],
        r"[?&;]sig=([A-Za-z0-9%+/_-]{40,120}={0,2})",
        concat!("https://x.blob.core.windows.net/a?sv=2022-11-02&s", "ig=k3J9xQ2mT7vB5nR8wL1zYc4uHd6sFgA0eP2iKoM5nQ8%3D"),
        "?sv=2022-11-02&sig=<signature>"
    ),
    token!(
        "a client secret of Entra ID",
        ["q~"],
        r"(?:^|[^A-Za-z0-9_~.-])([A-Za-z0-9_~.-]{3}[0-9]Q~[A-Za-z0-9_~.-]{31,34})(?:$|[^A-Za-z0-9_~.-])",
        concat!("'k3J8", "Q~xQ2mT7vB5nR8wL1zYc4uHd6sFgA0eP2iKo'"),
        "abc8Q~"
    ),
    token!(
        "a token of Azure DevOps",
        ["azdo"],
        r"\b[A-Za-z0-9]{52,76}JQQJ99[A-Za-z0-9]{10,20}AZDO[A-Za-z0-9]{4}\b|\b[A-Za-z0-9]{76}AZDO[A-Za-z0-9]{4}\b",
        concat!("k3J9xQ2mT7vB5nR8wL1zYc4uHd6sFgA0eP2iKoM5nQ8rT1vX4zB7cD9fG2hJ5kLm8pQrS6tUvW3x", "AZ", "DO1a2b"),
        "AZDO organisation"
    ),
    token!(
        "a function key of Azure",
        ["azurewebsites.net"],
        r"azurewebsites\.net/[!->@-~]+\?(?:[^\s]{0,100}&)?code=([A-Za-z0-9_%/+=-]{40,120})",
        concat!("https://x.azurewebsites.net/api/f?co", "de=k3J9xQ2mT7vB5nR8wL1zYc4uHd6sFgA0eP2iKoM5nQ8rT1vX4zB7cA=="),
        "https://x.azurewebsites.net/api/f?code=<key>"
    ),
    token!(
        "an API key of OpenAI",
        ["t3blbkfj"],
        r"\bsk-[A-Za-z0-9_-]{16,100}T3BlbkFJ[A-Za-z0-9_-]{16,100}",
        concat!("sk-k3J9xQ2mT7vB5nR8wL1z", "T3Blbk", "FJYc4uHd6sFgA0eP2iKoM5"),
        "sk-T3BlbkFJ"
    ),
    token!(
        "an API key of Anthropic",
        ["sk-ant-"],
        r"\bsk-ant-[a-z0-9]{3,10}-[A-Za-z0-9_-]{60,120}",
        concat!("sk-a", "nt-api03-k3J9xQ2mT7vB5nR8wL1zYc4uHd6sFgA0eP2iKoM5nQ8rT1vX4zB7cD9fG2hJ5kLm8pQrS6tU"),
        "sk-ant-api03-..."
    ),
    token!("a token of Hugging Face", ["hf_"], r"\bhf_[A-Za-z]{34}\b", concat!("h", "f_kJxQmTvBnRwLzYcuHdsFgAePiKoMnQrTvX"), "hf_token"),
    token!(
        "a live key of Stripe",
        ["k_live_"],
        r"\b[sr]k_live_[0-9a-zA-Z]{24,}",
        concat!("sk_", "live_k3J9xQ2mT7vB5nR8wL1zYc4u"),
        "sk_live_..."
    ),
    token!(
        "a key of SendGrid",
        ["sg."],
        r"\bSG\.[A-Za-z0-9_-]{22}\.[A-Za-z0-9_-]{43}\b",
        concat!("S", "G.k3J9xQ2mT7vB5nR8wL1zYc.4uHd6sFgA0eP2iKoM5nQ8rT1vX4zB7cD9fG2hJ5kLm8"),
        "SG.x.y"
    ),
    token!(
        "a token of npm",
        ["npm_"],
        r"\bnpm_[A-Za-z0-9]{36}\b",
        concat!("np", "m_k3J9xQ2mT7vB5nR8wL1zYc4uHd6sFgA0eP2i"),
        "npm_config_registry"
    ),
    token!(
        "a token of PyPI",
        ["pypi-ageicHlwaS5vcmc"],
        r"\bpypi-AgEIcHlwaS5vcmc[A-Za-z0-9_-]{50,}",
        concat!("pyp", "i-AgEIcHlwaS5vcmck3J9xQ2mT7vB5nR8wL1zYc4uHd6sFgA0eP2iKoM5nQ8rT1vX4zB7cD9f"),
        "pypi-AgEIcHlwaS5vcmc"
    ),
    token!("an API key of NuGet", ["oy2"], r"\boy2[a-z0-9]{43}\b", concat!("oy", "2k3j9xq2mt7vb5nr8wl1zyc4uhd6sfga0ep2ikom5nq8"), "oy2"),
    token!(
        "a token of Docker",
        ["dckr_pat_"],
        r"\bdckr_pat_[A-Za-z0-9_-]{27}",
        concat!("dckr", "_pat_k3J9xQ2mT7vB5nR8wL1zYc4uHd6"),
        "dckr_pat_..."
    ),
    token!(
        "a token of HashiCorp Vault",
        ["hvs.", "hvb."],
        r"\bhv[sb]\.[A-Za-z0-9_-]{24,}",
        concat!("hv", "s.CAESIk3J9xQ2mT7vB5nR8wL1zYc4uHd6sFgA0eP2iKo"),
        "hvs.example"
    ),
    token!(
        "a token of Mailchimp",
        ["-us"],
        r"\b[0-9a-f]{32}-us[0-9]{1,2}\b",
        concat!("7f3c1e9a5b2d48060e8f4ac7d19b35e2", "-us14"),
        "en-us1"
    ),
    webhook!(
        "an incoming webhook of Teams",
        ["webhook.office.com", "outlook.office.com/webhook"],
        r"https://[A-Za-z0-9.-]*office\.com/webhook[a-z0-9]*/[0-9a-fA-F-]{36}@[0-9a-fA-F-]{36}/IncomingWebhook/[0-9a-zA-Z]{20,80}",
        concat!(
            "https://kommun.webhook.off",
            "ice.com/webhookb2/0b6a8f52-7c1d-4e3a-9f20-d35c7be41a68@1c7b9e63-8d2e-4f4b-a031-e46d8cf52b79/IncomingWebhook/7f3c1e9a5b2d48060e8f4ac7d19b35e2/x"
        ),
        "https://kommun.webhook.office.com/webhookb2/<id>"
    ),
    webhook!(
        "the address of a flow of Power Automate or Logic Apps",
        ["logic.azure.com", "api.powerplatform.com"],
        r"https://[A-Za-z0-9.:-]*(?:logic\.azure\.com|api\.powerplatform\.com)[A-Za-z0-9.:-]*/[!-~]+?[?&]sig=([A-Za-z0-9_%-]{20,120})",
        concat!(
            "https://prod-12.westeurope.logic.az",
            "ure.com:443/workflows/7f3c1e9a5b2d48060e8f4ac7d19b35e2/triggers/manual/paths/invoke?api-version=2016-06-01&sig=k3J9xQ2mT7vB5nR8wL1zYc4uHd6sFgA0eP2iKoM5nQ8"
        ),
        "https://prod-12.westeurope.logic.azure.com/workflows/x?sig=<signature>"
    ),
    webhook!(
        "an incoming webhook of Slack",
        ["hooks.slack.com"],
        r"https://hooks\.slack\.com/(?:services|workflows|triggers)/[A-Za-z0-9]{8,}/[A-Za-z0-9]{8,}/[A-Za-z0-9]{16,}",
        concat!("https://hooks.sla", "ck.com/services/T04K9Q2MX/B05R8WL1Z/k3J9xQ2mT7vB5nR8wL1zYc4u"),
        "https://hooks.slack.com/services/T00000000/B00000000/XXXXXXXXXXXXXXXXXXXXXXXX"
    ),
    webhook!(
        "a webhook of Discord",
        ["/api/webhooks/"],
        r"https://(?:[a-z]+\.)?discord(?:app)?\.com/api/webhooks/[0-9]{15,22}/[A-Za-z0-9_-]{50,90}",
        concat!("https://disc", "ord.com/api/webhooks/284719305612847193/k3J9xQ2mT7vB5nR8wL1zYc4uHd6sFgA0eP2iKoM5nQ8rT1vX4zB7cD9f"),
        "https://discord.com/api/webhooks/{id}/{token}"
    ),
    Detector {
        rule: id::SECRET_PASSWORD,
        what: "a password in an address",
        near: &["://"],
        pattern: r#"[A-Za-z][A-Za-z0-9+.-]{1,30}://([^\s/:@"'<>?#]{0,80}:[^\s/@"'<>?#]{1,120}@[^\s/:?#"'<>]+)"#,
        judge: Judge::Address,
        yes: concat!("postgres://app:Vinterdag", "-2024!@db.kommun.se/skola"),
        no: "mongodb://foo:bar@localhost",
    },
    password!(
        "a password on a command line",
        ["curl"],
        r#"\bcurl\b[^\n|]*? (?:-u|--user)[ =]["']?[^\s:"']{1,80}:([^\s"']{4,120})"#,
        concat!("curl -s -u sync:Vinterdag", "-2024! https://x"),
        "curl -u user:password https://x"
    ),
    password!(
        "a password in a script",
        ["convertto-securestring"],
        r#"(?i)ConvertTo-SecureString\s+(?:-String\s+)?["']([^"'\n]{4,120})["']\s[^\n]{0,80}-AsPlainText"#,
        concat!("ConvertTo-SecureString 'Vinterdag", "-2024!' -AsPlainText -Force"),
        "ConvertTo-SecureString \"$password\" -AsPlainText -Force"
    ),
    password!(
        "a password in a program",
        ["networkcredential("],
        r#"(?i)NetworkCredential\(\s*@?"[^"\n]{1,80}"\s*,\s*@?"([^"\n]{4,120})""#,
        concat!("new NetworkCredential(\"svc\", \"Vinterdag", "-2024!\", \"EXKOM\")"),
        "new NetworkCredential(\"user\", \"<password>\")"
    ),
    password!(
        "a password in a program",
        ["auth"],
        r#"\bauth\s{0,3}=\s{0,3}\(\s*["'][^"'\n]{1,80}["']\s*,\s*["']([^"'\n]{4,120})["']"#,
        concat!("requests.get(url, auth=('svc', 'Vinterdag", "-2024!'))"),
        "requests.get(url, auth=('user', 'pass'))"
    ),
    password!(
        "a password in a statement",
        ["identified by"],
        r#"(?i)\bIDENTIFIED\s+BY\s+["']?([^\s"';]{4,120})"#,
        concat!("CREATE USER app IDENTIFIED BY 'Vinterdag", "-2024!'"),
        "CREATE USER app IDENTIFIED BY '<password>'"
    ),
    password!(
        "a password on a command line",
        ["sqlcmd", "bcp "],
        r#"(?i)\b(?:sqlcmd|bcp)\b[^\n|]*?\s-P\s{0,3}["']?([^\s"']{4,120})"#,
        concat!("sqlcmd -S db01 -U app -P Vinterdag", "-2024! -i x.sql"),
        "sqlcmd -S db01 -U app -P %DB_PASSWORD%"
    ),
    password!(
        "a password on a command line",
        ["net use"],
        r"(?i)\bnet\s+use\b[^\n]*?/user:\S{1,80}\s+([^\s/]{4,120})",
        concat!("net use X: \\\\fil01\\x /user:svc Vinterdag", "-2024!"),
        "net use X: \\\\server\\x /user:svc *"
    ),
    password!(
        "a password for a machine",
        ["machine "],
        r"\bmachine\s+\S+\s+login\s+\S+\s+password\s+(\S{4,120})",
        concat!("machine x.se login svc password Vinterdag", "-2024!"),
        "machine x.se login svc password <password>"
    ),
];
