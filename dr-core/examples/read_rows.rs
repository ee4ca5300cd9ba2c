//! One table's rows out of what pg_dump wrote (a directory archive or a plain script), as tab-separated text.
//!
//! ```text
//! pg_dump --format=directory --file=shop.dump shop
//! cargo run --example read_rows -- shop.dump public.orders
//! ```
#![expect(clippy::print_stdout, reason = "an example shows what it did")]

use std::path::Path;

use dr_core::event::Watch;
use dr_core::ops::{ReadOptions, open_dump, rows};
use dr_core::toc::Selection;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [dump, table] = &arguments[..] else {
        return Err("say DUMP TABLE".into());
    };
    let dump = open_dump(Path::new(dump), &ReadOptions::new()).await?;
    let selected = dump.toc().select(&Selection::tables([table]))?;
    let mut rows = rows(dump, selected.toc, Watch::default()).await?;
    println!("{}", rows.columns().join("\t"));
    while let Some(batch) = rows.next_batch().await? {
        for row in batch {
            let fields: Vec<_> = row
                .fields()
                .map(|field| match field {
                    Some(value) => String::from_utf8_lossy(&value).into_owned(),
                    None => "null".to_owned(),
                })
                .collect();
            println!("{}", fields.join("\t"));
        }
    }
    Ok(())
}
