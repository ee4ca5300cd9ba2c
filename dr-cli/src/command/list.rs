//! `dr list`.

use dr_core::Result;
use dr_core::ops::as_json;
use dr_core::repo::Listing;
use serde_json::{Value, json};

use super::Context;
use crate::args::List;
use crate::exit::Outcome;
use crate::render::{Align, Table, bytes, time};
use crate::{exit, signal};

pub(super) async fn run(context: &Context, options: &List) -> Result<Outcome> {
    let repository = context.repository(&options.repo.repo).await?;
    let listings = signal::droppable(&context.stop, repository.list()).await?;
    let damaged = listings.iter().any(|listing| listing.mark.is_err());
    context.output.result(
        || text(&listings),
        || json!({ "backups": listings.iter().map(value).collect::<Vec<_>>() }),
    )?;
    Ok(if damaged {
        Outcome::Damaged
    } else {
        Outcome::Done
    })
}

fn text(listings: &[Listing]) -> String {
    if listings.is_empty() {
        return "no backups".to_owned();
    }
    let mut table = Table::new([
        ("backup", Align::Left),
        ("database", Align::Left),
        ("created", Align::Left),
        ("stored", Align::Right),
        ("sealed", Align::Left),
        ("label", Align::Left),
    ]);
    for listing in listings {
        let id = listing.place.id().to_string();
        let database = match listing.place.database() {
            "" => "(all databases)".to_owned(),
            name => name.to_owned(),
        };
        table.row(match &listing.mark {
            Ok(mark) => [
                id,
                database,
                time(mark.created),
                bytes(mark.stored_bytes()),
                if mark.is_encrypted() { "yes" } else { "no" }.to_owned(),
                mark.label.clone().unwrap_or_default(),
            ],
            Err(error) => [
                id,
                database,
                "damaged".to_owned(),
                String::new(),
                String::new(),
                error.to_string(),
            ],
        });
    }
    table.to_string()
}

fn value(listing: &Listing) -> Value {
    let mut value = as_json::listing(listing);
    if let Err(error) = &listing.mark {
        value["error"]["exit"] = exit::code(error).into();
    }
    value
}
