//! The commands of the pages, run in order in an empty folder beside a running server.

use std::{
    fmt::Write,
    fs,
    process::{Command, Output, Stdio},
};

use super::{
    blocks::Check,
    page::{self, Block, Page},
};
use crate::cli::{PASSWORD, Place, Server};

/// The addresses of the server in the pages, in place of which a test uses the address of its own server.
const ADDRESSES: [&str; 2] = ["127.0.0.1:4000", "localhost:4000"];

/// Printed after each block, to separate what the blocks print.
const END: &str = "\u{1e}";

/// `portcullis`, for which somebody types a password.
const PORTCULLIS: &str = "#!/bin/sh
case \"$1 $2 $3\" in
  'users create '*|'users set-password '*|'users import --check') printf '%s' \"$TYPED\" | \"$BINARY\" \"$@\" ;;
  *) exec \"$BINARY\" \"$@\" </dev/null ;;
esac
";

/// `cargo run`, in a checkout that is built.
const CARGO: &str = "#!/bin/sh
[ \"$1 $2\" = 'run --' ] || exit 64
shift 2
exec portcullis \"$@\"
";

/// An export of one document from MongoDB. The hash is that of the password that is typed.
const MONGOEXPORT: &str = "#!/bin/sh
hash='$2b$04$G08j7wc833wk1GYhoig0c..zeASr8bz6gZaCh.929H8E4hxmVCecC'
while [ \"$1\" != --out ]; do shift; done
printf '{\"username\":\"ada\",\"password\":\"%s\"}\\n' \"$hash\" >\"$2\"
";

#[test]
fn every_command_succeeds_and_prints_what_its_page_says() {
    let mut count = 0;
    for page in page::book() {
        let blocks: Vec<_> = page.blocks().into_iter().filter(is_command).collect();
        if blocks.is_empty() {
            continue;
        }
        for place in Place::on_each_database() {
            // `grep` ends a stream only when the stream writes again.
            let place = place.with("PORTCULLIS_HTTP__STREAMS__HEARTBEAT", "1s");
            run(&page, &blocks, &place);
        }
        count += blocks.len();
    }
    assert!(count > 15, "the commands are read: {count}");
}

/// Whether a block is a command, or what a command prints.
fn is_command(block: &Block) -> bool {
    matches!(block.check(), Check::Run | Check::Compare) && !starts_the_server(block)
}

/// The test has started the server already, because this command does not end.
fn starts_the_server(block: &Block) -> bool {
    block.code == "cargo run\n"
}

/// Runs the commands of a page in one shell.
fn run(page: &Page, blocks: &[Block], place: &Place) {
    let server = Server::start(place, &["--listen", "127.0.0.1:0"]);
    let address = server.url.trim_start_matches("http://").trim_end_matches("/graphql").to_owned();
    let (mut script, mut repeated) = (String::new(), 0);
    let mut expected: Vec<Option<&Block>> = Vec::new();
    for block in blocks {
        if block.check() == Check::Compare {
            expected.iter_mut().rev().take(repeated).for_each(|output| *output = Some(block));
            continue;
        }
        // A reader may paste the conversation again.
        repeated = if block.mark == "conversation" { 2 } else { 1 };
        for _ in 0..repeated {
            let _ = writeln!(script, "{}printf '{END}'", block.code);
            expected.push(None);
        }
    }
    for known in ADDRESSES {
        script = script.replace(known, &address);
    }
    compare(page, &expected, &address, &shell(place, &script));
}

/// Runs a script in the folder and the environment of a place.
fn shell(place: &Place, script: &str) -> Output {
    let tools = make_tools(place);
    let mut shell = Command::new("bash");
    shell.args(["-euc", script]).current_dir(place.path("")).env_clear();
    shell.env("PATH", format!("{tools}:/usr/local/bin:/usr/bin:/bin"));
    shell.env("BINARY", env!("CARGO_BIN_EXE_portcullis")).env("TYPED", PASSWORD);
    shell.env("MONGODB_URI", "mongodb://localhost/app");
    for name in ["DATABASE_URL", "PORTCULLIS_PASSWORDS__MEMORY_KIB", "PORTCULLIS_PASSWORDS__ITERATIONS"] {
        shell.env(name, place.value(name));
    }
    shell.stdin(Stdio::null()).output().expect("bash runs")
}

/// Compares what the commands have printed with the page.
fn compare(page: &Page, expected: &[Option<&Block>], address: &str, output: &Output) {
    let printed = String::from_utf8_lossy(&output.stdout).replace(address, ADDRESSES[0]);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{}: {printed}\n{said}", page.path);
    let printed: Vec<_> = printed.split_terminator(END).collect();
    assert_eq!(printed.len(), expected.len(), "{}: {printed:?}", page.path);
    for (printed, block) in printed.into_iter().zip(expected) {
        if let Some(block) = block {
            assert_eq!(without_request_ids(printed), block.code, "{}:{}", page.path, block.line);
        }
    }
}

/// The folder with the stand-ins for other programs.
fn make_tools(place: &Place) -> String {
    fs::create_dir(place.path("tools")).expect("the folder is ours");
    for (name, text) in [("portcullis", PORTCULLIS), ("cargo", CARGO), ("mongoexport", MONGOEXPORT)] {
        let name = format!("tools/{name}");
        place.write(&name, text);
        place.permit(&name, 0o700);
    }
    place.path("tools").display().to_string()
}

/// The text with an ellipsis in place of each request id.
fn without_request_ids(text: &str) -> String {
    let mut parts = text.split("\"requestId\":\"");
    let mut kept = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (_, rest) = part.split_once('"').expect("the id is quoted");
        kept.push_str("\"requestId\":\"…\"");
        kept.push_str(rest);
    }
    kept
}
