//! The binary: hands its arguments to the command line.

use std::process::ExitCode;

fn main() -> ExitCode {
    spotinst_esg::cli::main(std::env::args_os())
}
