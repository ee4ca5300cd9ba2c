//! A dump of one table whose rows lie in memory.

use bytes::Bytes;
use dr_core::Result;
use dr_core::dump::{Data, Dump};
use dr_core::toc::{Entry, EntryId, Kind, Toc};
use futures::FutureExt;
use futures::future::BoxFuture;

use crate::copy_text;

/// The entry with the rows.
pub(crate) const DATA: EntryId = EntryId(2);

/// The dump.
pub(crate) struct MemoryDump {
    toc: Toc,
    rows: Bytes,
    piece: usize,
}

impl MemoryDump {
    /// Of these rows, in pieces of this size.
    pub(crate) fn new(rows: Bytes, piece: usize) -> Self {
        let mut table = Entry::new(EntryId(1), Kind::Table, "event");
        table.namespace = Some("public".into());
        table.definition = "CREATE TABLE public.event (id bigint, at timestamp with time zone, \
                            user_id bigint, kind text, session text, path text, note text);\n"
            .into();
        let mut data = Entry::new(DATA, Kind::TableData, "event");
        data.namespace = Some("public".into());
        data.copy_statement = Some(
            "COPY public.event (id, at, user_id, kind, session, path, note) FROM stdin;\n".into(),
        );
        data.dependencies = vec![table.id];
        data.has_data = true;
        let mut toc = Toc::default();
        toc.database = "bench".into();
        toc.encoding = "UTF8".to_owned();
        toc.std_strings = true;
        toc.server_version = "17.0".to_owned();
        toc.dump_version = "17.0".to_owned();
        toc.entries = vec![table, data];
        Self { toc, rows, piece }
    }
}

impl Dump for MemoryDump {
    fn toc(&self) -> &Toc {
        &self.toc
    }

    fn data(&self, _entry: EntryId) -> BoxFuture<'_, Result<Data>> {
        let rows = copy_text::pieces(&self.rows, self.piece);
        async move { Ok(Data::Rows(rows)) }.boxed()
    }
}
