//! Each detector with its examples, and what people write around secrets.

use super::super::texts::walk;
use super::*;

/// The leaks of a file, as rules with what stands there.
fn leaks(path: &str, text: &str) -> Vec<(&'static str, String)> {
    let mut found = Vec::new();
    walk(path, text, &mut |piece| {
        let mut looked_at = [0; TRIGGERS];
        let lower = piece.text.to_ascii_lowercase();
        let mut say = |leak: Option<Leak>| found.extend(leak.map(|leak| (leak.rule, piece.text[leak.range].to_owned())));
        say(named(piece));
        for (word, trigger) in triggers() {
            for (at, _) in lower.match_indices(&word.to_ascii_lowercase()) {
                if at < looked_at[trigger] {
                    continue;
                }
                let (leak, end) = tried(piece, trigger, at..at + word.len(), looked_at[trigger]);
                looked_at[trigger] = end;
                say(leak);
            }
        }
    });
    found.sort();
    found.dedup();
    found
}

fn errors(path: &str, text: &str) -> Vec<String> {
    leaks(path, text).into_iter().filter(|(rule, _)| *rule != id::SECRET_SUSPECT).map(|(_, text)| text).collect()
}

#[test]
fn each_detector_finds_its_example_and_leaves_its_decoy() {
    for (index, detector) in DETECTORS.iter().enumerate() {
        let found = |text: &str| {
            let lower = text.to_ascii_lowercase();
            detector.near.iter().any(|word| {
                let word = word.to_ascii_lowercase();
                lower.match_indices(&word).any(|(at, _)| pattern(text, detector, index, at..at + word.len(), 0).0.is_some())
            })
        };
        assert!(found(detector.yes), "{} misses its example: {}", detector.what, detector.pattern);
        assert!(!found(detector.no), "{} takes its decoy", detector.what);
        for path in ["a.md", "a.json", "a.yaml", "a.xml", "a.cs"] {
            let text = match path {
                "a.json" => serde_json::json!({ "x": [detector.yes] }).to_string(),
                "a.yaml" => format!("x: |\n  {}\n", detector.yes.replace('\n', "\n  ")),
                "a.xml" => format!("<x>{}</x>", detector.yes.replace('&', "&amp;")),
                _ => detector.yes.to_owned(),
            };
            assert!(!errors(path, &text).is_empty(), "{} in {path}: {text}", detector.what);
        }
        assert_eq!(errors("a.md", detector.no), [""; 0], "{}", detector.what);
    }
}

const PASSWORD: &str = "Vinterdag-2024!";
const TOKEN: &str = "7f3c1e9a5b2d48060e8f4ac7d19b35e26408fa1c";

#[test]
fn passwords_are_found_however_they_are_written() {
    for (path, text) in [
        ("a.json", r#"{"Password": "§"}"#),
        ("a.json", r#"{"Password": {"mode": "text", "value": "§"}}"#),
        ("a.json", r#"{"x": "{\"y\": \"{\\\"password\\\": \\\"§\\\"}\"}"}"#),
        ("a.json", r#"{"identifier": "Server=db01;Database=skola;User Id=app;Password=§;"}"#),
        ("a.json", r#"{"identifier": "Server=db01;Database=skola;User Id=app;Pwd = '§'"}"#),
        ("a.config", r#"<add name="x" connectionString="Data Source=db01;Initial Catalog=x;User ID=app;Password=§" />"#),
        ("a.config", r#"<add key="SmtpPassword" value="§"/>"#),
        ("a.xml", "<password>§</password>"),
        ("a.xml", "<x><name>password</name><value>§</value></x>"),
        ("a.xml", "<x>\n<!-- Password=§ -->\n</x>"),
        ("a.yaml", "a: {password: §}\n"),
        ("a.yaml", "- {name: DB_PASSWORD, value: §}\n"),
        ("a.yaml", "? password\n: §\n"),
        ("a.json", r#"{"x": "a: {password: §}"}"#),
        ("a.yaml", "database:\n  password: §\n"),
        ("a.yaml", "env:\n  - name: DB_PASSWORD\n    value: '§'\n"),
        ("a.env", "DB_PASSWORD=§\n"),
        (".env", "DB_PASSWORD=§\n"),
        ("a.properties", "spring.datasource.password = §\n"),
        ("a.toml", "password = \"§\"\n"),
        ("a.cs", "var password = \"§\";\n"),
        ("a.cs", "client.Credentials = new NetworkCredential { UserName = \"x\", Password = @\"§\" };\n"),
        ("a.py", "connect(user='x', password='§')\n"),
        ("a.java", "props.put(\"password\", \"§\");\n"),
        ("a.ps1", "Connect-It -User x -Password '§'\n"),
        ("a.sh", "export DB_PASSWORD=§\n"),
        ("a.sh", "tool --user x --password=§\n"),
        ("a.md", "Connect with `Server=db01;Database=x;User Id=app;Password=§`.\n"),
        ("a.txt", "https://kommun.example.se/api?user=x&password=§\n"),
        ("a.sql", "CREATE LOGIN app WITH PASSWORD = N'§';\n"),
    ] {
        let text = text.replace('§', PASSWORD);
        assert_eq!(errors(path, &text), [PASSWORD], "{path}: {text}");
    }
}

#[test]
fn a_password_in_a_connection_string_ends_with_its_part() {
    let redis = "Zk3vQ9tB7mN2xR8wL1zYc4uHd6sFgA0eP2iKoM5nQ8r=";
    for password in [
        "Gr7(kvast-Blomma92",
        "Gr7)kvast-Blomma92",
        "Gr7,kvast",
        "Gr7=kvast=",
        "Gr7|kvast",
        "Gr7[kvast",
        "Gr7{kvast",
        "Gr7! kvast 92",
        redis,
    ] {
        for (path, text) in [
            ("a.json", r#"{"c": "Server=db;User Id=svc;Password=§;Database=x"}"#),
            ("a.json", r#"{"c": "Server=db;User Id=svc;Pwd=§"}"#),
            ("a.config", "<add name='x' connectionString='Data Source=db01;User ID=app;Password=§;' />"),
            ("a.cs", "var c = \"Server=db;User Id=svc;Password=§;Database=x\";\n"),
            ("a.yaml", "c: Server=db;User Id=svc;Password=§;Database=x\n"),
        ] {
            let found = errors(path, &text.replace('§', password));
            assert!(found.iter().any(|one| one == password), "{path}: {password}: {found:?}");
        }
    }
    for text in [
        r#"{"ConnectionStrings": {"Redis": "x.redis.cache.windows.net:6380,password=§,ssl=True"}}"#,
        r#"{"Redis": "x.redis.cache.windows.net:6380,password=§,abortConnect=False"}"#,
    ] {
        assert_eq!(errors("a.json", &text.replace('§', redis)), [redis], "{text}");
    }
    for text in ["redis://:Gr7kvastBlomma92@x.kommun.se:6379/0\n", "https://:Gr7kvast-Blomma92@x.kommun.se/\n"] {
        assert_eq!(errors("a.md", text).len(), 1, "{text}");
    }
}

#[test]
fn what_stands_for_a_password_in_a_connection_string_is_silent() {
    for (path, text) in [
        ("a.json", r#"{"c": "Server=db;User Id=svc;Password={password};Database=x", "d": "Server=db;Uid=x;Pwd=[password]"}"#),
        ("a.json", r#"{"c": "Server=db;User Id=svc;Password=ask the team of 12;Database=x"}"#),
        ("a.json", r#"{"c": "Server=db;User Id=svc;Password=your password here 1;Database=x"}"#),
        ("a.json", r#"{"c": "x.redis.cache.windows.net:6380,password=#env.Redis.Password,ssl=True"}"#),
        ("a.xml", "<!-- Password=xxx --><!-- Password={pw1} --><!-- password = get(x1) --><name>Anna</name><value>Gr7-kvast</value>"),
        ("a.http", "GET {{host}}/x\nOcp-Apim-Subscription-Key: {{key}}\nx-functions-key: <key>\nAuthorization: Bearer {{token}}\n"),
        ("a.yaml", "a: {password: {{password}}, token: $TOKEN1, secret: {name: x, key: password}}\n"),
        ("a.json", r#"{"c": "user = GetUser(); password = read(x9); password = rows[3]; go()"}"#),
        ("a.cs", "user = GetUser(); password = read9(x); var t = 1;\n"),
        ("a.cs", "user=GetUser();password=row[\"Pw9\"].Text;\n"),
        ("a.py", "connect(host, password=get_pw(x9), ssl=True)\nconnect(host, password=pw9, ssl=True)\n"),
        ("a.md", "https://:8080 http://:@x.se redis://:password@host:6379 redis://:$PASSWORD@redis.kommun.se\n"),
    ] {
        assert_eq!(errors(path, text), [""; 0], "{path}: {text}");
    }
}

#[test]
fn tokens_are_found_by_their_names() {
    for (path, text) in [
        ("a.json", r#"{"bookingApiKey": {"Value": "§", "IsSecret": false}}"#),
        ("a.json", r#"{"Ocp-Apim-Subscription-Key": "§"}"#),
        ("a.yaml", "clientSecret: §\n"),
        ("a.json", r#"{"x-functions-key": "§"}"#),
        ("a.http", "GET https://api.kommun.se/x\nOcp-Apim-Subscription-Key: §\n"),
        ("a.http", "GET https://api.kommun.se/x\nx-functions-key: §\n"),
        ("a.cs", "request.Headers.Add(\"X-Api-Key\", \"§\");\n"),
        ("a.js", "const apiKey = '§';\n"),
        ("a.txt", "https://api.kommun.se/x?api_key=§&y=1\n"),
    ] {
        assert_eq!(errors(path, &text.replace('§', TOKEN)), [TOKEN], "{path}: {text}");
    }
}

#[test]
fn what_only_looks_like_a_secret_is_silent() {
    for (path, text) in [
        ("a.json", r#"{"a": "Server=db;User Id=app;Password=<password>;", "b": "Server=db;User Id=app;Password=#env.Db.Password;"}"#),
        ("a.json", r#"{"x": "Server=myServer;Database=myDatabase;User Id=myUsername;Password=myPassword"}"#),
        ("a.json", r##"{"Password": {"mode": "csharp", "value": "#env.OpenEProd.ApiPassword"}}"##),
        ("a.json", r#"{"properties": {"password": {"type": "string", "title": "Password", "description": "The password of user 12"}}}"#),
        ("a.json", r#"{"password": "Lösenord", "passwordUrl": "https://x1/y2", "nextPageToken": "a1b2c3d4e5f6a7b8"}"#),
        ("a.yaml", "password:\n  title: Password\n  type: string\n  format: password\nuri: \"sftp:{{host}}?password=RAW({{password}})\"\n"),
        ("a.yaml", "saslJaasConfig: 'x required username=\"$ConnectionString\" password={{password}};'\nkey: \"{{?accessKey}}\"\n"),
        ("a.cs", "if (password == \"\") throw; var token = GetToken(); string password; Password = config[\"Db1:Password\"];\n"),
        ("a.cs", "var s = $\"Password={password};Server={server}\"; cmd.Parameters.Add(\"password\", SqlDbType.NVarChar);\n"),
        ("a.py", "password = os.environ['DB_PASSWORD1']\ntoken = auth.token\n"),
        ("a.md", "Set `Password` to the password of the account. Token: see below.\n"),
        ("a.config", "<add key=\"Password\" value=\"%DB_PASSWORD%\"/><assemblyIdentity publicKeyToken=\"b77a5c561934e089\"/>"),
        ("a.py", "KEYWORDS = ['or', 'pass', 'print9x', 'raise']\nsplit('user[:passwd]', 'host[:port1]')\n"),
        ("a.sql", "SELECT password, token FROM users WHERE token = @token AND pwd = @p1\n"),
        ("a.txt", "mongodb://foo:bar@localhost https://user:password@host.example.com http://x@y.se\n"),
    ] {
        assert_eq!(errors(path, text), [""; 0], "{path}: {text}");
    }
}

#[test]
fn suspicion_is_a_warning() {
    for (path, text) in [("a.md", "Lösenord: Sommar2024\n"), ("a.json", "{\"password\": \"Sommaren\"}"), ("a.yaml", "apiKey: abc12345\n")]
    {
        let found = leaks(path, text);
        assert!(matches!(found.as_slice(), [(id::SECRET_SUSPECT, _)]), "{text}: {found:?}");
    }
}
