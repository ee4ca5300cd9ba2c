//! Tables from one live database into an empty one, proven equal; nothing is stored in between.
//!
//! ```text
//! cargo run --example copy_between_databases -- postgres:///shop postgres:///shop_copy 'public.*'
//! ```
#![expect(clippy::print_stdout, reason = "an example shows what it did")]

use std::num::NonZeroUsize;

use dr_core::Dump;
use dr_core::ops::{RestoreOptions, restore};
use dr_core::pg::{ConnInfo, DumpOptions, Environment, Session, SessionOptions, SnapshotOptions};
use dr_core::toc::{Plan, Selection};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [from, to, tables @ ..] = &arguments[..] else {
        return Err("say FROM TO TABLE...".into());
    };
    let environment = Environment::of_process();
    let from = ConnInfo::resolve(Some(from), &environment)?;
    let to = ConnInfo::resolve(Some(to), &environment)?;

    let two = NonZeroUsize::MIN.saturating_add(1);
    let dump = Session::connect(&from, &SessionOptions::new())
        .await?
        .dump(
            &Selection::all(),
            &DumpOptions::new().snapshot(SnapshotOptions::new().jobs(two)),
        )
        .await?;
    let wanted = Selection::tables(tables).with_dependencies();
    let selected = dump.toc().select(&wanted)?;
    for notice in &selected.notices {
        println!("{notice}");
    }
    let plan = Plan::of(&selected.toc).sized(&selected.toc, |entry| dump.size_hint(entry));

    let restored = Box::pin(restore(&plan, &dump, &to, &RestoreOptions::new().jobs(2))).await?;
    for table in &restored.tables {
        let rows = table.found.map_or(0, |found| found.rows);
        println!("{}: {rows} rows, {}", table.table, table.verdict);
    }
    match restored.is_sound() {
        true => Ok(()),
        false => Err("what arrived is not what was sent; nothing of it was kept".into()),
    }
}
