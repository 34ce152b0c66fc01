//! `check`: what a component is, without running it for anybody.

use std::path::PathBuf;

use clap::Args;
use serde_json::{Value, json};

use super::compiler::CompilerArgs;
use super::failure::Failure;
use super::{CacheArgs, output};
use crate::engine::ComponentSource;
use crate::gateway::actors::RestartView;
use crate::grants::Need;
use crate::host::{Host, Import, Report};
use crate::limits::HostLimits;
use crate::policy::RestartWish;
use crate::wire::Method;

#[derive(Debug, Args)]
pub(super) struct CheckArgs {
    /// The file with the component.
    #[arg(value_name = "ACTOR.wasm")]
    component: PathBuf,
    /// Print JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    compiler: CompilerArgs,
    #[command(flatten)]
    cache: CacheArgs,
}

pub(super) async fn check(args: CheckArgs) -> Result<(), Failure> {
    let limits = args.compiler.apply(HostLimits::default());
    let host = args.cache.host(Host::builder().limits(limits))?;
    let report = host.check(ComponentSource::File(args.component.clone())).await?;
    host.shutdown().await;
    if args.json { print_json(&report) } else { print_text(&args, &report) }
}

fn print_json(report: &Report) -> Result<(), Failure> {
    let methods: Vec<Value> = report.description.methods.iter().map(method_json).collect();
    let restart = report.description.restart.as_ref().map(RestartView::from);
    let import = |import: &Import| json!({ "name": import.name, "needs": import.need.flag() });
    let imports: Vec<Value> = report.imports.iter().map(import).collect();
    let report = json!({
        "lane": report.lane,
        "methods": methods,
        "restart_wanted": restart,
        "imports": imports,
        "code": report.origin,
    });
    let text = serde_json::to_string_pretty(&report).map_err(Failure::system)?;
    output::json(&text)
}

fn method_json(method: &Method) -> Value {
    // What is no JSON that a client could read is not shown.
    let schema =
        |text: &Option<String>| text.as_deref().and_then(|text| serde_json::from_str::<Value>(text).ok());
    json!({
        "name": method.name,
        "kind": method.kind,
        "doc": method.doc,
        "args_schema": schema(&method.args_schema),
        "answer_schema": schema(&method.answer_schema),
        "item_schema": schema(&method.item_schema),
    })
}

/// What an actor asks for is no promise of its host.
fn wish_line(wish: &RestartWish) -> String {
    format!("wants to be restarted: {wish} (this host shows it and does not apply it yet)")
}

fn print_text(args: &CheckArgs, report: &Report) -> Result<(), Failure> {
    let methods = &report.description.methods;
    let head =
        format!("{}: {} actor, {} methods", args.component.display(), report.lane.as_str(), methods.len());
    output::line(head.as_bytes())?;
    if let Some(wish) = &report.description.restart {
        output::line(wish_line(wish).as_bytes())?;
    }
    let rows: Vec<Vec<String>> = methods
        .iter()
        .map(|method| {
            let doc = method.doc.lines().next().unwrap_or_default();
            vec![method.name.clone(), method.kind.as_str().to_owned(), doc.to_owned()]
        })
        .collect();
    if !rows.is_empty() {
        output::table(&["METHOD", "KIND", ""], &rows)?;
    }
    let import = |import: &Import| {
        let needs = match import.need {
            Need::Nothing => "",
            Need::Never => "cannot be granted",
            Need::Ask | Need::Dir | Need::Env | Need::Http => import.need.flag().unwrap_or_default(),
        };
        vec![import.name.clone(), needs.to_owned()]
    };
    output::table(&["IMPORT", "NEEDS"], &report.imports.iter().map(import).collect::<Vec<_>>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wanted_and_not_applied_is_said_to_be_so() {
        let wish = RestartWish { max_restarts: Some(5), ..RestartWish::default() };
        let expected = "wants to be restarted: max_restarts 5 (this host shows it and does not apply it yet)";
        assert_eq!(wish_line(&wish), expected);
    }
}
