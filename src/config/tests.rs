//! What can be set, where, and what is wrong with the rest.

use super::*;

/// Something for each option: of these, the first that it takes. None of them is a default.
const SAMPLES: [&str; 5] = ["7", "7s", "relay://127.0.0.1:7", "debug", "true"];

impl Sources {
    fn with_variable(mut self, name: &str, text: &str) -> Self {
        self.environment.insert(name.into(), text.into());
        self
    }
}

fn value(key: &str, text: &str, origin: Origin) -> Value {
    let (key, text) = (key.to_owned(), text.into());
    Value { key, text, origin }
}

/// A value for every option.
fn all(schema: &mut Schema) -> Vec<Value> {
    let mut values = Vec::new();
    for (key, kind) in schema.kinds() {
        let mut samples = SAMPLES.map(|sample| value(&key, sample, Origin::CommandLine));
        let sample = match kind {
            Kind::Flag => samples.last().cloned(),
            _ => samples
                .iter_mut()
                .find(|sample| schema.check(sample).is_ok())
                .cloned(),
        };
        values.push(sample.unwrap_or_else(|| panic!("a sample that --{key} takes is missing")));
    }
    values
}

fn debug(args: &ServeArgs) -> String {
    format!("{args:?}")
}

fn parse(text: &str) -> Result<Vec<Value>, ConfigError> {
    file::parse(&mut Schema::new(), Path::new("some.toml"), text)
}

#[test]
fn every_option_of_serve_can_be_set_on_the_command_line_in_the_environment_and_in_the_file() {
    let mut schema = Schema::new();
    let given = all(&mut schema);
    assert!(given.len() > 10, "the options are found");
    let expected = debug(&schema.parse(&given).unwrap());

    let mut sources = Sources::default();
    let mut text = String::new();
    for Value {
        key, text: sample, ..
    } in &given
    {
        let sample = sample.to_str().unwrap();
        sources = sources.with_variable(&variable(key), sample);
        text += &match schema.kind(key) {
            Some(Kind::Flag) => format!("{key} = {sample}\n"),
            Some(Kind::Many) => format!("{key} = [\"{sample}\"]\n"),
            _ => format!("{key} = \"{sample}\"\n"),
        };
    }
    let by_environment = sources.load().unwrap();
    assert_eq!(debug(&by_environment.args), expected);
    let by_file = schema.parse(&parse(&text).unwrap()).unwrap();
    assert_eq!(debug(&by_file), expected);

    // And each of them says something.
    for left_out in &given {
        let others: Vec<Value> = given
            .iter()
            .filter(|value| *value != left_out)
            .cloned()
            .collect();
        let others = schema.parse(&others).map(|args| debug(&args));
        assert_ne!(others.as_ref(), Ok(&expected), "{}", left_out.key);
    }
}

#[test]
fn the_command_line_goes_before_the_environment_and_that_before_the_file() {
    let path = env::temp_dir().join(format!("pairloop.{}.toml", std::process::id()));
    let text = "max-clients = 1\nhello-timeout = \"1s\"\nidle-timeout = \"1s\"\nno-splice = true\n\
        listen = [\"echo://*:1\", \"relay://*:1\"]\n";
    std::fs::write(&path, text).unwrap();
    let sources = Sources {
        given: vec![value("max-clients", "3", Origin::CommandLine)],
        file: Some(path.clone()),
        ..Sources::default()
    };
    let sources = sources
        .with_variable("PAIRLOOP_MAX_CLIENTS", "2")
        .with_variable("PAIRLOOP_HELLO_TIMEOUT", "2s")
        .with_variable("PAIRLOOP_NO_SPLICE", "0")
        .with_variable("PAIRLOOP_LISTEN", " chat://*:2  order://*:2 ");
    let config = sources.load();
    std::fs::remove_file(&path).unwrap();
    let config = config.unwrap();
    let args = &config.args;
    assert_eq!(args.max_clients, Some(3));
    assert_eq!(args.hello_timeout.to_string(), "2s");
    assert_eq!(args.idle_timeout.to_string(), "1s");
    assert_eq!(args.stall_timeout.to_string(), "60s", "by default");
    assert!(!args.no_splice, "the environment takes it back");
    let urls: Vec<String> = args.listen.iter().map(ToString::to_string).collect();
    assert_eq!(
        urls,
        ["chat://*:2", "order://*:2"],
        "a list is replaced whole"
    );
    let origin = |key| config.set(key).next().unwrap().origin.to_string();
    assert_eq!(origin("max-clients"), "command line");
    assert_eq!(origin("hello-timeout"), "PAIRLOOP_HELLO_TIMEOUT");
    assert_eq!(origin("idle-timeout"), format!("{}:3:16", path.display()));
}

#[test]
fn what_is_wrong_in_the_file_is_said_with_its_place() {
    for (text, words) in [
        (
            "max-clients = 0",
            "1:15: max-clients: not a whole number from 1 to 4194304",
        ),
        (
            "\n\n  max-clients = \"many\"",
            "3:17: max-clients: not a whole number",
        ),
        (
            "max-clients = [1]",
            "1:16: max-clients: one value, not a list",
        ),
        (
            "max-clients = 1.5",
            "1:15: max-clients: write a text in quotes, or a whole number",
        ),
        (
            "max-clients = true",
            "1:15: max-clients: write a text in quotes, or a whole number",
        ),
        ("hello-timeout = 10", "1:17: hello-timeout: not a duration"),
        (
            "no-splice = \"yes\"",
            "1:13: no-splice: write true or false",
        ),
        ("log-level = \"loud\"", "1:13: log-level: not a level"),
        ("listen = []", "1:10: listen: an empty list"),
        ("listen = [[]]", "1:11: listen: an empty list"),
        (
            "listen = [\n  \"relay://*:7000\",\n  \"relay://*\",\n]",
            "3:3: listen: no port",
        ),
        (
            "max-client = 1",
            "1:1: unknown key `max-client`, did you mean `max-clients`? There are: listen, max-clients,",
        ),
        ("idle_timeout = \"1s\"", "did you mean `idle-timeout`?"),
        (
            "nonsense = 1",
            "1:1: unknown key `nonsense`; there are: listen,",
        ),
        ("config = \"x\"", "1:1: unknown key `config`"),
        ("check = true", "1:1: unknown key `check`"),
        ("help = true", "1:1: unknown key `help`"),
        ("\"\" = 1", "1:1: unknown key ``"),
        ("[serve]\nonce = true", "1:2: unknown key `serve`"),
        ("once = true\nonce = false", "2:1: duplicate key"),
        ("# ä\nä = 1", "2:1: "),
        ("once = true\nlisten = [\"x", "2:"),
    ] {
        let said = parse(text).unwrap_err();
        let said = said.to_string();
        assert!(said.starts_with("some.toml:"), "{text:?}: {said}");
        assert!(said.contains(words), "{text:?}: {said}");
        assert!(!said.contains('\n'), "{text:?}: {said}");
    }
}

#[test]
fn what_needs_others_is_said_with_its_place() {
    for (text, place) in [
        ("once = true\ngroup = \"nogroup\"", "some.toml:2:9: group: "),
        ("blur-usage = 5", "some.toml:1:14: blur-usage: "),
        (
            "user = \"nobody\"\ngroup = \"nogroup\"\nblur-usage = 5",
            "some.toml:3:14: blur-usage: ",
        ),
    ] {
        let said = together(&mut Schema::new(), &parse(text).unwrap()).unwrap_err();
        let said = said.to_string();
        assert!(said.starts_with(place), "{text:?}: {said}");
    }
    let sources = Sources::default().with_variable("PAIRLOOP_GROUP", "nogroup");
    let said = sources.load().unwrap_err().to_string();
    assert!(said.contains("PAIRLOOP_GROUP: group: "), "{said}");
    let given = value("group", "nogroup", Origin::CommandLine);
    let said = together(&mut Schema::new(), &[given]).unwrap_err();
    assert!(matches!(said, ConfigError::Together(_)), "{said}");
}

#[test]
fn numbers_and_texts_are_read_as_toml_has_them() {
    let values =
        parse("max-clients = 5_000\nbuffer-memory = 0x10000\nstats-file = 'C:\\x'\n").unwrap();
    let texts: Vec<_> = values
        .iter()
        .map(|value| value.text.to_str().unwrap())
        .collect();
    assert_eq!(texts, ["5000", "65536", "C:\\x"]);
    let alone = parse("listen = \"relay://*:7000\"").unwrap();
    assert_eq!(
        alone,
        parse("listen=[\"relay://*:7000\"]")
            .map(|mut list| {
                list[0].origin = alone[0].origin.clone();
                list
            })
            .unwrap()
    );
}

#[test]
fn what_is_wrong_in_the_environment_is_said_with_the_variable() {
    for (name, text, words) in [
        (
            "PAIRLOOP_HELLO_TIMEOUT",
            "soon",
            "PAIRLOOP_HELLO_TIMEOUT: not a duration",
        ),
        (
            "PAIRLOOP_ONCE",
            "yes",
            "PAIRLOOP_ONCE: write true or false, not `yes`",
        ),
        (
            "PAIRLOOP_LISTEN",
            "relay://*:1 rely://*:1",
            "PAIRLOOP_LISTEN: unknown service `rely`",
        ),
    ] {
        let said = Sources::default()
            .with_variable(name, text)
            .load()
            .unwrap_err();
        assert!(said.to_string().starts_with(words), "{said}");
    }
}

#[test]
fn the_file_that_is_packaged_has_every_key_commented_out_and_each_is_right() {
    let text = include_str!("../../contrib/pairloop.toml");
    let mut lines = text.lines();
    assert!(lines.all(|line| line.is_empty() || line.starts_with('#')));
    let commented = text.lines().filter_map(|line| line.strip_prefix('#'));
    let settings = commented.filter(|line| !line.starts_with(' '));
    let settings: Vec<&str> = settings.collect();
    let mut keys: Vec<String> = parse(&settings.join("\n"))
        .unwrap()
        .into_iter()
        .map(|value| value.key)
        .collect();
    keys.dedup();
    let kinds = Schema::new().kinds();
    let options: Vec<String> = kinds.into_iter().map(|(key, _)| key).collect();
    assert_eq!(
        keys, options,
        "contrib/pairloop.toml, in the order of the options"
    );
}

#[test]
fn what_can_be_reloaded_are_options() {
    let schema = Schema::new();
    for key in reload::RELOADABLE {
        assert!(schema.kind(key).is_some(), "{key}");
    }
}
