//! What can be typed.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

const EXIT_CODES: &str = "\
Exit codes:
  0 done               3 credentials        6 timeout             9 frozen: needs a person
  1 other failure      4 not found          7 partly done
  2 usage              5 rate limited       8 gate refused

Environment:
  SPOTINST_API_TOKEN, SPOTINST_TOKEN       API token
  SPOTINST_ACCOUNT_ID, SPOTINST_ACCOUNT    account, or several with commas
  SPOTINST_BASE_URL, AWS_ENDPOINT_URL      other servers (plain http to this computer only)
  NO_COLOR                                 no colours";

/// Sees, rolls and reports on Spot stateful Elastigroups in AWS.
#[derive(Debug, Parser)]
#[command(name = "spotinst-esg", version, after_help = EXIT_CODES, arg_required_else_help = true)]
pub(super) struct Arguments {
    #[command(subcommand)]
    pub(super) command: Command,
}

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// What runs: hosts, groups and variables, as Ansible reads them.
    Inventory(InventoryArguments),
    /// Checks credentials, settings and connections, and says what to do about each fault.
    Doctor(DoctorArguments),
    /// Rolls that were begun: where each is, and what a person may do about one.
    Runs(RunsArguments),
    /// What the EC2 spot market offers, the best first.
    Offers(OffersArguments),
    /// Launches plain spot instances from ranked offers, or has exactly so many of them.
    Launch(LaunchArguments),
    /// What was launched so.
    Fleet(FleetArguments),
    /// Runs one of the collection's Ansible modules, without Ansible.
    Module(ModuleArguments),
    /// Writes the generated files of the collection.
    #[command(hide = true)]
    ModuleDocs(ModuleDocsArguments),
    /// Prints a script that completes commands in your shell.
    Completions {
        /// The shell.
        shell: clap_complete::Shell,
    },
}

#[derive(Debug, Args)]
#[command(after_help = "\
An inventory file may start with the line

    #!/usr/bin/env -S spotinst-esg inventory

and be executable: Ansible then runs it, without any Python plugin.")]
pub(super) struct InventoryArguments {
    /// Inventory file, as an executable one passes itself.
    #[arg(value_name = "FILE", conflicts_with_all = ["config", "ansible"])]
    pub(super) script: Option<PathBuf>,
    /// Inventory file (YAML); without one the options come from the environment.
    #[arg(long, value_name = "FILE")]
    pub(super) config: Option<PathBuf>,
    /// Print everything, as an inventory script does.
    #[arg(long, conflicts_with_all = ["host", "graph"])]
    pub(super) list: bool,
    /// Print one host's variables.
    #[arg(long, value_name = "HOST", conflicts_with = "graph")]
    pub(super) host: Option<String>,
    /// Print the tree of groups and hosts.
    #[arg(long)]
    pub(super) graph: bool,
    /// Form of the output; a table on a terminal and JSON elsewhere unless said.
    #[arg(long, value_enum)]
    pub(super) output: Option<OutputForm>,
    /// Ask the API even if a fresh answer is stored, and store the new one.
    #[arg(long, visible_alias = "flush-cache")]
    pub(super) refresh: bool,
    /// Serve the Ansible plugin: a request as JSON on stdin, the answer as JSON on stdout.
    #[arg(long, hide = true, conflicts_with_all = ["config", "list", "host", "graph", "output", "refresh"])]
    pub(super) ansible: bool,
}

#[derive(Debug, Args)]
pub(super) struct DoctorArguments {
    /// Inventory file (YAML) whose options are to be checked too.
    #[arg(long, value_name = "FILE")]
    pub(super) config: Option<PathBuf>,
    /// Form of the output.
    #[arg(long, value_enum, default_value = "table")]
    pub(super) output: OutputForm,
    /// File in which `spot_aws_connection` keeps an external id; says until when that is good.
    #[arg(long, value_name = "FILE", conflicts_with = "external_id_parameter")]
    pub(super) external_id_file: Option<PathBuf>,
    /// The same of a parameter of AWS Systems Manager.
    #[arg(long, value_name = "NAME")]
    pub(super) external_id_parameter: Option<String>,
    /// The region of that parameter.
    #[arg(long, requires = "external_id_parameter")]
    pub(super) region: Option<String>,
    /// Name or ARN of the role that the vendor is to assume, where the vendor does not tell it.
    #[arg(long, value_name = "ROLE")]
    pub(super) role: Option<String>,
}

#[derive(Debug, Args)]
pub(super) struct RunsArguments {
    #[command(subcommand)]
    pub(super) command: RunsCommand,
}

#[derive(Debug, Subcommand)]
pub(super) enum RunsCommand {
    /// All runs, newest first. Needs no credentials and no network.
    List(RunsListArguments),
    /// One run: its plan, its nodes, the settings it changed, and what to do next. Needs no credentials and no network.
    Show(RunsShowArguments),
    /// Lets a frozen run be gone on with, after a look at its node.
    Resume(RunsResumeArguments),
    /// Gives a run up: puts every setting back that it still owes, and ends it.
    Restore(RunsRestoreArguments),
    /// Takes a journal that cannot be read out of the way, with the reason noted. Needs no credentials and no network.
    SetAside(RunsSetAsideArguments),
}

#[derive(Debug, Args)]
pub(super) struct JournalArguments {
    /// Folder of the journals; SPOTINST_ESG_STATE_DIR or ~/.local/state/spotinst-esg/runs when not given.
    #[arg(long, value_name = "DIR")]
    pub(super) state_dir: Option<String>,
    /// Form of the output.
    #[arg(long, value_enum, default_value = "table")]
    pub(super) output: OutputForm,
}

#[derive(Debug, Args)]
pub(super) struct RunsListArguments {
    /// Only those that have not ended, or that are frozen.
    #[arg(long)]
    pub(super) open: bool,
    /// Those that ended long ago and were put away, too.
    #[arg(long, conflicts_with = "open")]
    pub(super) all: bool,
    #[command(flatten)]
    pub(super) journals: JournalArguments,
}

#[derive(Debug, Args)]
pub(super) struct RunsShowArguments {
    /// The run, as `runs list` shows it.
    pub(super) run: String,
    /// Print every line of its journal.
    #[arg(long)]
    pub(super) events: bool,
    #[command(flatten)]
    pub(super) journals: JournalArguments,
}

#[derive(Debug, Args)]
#[command(after_help = "\
The node is read at the vendor and shown first, which needs credentials. Then, on a terminal, you are asked;
elsewhere nothing is done without --yes.")]
pub(super) struct RunsResumeArguments {
    /// The run, as `runs list` shows it.
    pub(super) run: String,
    /// Why it may go on; kept in its journal.
    #[arg(long, value_name = "TEXT", value_parser = reason)]
    pub(super) reason: String,
    /// Do not ask, and go on even if the node cannot be read.
    #[arg(long)]
    pub(super) yes: bool,
    #[command(flatten)]
    pub(super) journals: JournalArguments,
}

#[derive(Debug, Args)]
#[command(after_help = "\
What someone else has set since is left as it is, and told. Nothing is done to instances or their services.
What it has changed of a cluster goes back first, with --cluster; without, the group's settings are put back and the run stays
open. FILE holds in YAML or JSON what option cluster of recycle_run takes: kind, urls, username and so on. Its secrets may also be
in SPOTINST_ESG_CLUSTER_PASSWORD or SPOTINST_ESG_CLUSTER_API_KEY.
What would be put back is shown first; then, on a terminal, you are asked; elsewhere nothing is done without --yes.
Should it fail half-way, running it again goes on there.")]
pub(super) struct RunsRestoreArguments {
    /// The run, as `runs list` shows it.
    pub(super) run: String,
    /// Why it is given up; kept in its journal.
    #[arg(long, value_name = "TEXT", value_parser = reason, required_unless_present = "dry_run")]
    pub(super) reason: Option<String>,
    /// File that says how the cluster is asked to which the run owes settings.
    #[arg(long, value_name = "FILE")]
    pub(super) cluster: Option<PathBuf>,
    /// End it although settings of a cluster are not put back: for one that is gone, or that was seen to by hand.
    #[arg(long, conflicts_with = "cluster")]
    pub(super) leave_cluster: bool,
    /// Only show what would be done.
    #[arg(long)]
    pub(super) dry_run: bool,
    /// Do not ask.
    #[arg(long, conflicts_with = "dry_run")]
    pub(super) yes: bool,
    #[command(flatten)]
    pub(super) journals: JournalArguments,
}

#[derive(Debug, Args)]
#[command(after_help = "\
It is moved to the folder set-aside beside the journals, and nothing is deleted. What its run did is not known, and no roll
will look after it any more: first see to the group's image, root persistence, suspended processes and instances.
A run that is open and can be read is refused: that one wants resume or restore.
On a terminal you are asked; elsewhere nothing is done without --yes.")]
pub(super) struct RunsSetAsideArguments {
    /// The run, as `runs list` shows it, or the path of its journal.
    #[arg(value_name = "RUN|FILE")]
    pub(super) journal: String,
    /// Why; noted beside the journal.
    #[arg(long, value_name = "TEXT", value_parser = reason)]
    pub(super) reason: String,
    /// Do not ask.
    #[arg(long)]
    pub(super) yes: bool,
    #[command(flatten)]
    pub(super) journals: JournalArguments,
}

fn reason(text: &str) -> Result<String, &'static str> {
    let text = text.trim();
    if text.is_empty() { Err("say why") } else { Ok(text.to_owned()) }
}

#[derive(Debug, Args)]
pub(super) struct AwsArguments {
    /// AWS region; AWS_REGION when not given.
    #[arg(long)]
    pub(super) region: Option<String>,
    /// AWS profile; the AWS SDK's own choice when not given.
    #[arg(long, value_name = "NAME")]
    pub(super) aws_profile: Option<String>,
}

#[derive(Debug, Args)]
#[command(after_help = "\
FILE of --policy holds in YAML or JSON what option policy of the module spot_offer_info takes: architectures, min_vcpus,
max_price and so on (`ansible-doc spotinst.esg.spot_offer_info`).")]
pub(super) struct OffersArguments {
    /// File with what is wanted.
    #[arg(long, value_name = "FILE")]
    pub(super) policy: Option<PathBuf>,
    /// Say what became of this type, zone by zone.
    #[arg(long, value_name = "TYPE")]
    pub(super) explain: Option<String>,
    /// Where on-demand prices come from: api, none, or a file.
    #[arg(long, value_name = "api|none|FILE")]
    pub(super) on_demand_prices: Option<String>,
    /// Address or path of the spot advisor's feed, for interruption rates.
    #[arg(long, value_name = "URL|FILE")]
    pub(super) interruption_feed: Option<String>,
    /// Ask for placement scores of so many machines.
    #[arg(long, value_name = "COUNT")]
    pub(super) placement_target: Option<u32>,
    /// Where spot prices come from: market, ssm, or a file.
    #[arg(long, value_name = "market|ssm|FILE")]
    pub(super) spot_prices: Option<String>,
    /// Path of parameters in Systems Manager with prices.
    #[arg(long, value_name = "PATH")]
    pub(super) store_prefix: Option<String>,
    /// Keep the offers for others: ssm, or a file.
    #[arg(long, value_name = "ssm|FILE")]
    pub(super) store: Option<String>,
    /// Write the figures down, to be ranked again with --replay.
    #[arg(long, value_name = "FILE")]
    pub(super) save_to: Option<String>,
    /// Rank figures that were written down; nothing is asked.
    #[arg(long, value_name = "FILE")]
    pub(super) replay: Option<String>,
    #[command(flatten)]
    pub(super) aws: AwsArguments,
    /// Form of the output.
    #[arg(long, value_enum, default_value = "table")]
    pub(super) output: OutputForm,
}

#[derive(Debug, Args)]
#[command(after_help = "\
FILE holds in YAML or JSON the options of the module spot_launch: name, count or exact_count, image_id or launch_template, policy
and so on (`ansible-doc spotinst.esg.spot_launch`). What would be done is shown first; then, on a terminal, you are asked;
elsewhere nothing is launched or terminated without --yes. Where neither is to be done, what was cut off is settled, and what starts is
waited for. Should it be interrupted, running it again goes on there.")]
pub(super) struct LaunchArguments {
    /// File with the options.
    #[arg(value_name = "FILE")]
    pub(super) file: PathBuf,
    /// The fleet, over what the file says.
    #[arg(long)]
    pub(super) name: Option<String>,
    /// Launch so many more, over what the file says.
    #[arg(long, value_name = "N", conflicts_with = "exact_count")]
    pub(super) count: Option<u32>,
    /// Have exactly so many, over what the file says.
    #[arg(long, value_name = "N")]
    pub(super) exact_count: Option<u32>,
    /// Only show what would be done, and ask EC2 whether it would.
    #[arg(long, visible_alias = "dry-run", conflicts_with = "yes")]
    pub(super) check: bool,
    /// Do not ask.
    #[arg(long)]
    pub(super) yes: bool,
    #[command(flatten)]
    pub(super) aws: AwsArguments,
    /// Form of the output.
    #[arg(long, value_enum, default_value = "table")]
    pub(super) output: OutputForm,
}

#[derive(Debug, Args)]
pub(super) struct FleetArguments {
    #[command(subcommand)]
    pub(super) command: FleetCommand,
}

#[derive(Debug, Subcommand)]
pub(super) enum FleetCommand {
    /// The machines, with zones, present prices and savings.
    List(FleetListArguments),
}

#[derive(Debug, Args)]
pub(super) struct FleetListArguments {
    /// Only this fleet.
    pub(super) name: Option<String>,
    /// Do not ask for prices.
    #[arg(long)]
    pub(super) no_prices: bool,
    #[command(flatten)]
    pub(super) aws: AwsArguments,
    /// Form of the output.
    #[arg(long, value_enum, default_value = "table")]
    pub(super) output: OutputForm,
}

#[derive(Debug, Args)]
pub(super) struct ModuleArguments {
    /// The module.
    pub(super) name: String,
    /// File with its arguments as a JSON object, or - for stdin.
    #[arg(value_name = "ARGUMENTS")]
    pub(super) file: PathBuf,
    /// The arguments are one line of stdin, and when stdin ends the caller is gone and nothing is done any more.
    #[arg(long, hide = true)]
    pub(super) lifeline: bool,
}

#[derive(Debug, Args)]
pub(super) struct ModuleDocsArguments {
    /// The collection's folder.
    #[arg(long, value_name = "DIR")]
    pub(super) output: PathBuf,
    /// Write nothing, and fail if a file is not as it would be written.
    #[arg(long)]
    pub(super) check: bool,
}

/// How data is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum OutputForm {
    /// For people.
    Table,
    /// For programs.
    Json,
    /// For both.
    Yaml,
}
