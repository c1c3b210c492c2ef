use super::*;

const PATH: &str = "~/.spotinst/credentials";

fn sources(file: Option<&str>, variables: &[(&str, &str)]) -> Sources {
    let lookup = |name: &str| {
        let found = variables.iter().find(|(known, _)| *known == name);
        found.map(|(_, value)| (*value).to_owned())
    };
    Sources {
        environment: Environment::from_lookup(lookup),
        file: file.map(|text| CredentialsFile {
            path: PATH.into(),
            text: SecretString::from(text.to_owned()),
            mode: Some(0o100_600),
        }),
        ..Sources::default()
    }
}

/// Token and accounts, each followed by its source.
fn told(found: &Credentials) -> (String, String) {
    let token = found.token.as_ref().map_or("none".to_owned(), |token| {
        format!("{} from {}", token.value.expose_secret(), token.source)
    });
    let accounts = found.accounts.as_ref().map_or("none".to_owned(), |accounts| {
        let ids: Vec<_> = accounts.value.iter().map(AccountId::as_str).collect();
        format!("{} from {}", ids.join("+"), accounts.source)
    });
    (token, accounts)
}

fn from_file(text: &str) -> Result<(String, String), CredentialsError> {
    resolve(&sources(Some(text), &[])).map(|found| {
        let (token, accounts) = told(&found);
        let strip = |text: String| text.replace(&format!(" from file {PATH}, profile default"), "");
        (strip(token), strip(accounts))
    })
}

#[test]
fn all_formats_of_the_vendors_tools_are_read() {
    let both = ("t0k/en+=:x", "act-1");
    let table = [
        ("[default]\ntoken = t0k/en+=:x\naccount = act-1\n", both),
        ("[default]\r\ntoken=t0k/en+=:x\r\naccount=act-1\r\n", both),
        ("# comment\n; another\n[default]\ntoken: t0k/en+=:x\naccount: act-1\n", both),
        ("token: t0k/en+=:x\naccount: act-1", both),
        ("token=t0k/en+=:x\naccount=act-1", both),
        ("token = \"t0k/en+=:x\"\naccount = 'act-1'", both),
        ("TOKEN = t0k/en+=:x # mine\nAccount_Id = act-1 ; main", both),
        ("{\"token\": \"t0k/en+=:x\", \"account\": \"act-1\"}", both),
        ("\u{feff}{\"default\": {\"token\": \"t0k/en+=:x\", \"account\": \"act-1\"}}", both),
        ("{\"token\": \"t0k/en+=:x\", \"account\": [\"act-1\"], \"other\": null}", both),
        ("default:\n  token: t0k/en+=:x\n  account: act-1\n", both),
        (
            "---\n# c\ndefault:  # mine\n  token: \"t0k/en+=:x\"\n  account: 'act-1'\n  more: [1]\n",
            both,
        ),
        ("default: {token: t0k/en+=:x, account: act-1}\n", both),
        ("default:\n  token: 0123456\n  account: [act-1, act-2]\n", ("0123456", "act-1+act-2")),
        ("default:\n  token: 1e5\n", ("1e5", "none")),
        ("default:\n  account: act-1\n  token:\n", ("none", "act-1")),
        ("token: back\\slash\n", ("back\\slash", "none")),
        ("[default]\ntoken =\naccount = act-1,act-2, act-1\n", ("none", "act-1+act-2")),
        ("[prod]\ntoken = x\n", ("none", "none")),
        ("", ("none", "none")),
        ("# nothing\n\n", ("none", "none")),
        ("{}", ("none", "none")),
    ];
    for (text, (token, accounts)) in table {
        let got = from_file(text).unwrap_or_else(|error| panic!("{text:?}: {error}"));
        assert_eq!(got, (token.to_owned(), accounts.to_owned()), "{text:?}");
    }
}

#[test]
fn a_file_that_is_not_understood_is_named_with_its_line_and_without_its_content() {
    let table = [
        ("{\"token\": \"s3cret\",\n\"account\"}", 2),
        ("{\"token\": \"s3cret", 1),
        ("default:\n  token: s3cret\n bad: [s3cret\n", 3),
        ("[default]\ntoken = s3cret\n[s3cret\n", 3),
        ("s3cret", 1),
        ("[default]\nok = 1\ns3cret\n", 3),
    ];
    for (text, line) in table {
        let error = from_file(text).unwrap_err();
        for shown in [error.to_string(), format!("{error:?}")] {
            assert!(!shown.contains("s3cret"), "{shown}");
        }
        let CredentialsError::Unreadable { line: got, .. } = &error else { panic!("{error}") };
        assert!(got.abs_diff(line) <= 1, "{text:?}: line {got}");
        assert!(error.to_string().contains(PATH));
    }
}

#[test]
fn fields_are_merged_one_by_one_in_one_order() {
    let file =
        "[default]\ntoken=file\naccount=act-file\n[prod]\ntoken=prod\n[own]\naccount=act-own\n";
    let merged = |option: bool, variables: &[(&str, &str)], profile: Option<&str>| {
        let mut sources = sources(Some(file), variables);
        sources.profile_option = profile.map(str::to_owned);
        if option {
            let token = SecretString::from("option".to_owned());
            sources.token_option = Some(("spotinst_api_token".to_owned(), token));
        }
        told(&resolve(&sources).unwrap())
    };
    let of_file =
        |value: &str, profile: &str| format!("{value} from file {PATH}, profile {profile}");
    assert_eq!(
        merged(false, &[], None),
        (of_file("file", "default"), of_file("act-file", "default"))
    );
    assert_eq!(
        merged(false, &[], Some("prod")),
        (of_file("prod", "prod"), of_file("act-file", "default"))
    );
    assert_eq!(
        merged(false, &[("SPOTINST_PROFILE", "own")], None),
        (of_file("file", "default"), of_file("act-own", "own"))
    );
    assert_eq!(
        merged(
            false,
            &[("SPOTINST_PROFILE", "own"), ("SPOTINST_CREDENTIALS_PROFILE", "prod")],
            None
        )
        .0,
        of_file("prod", "prod")
    );
    assert_eq!(
        merged(true, &[("SPOTINST_ACCOUNT", "act-env"), ("SPOTINST_TOKEN", "env")], None),
        (
            "option from option spotinst_api_token".to_owned(),
            "act-env from environment SPOTINST_ACCOUNT".to_owned()
        )
    );
    assert_eq!(
        merged(false, &[("SPOTINST_TOKEN", "b"), ("SPOTINST_API_TOKEN", "a")], None).0,
        "a from environment SPOTINST_API_TOKEN"
    );
    assert_eq!(
        merged(false, &[("SPOTINST_ACCOUNT", "b"), ("SPOTINST_ACCOUNT_ID", "a, c")], None).1,
        "a+c from environment SPOTINST_ACCOUNT_ID"
    );
}

#[test]
fn empty_values_count_as_absent() {
    let variables =
        [("SPOTINST_API_TOKEN", " "), ("SPOTINST_TOKEN", "env\n"), ("SPOTINST_ACCOUNT", ",")];
    let mut sources = sources(Some("token: file\naccount: act-1"), &variables);
    sources.token_option = Some(("api_token".into(), SecretString::from(String::new())));
    sources.accounts_option = Some(("account_id".into(), vec![" ".into()]));
    sources.profile_option = Some(String::new());
    let (token, accounts) = told(&resolve(&sources).unwrap());
    assert_eq!(token, "env from environment SPOTINST_TOKEN");
    assert_eq!(accounts, format!("act-1 from file {PATH}, profile default"));
}

#[test]
fn a_missing_file_is_no_error_and_a_missing_profile_is() {
    let found = resolve(&sources(None, &[("SPOTINST_PROFILE", "prod")])).unwrap();
    assert_eq!(told(&found), ("none".to_owned(), "none".to_owned()));
    let error = resolve(&sources(Some("token: x"), &[("SPOTINST_PROFILE", "prod")])).unwrap_err();
    assert_eq!(error.to_string(), format!("the credentials file {PATH} has no profile \"prod\""));
}

#[test]
fn a_file_nobody_needs_is_not_read() {
    let variables = [("SPOTINST_TOKEN", "t"), ("SPOTINST_ACCOUNT", "act-1")];
    resolve(&sources(Some("{broken"), &variables)).unwrap();
}

#[test]
fn a_file_others_may_read_is_an_oddity() {
    for (mode, odd) in
        [(0o100_600, false), (0o100_400, false), (0o100_640, true), (0o100_604, true)]
    {
        let mut sources = sources(Some("token: x"), &[]);
        if let Some(file) = &mut sources.file {
            file.mode = Some(mode);
        }
        let found = resolve(&sources).unwrap();
        assert_eq!(!found.oddities.is_empty(), odd, "{mode:o}");
        assert!(!odd || found.oddities[0].contains(&format!("mode 0{:o}", mode & 0o777)));
    }
}

#[test]
fn debug_output_holds_no_token() {
    let mut sources = sources(Some("token: s3cret"), &[("SPOTINST_TOKEN", "s3cret")]);
    sources.token_option = Some(("api_token".into(), SecretString::from("s3cret".to_owned())));
    let found = resolve(&sources).unwrap();
    assert!(!format!("{sources:?}{found:?}").contains("s3cret"));
}
