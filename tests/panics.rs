//! A panic in a module is an answer like any other. Alone in its process, since what is done with panics is the process's.

#![allow(clippy::unwrap_used, reason = "what a test cannot go on without, it panics on")]

use serde_json::Value;
use spotinst_esg::ansible::{Context, Failure, Module, Planned, hide_panics, run};

/// Panics.
#[derive(serde::Deserialize, schemars::JsonSchema)]
struct Args {
    /// What it says.
    word: String,
    /// Whether it happens in another thread.
    #[serde(default)]
    aside: bool,
}

/// Nothing.
#[derive(serde::Serialize, schemars::JsonSchema)]
struct Returns {}

struct Panics;

impl Module<()> for Panics {
    type Args = Args;
    type Returns = Returns;
    const NAME: &'static str = "panics";
    const EXAMPLES: &'static str = "";
    const CHANGES: bool = true;

    fn plan<'c>(
        &self,
        args: Args,
        _context: Context<'c, ()>,
    ) -> Result<Planned<'c, Returns>, Failure> {
        let act = move || -> Result<_, Failure> {
            if args.aside {
                let thread = std::thread::spawn(move || panic!("{}", args.word));
                std::panic::resume_unwind(thread.join().unwrap_err());
            }
            panic!("{}", args.word)
        };
        Ok(Planned::change(Returns {}, act))
    }
}

#[test]
fn a_panic_answers_with_its_place_and_without_its_words() {
    hide_panics();
    for aside in ["yes", "no"] {
        let arguments = serde_json::json!({"word": "s3cret", "aside": aside}).to_string();
        let answer = run(&Panics, arguments.as_bytes(), &(), &|_| ());
        let value: Value = serde_json::from_slice(&answer.json).unwrap();
        assert!(answer.failed && value["failed"] == true);
        let message = value["msg"].as_str().unwrap();
        assert!(message.starts_with("internal error at tests/panics.rs:"), "{message}");
        assert!(!message.contains("s3cret"), "{message}");
        assert_eq!(value["changed"], false);
    }
}
