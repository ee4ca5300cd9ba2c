//! Runs a plan's steps over some connections, reads every table back as soon as its data is
//! loaded, and stops at the first error.
//!
//! Used by `restore`, which makes the place beforehand and decides afterwards what becomes of it.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use futures::future::{BoxFuture, try_join_all};
use futures::stream::FuturesUnordered;
use futures::{FutureExt, StreamExt};
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use super::super::copy_statement::CopyStatement;
use super::content::{Comparison, Content, Next, Part};
use super::load::{self, LargeObjects, TableLoad, Transaction};
use super::options::RestoreOptions;
use super::prove::{self, Renderings};
use super::report::{Against, LargeObjectsProof, SequenceProof, TableProof, Verdict};
use super::schedule::{Schedule, Work};
use super::session::{Door, Session, Style};
use super::stop::{stopped, unless_stopped};
use crate::digest::RowsDigest;
use crate::dump::{Data, Dump};
use crate::error::{Error, ErrorKind, Result};
use crate::event::Event;
use crate::files::Evidence;
use crate::text::TextForm;
use crate::toc::render::{self, RenderOptions};
use crate::toc::{
    Entry, EntryId, Index, Kind, Lock, LockMode, Pass, Plan, RelationName, Stage, Step,
};

/// A table smaller than this is not emptied before it is loaded: a new file costs more than frozen
/// rows gain.
const TRUNCATE_FROM: u64 = 1 << 20;

/// What all pieces of work need to know.
struct Shared {
    toc: crate::toc::Toc,
    index: Index,
    evidence: Evidence,
    render: RenderOptions,
    options: RestoreOptions,
    form: TextForm,
    /// Tables the plan makes, so that they are known to be empty and nobody else's.
    made: HashSet<RelationName>,
    old_floats: bool,
}

impl Shared {
    fn entry(&self, id: EntryId) -> Result<&Entry> {
        self.index.get(&self.toc, id).ok_or_else(|| {
            Error::new(
                ErrorKind::Usage,
                format!("the plan is not one of this dump: it has no entry {id}"),
            )
        })
    }
}

/// A restore being executed.
pub(super) struct Executor<'a> {
    dump: &'a dyn Dump,
    shared: Arc<Shared>,
    door: Door,
    /// Connections that wait for work.
    idle: Vec<Session>,
    comparisons: Vec<Comparison>,
    parts: Vec<Part>,
    /// Loads through a partition root that are not all done: root to comparison.
    trees: HashMap<String, (usize, Content)>,
    tables: Vec<TableProof>,
    large_objects: LargeObjects,
}

/// The proof of everything.
pub(super) struct Proof {
    pub(super) tables: Vec<TableProof>,
    pub(super) sequences: Vec<SequenceProof>,
    pub(super) large_objects: LargeObjectsProof,
}

impl Proof {
    /// Whether everything that was compared is equal or could not be compared.
    pub(super) fn is_sound(&self) -> bool {
        let fair = |verdict| verdict <= Verdict::NotComparable;
        self.tables.iter().all(|table| fair(table.verdict))
            && self.sequences.iter().all(|sequence| fair(sequence.verdict))
            && self.large_objects.is_sound()
    }
}

/// What a piece of work came to.
enum Outcome {
    Made,
    Copied {
        digest: RowsDigest,
        bytes: u64,
        parts: Vec<Option<prove::Pages>>,
    },
    Inserted {
        rows: u64,
        found: u64,
    },
    LargeObjects(LargeObjects),
    ReadBack(RowsDigest),
    Types(Renderings),
}

/// A piece of work that is over.
struct Done {
    work: Work,
    sessions: Vec<Session>,
    outcome: Result<Outcome>,
}

/// A load that more connections may join.
struct Joinable {
    sender: mpsc::UnboundedSender<Session>,
    free: usize,
    bytes: u64,
}

impl<'a> Executor<'a> {
    pub(super) fn new(
        dump: &'a dyn Dump,
        plan: &Plan,
        door: Door,
        target_version: u32,
        options: &RestoreOptions,
    ) -> Self {
        let toc = dump.toc().clone();
        let planned: HashSet<EntryId> = plan.steps.iter().map(|step| step.entry).collect();
        let mut render = RenderOptions::new().target_version(target_version);
        if !options.owners {
            render = render.no_owner();
        }
        if !options.tablespaces {
            render = render.no_tablespaces();
        }
        let shared = Shared {
            index: Index::of(&toc),
            evidence: dump.evidence(),
            render,
            options: options.clone(),
            form: TextForm::of_encoding(match &toc.encoding[..] {
                "" => "UTF8",
                encoding => encoding,
            }),
            made: toc
                .entries
                .iter()
                .filter(|entry| entry.kind == Kind::Table && planned.contains(&entry.id))
                .filter_map(Entry::relation)
                .collect(),
            old_floats: toc.server_major().is_none_or(|major| major < 12),
            toc,
        };
        Self {
            dump,
            shared: Arc::new(shared),
            door,
            idle: Vec::new(),
            comparisons: Vec::new(),
            parts: Vec::new(),
            trees: HashMap::new(),
            tables: Vec::new(),
            large_objects: Vec::new(),
        }
    }

    /// Runs every step and reads everything back. `first` is the connection for what goes one at
    /// a time; in a single transaction it is the only one, and is handed back with it open.
    pub(super) async fn run(mut self, plan: &Plan, first: Session) -> Result<(Proof, Session)> {
        self.expect_trees(plan)?;
        self.idle.push(first);
        for pass in [Pass::Main, Pass::Acl, Pass::PostAcl] {
            for stage in [Stage::First, Stage::Parallel, Stage::Last] {
                let steps: Vec<Step> = plan
                    .steps
                    .iter()
                    .filter(|step| step.pass == pass && step.stage == stage)
                    .cloned()
                    .collect();
                if steps.is_empty() {
                    continue;
                }
                match stage {
                    Stage::Parallel => self.run_parallel(steps).await?,
                    Stage::First | Stage::Last => self.run_in_order(&steps).await?,
                }
            }
        }
        self.prove_rest(plan).await
    }

    async fn run_in_order(&mut self, steps: &[Step]) -> Result<()> {
        let shared = Arc::clone(&self.shared);
        let stop = shared.options.stop.clone();
        let session = self.idle.first_mut().ok_or_else(no_session)?;
        for step in steps {
            let entry = shared.entry(step.entry)?;
            unless_stopped(&stop, session.make(entry, &shared.toc, &shared.render)).await?;
            shared.options.watch.tell(Event::ItemFinished {
                item: step.what.clone(),
            });
        }
        Ok(())
    }

    async fn run_parallel(&mut self, steps: Vec<Step>) -> Result<()> {
        let jobs = if self.shared.options.single_transaction {
            1
        } else {
            self.shared.options.jobs
        };
        let has_data = steps.iter().any(|step| step.rank() == 1);
        let wanted = if has_data {
            jobs
        } else {
            jobs.min(steps.len())
        };
        let more = wanted.saturating_sub(self.idle.len());
        let stop = self.shared.options.stop.clone();
        let opened = try_join_all((0..more).map(|_| self.door.open()));
        let opened = unless_stopped(&stop, opened).await?;
        self.idle.extend(opened);

        let mut schedule = Schedule::new(steps, self.dump.lanes());
        let mut opening: FuturesUnordered<BoxFuture<'a, (usize, Session, Result<Data>)>> =
            FuturesUnordered::new();
        let mut running: JoinSet<Done> = JoinSet::new();
        let mut joinable: BTreeMap<usize, Joinable> = BTreeMap::new();
        loop {
            self.hand_out(&mut schedule, &mut opening, &mut running, &mut joinable)?;
            if schedule.is_over() {
                break;
            }
            tokio::select! {
                biased;
                () = stop.cancelled() => return Err(stopped()),
                Some((at, session, data)) = opening.next() => {
                    let step = schedule.step(at);
                    let load = self.begin_load(at, step, session, data?)?;
                    if let Some(open) = load.joinable {
                        joinable.insert(at, open);
                    }
                    running.spawn(load.work);
                }
                Some(done) = running.join_next() => {
                    let done = done.map_err(|error| {
                        Error::new(ErrorKind::Bug, "a piece of the restore failed").caused_by(error)
                    })?;
                    if let Work::Step(at) = done.work {
                        joinable.remove(&at);
                    }
                    self.idle.extend(done.sessions);
                    self.take_in(&mut schedule, done.work, done.outcome?)?;
                    schedule.done(done.work);
                }
            }
        }
        match schedule.stuck().first() {
            None => Ok(()),
            Some(step) => Err(
                Error::new(ErrorKind::Bug, "a step of the plan waits for itself")
                    .in_entry(&step.what),
            ),
        }
    }

    /// Gives work to every connection that has none.
    fn hand_out(
        &mut self,
        schedule: &mut Schedule,
        opening: &mut FuturesUnordered<BoxFuture<'a, (usize, Session, Result<Data>)>>,
        running: &mut JoinSet<Done>,
        joinable: &mut BTreeMap<usize, Joinable>,
    ) -> Result<()> {
        while let Some(session) = self.idle.pop() {
            if let Some(at) = schedule.take_step() {
                let step = schedule.step(at);
                self.tell_started(step);
                let entry = self.shared.entry(step.entry)?;
                if entry.has_data {
                    let id = entry.id;
                    let dump = self.dump;
                    opening.push(async move { (at, session, dump.data(id).await) }.boxed());
                } else {
                    running.spawn(make(Arc::clone(&self.shared), at, step.entry, session));
                }
                continue;
            }
            // Helping the largest load shortens what everything else waits for.
            let largest = joinable
                .values_mut()
                .filter(|load| load.free > 0)
                .max_by_key(|load| load.bytes);
            if let Some(load) = largest {
                load.free -= 1;
                if let Err(mpsc::error::SendError(session)) = load.sender.send(session) {
                    load.free = 0;
                    self.idle.push(session);
                }
                continue;
            }
            let Some(number) = schedule.take_part() else {
                self.idle.push(session);
                return Ok(());
            };
            let part = self.parts[number].clone();
            let content = &self.comparisons[part.comparison].content;
            running.spawn(read_back(
                number,
                content.copy.clone(),
                content.whole_tree,
                part,
                session,
            ));
        }
        Ok(())
    }

    fn tell_started(&self, step: &Step) {
        self.shared.options.watch.tell(Event::ItemStarted {
            item: step.what.clone(),
        });
    }

    /// The work of loading an entry whose data has been opened.
    fn begin_load(&self, at: usize, step: &Step, session: Session, data: Data) -> Result<Load> {
        let shared = Arc::clone(&self.shared);
        let entry = shared.entry(step.entry)?;
        let work = Work::Step(at);
        let what = entry.to_string();
        let item = step.what.clone();
        let own = !shared.options.single_transaction;
        match data {
            Data::LargeObjects(pieces) => {
                let work = async move {
                    let recorded = &shared.evidence.large_objects;
                    let outcome = load::large_objects(
                        &what,
                        &item,
                        &session,
                        pieces,
                        |oid| recorded.get(&oid).cloned(),
                        own,
                        &shared.options.watch,
                    )
                    .await
                    .map(Outcome::LargeObjects);
                    Done {
                        work,
                        sessions: vec![session],
                        outcome,
                    }
                };
                Ok(Load::alone(work.boxed()))
            }
            Data::Rows(stream) => match &entry.copy_statement {
                Some(statement) if !statement.is_empty() => {
                    let copy = CopyStatement::parse(&shared.form.decode(statement)?)
                        .map_err(|error| error.in_entry(entry))?;
                    let load = self.table_load(entry, step, copy);
                    let (sender, mut helpers) = mpsc::unbounded_channel();
                    let joinable = (load.most_lanes > 1).then(|| Joinable {
                        sender,
                        free: load.most_lanes - 1,
                        bytes: step.bytes,
                    });
                    let table = load.copy.table.clone();
                    let work = async move {
                        let loaded = load::table(load, session, stream, &mut helpers).await;
                        let mut sessions = loaded.sessions;
                        helpers.close();
                        while let Ok(late) = helpers.try_recv() {
                            sessions.push(late);
                        }
                        let outcome = match (loaded.outcome, sessions.first()) {
                            (Err(error), _) => Err(error),
                            (Ok(digest), Some(session)) => sized(session, &table, digest).await,
                            (Ok(_), None) => Err(no_session()),
                        };
                        Done {
                            work,
                            sessions,
                            outcome,
                        }
                    };
                    Ok(Load {
                        work: work.boxed(),
                        joinable,
                    })
                }
                _ => {
                    let name = shared.form.decode(&crate::toc::ident::qualified(
                        entry.namespace.as_deref(),
                        &entry.tag,
                    ))?;
                    let std_strings = shared.toc.std_strings;
                    let work = async move {
                        let outcome = insert(
                            &what,
                            &item,
                            &session,
                            stream,
                            std_strings,
                            own,
                            &name,
                            &shared,
                        )
                        .await;
                        Done {
                            work,
                            sessions: vec![session],
                            outcome,
                        }
                    };
                    Ok(Load::alone(work.boxed()))
                }
            },
        }
    }

    fn table_load(&self, entry: &Entry, step: &Step, copy: CopyStatement) -> TableLoad {
        let shared = &self.shared;
        let options = &shared.options;
        let is_made = shared.made.contains(&RelationName::new(
            entry.namespace.clone().unwrap_or_default(),
            entry.tag.clone(),
        )) && !render::loads_via_partition_root(entry);
        let is_frozen = is_made && copy.is_plain();
        let most_lanes = match options.single_transaction {
            false if step.bytes >= options.lanes_from => options.most_lanes(),
            _ => 1,
        };
        let transaction = match (options.single_transaction, is_frozen) {
            (true, true) => Transaction::AroundCreation,
            (true, false) => Transaction::Around,
            (false, true) if most_lanes == 1 && step.bytes >= TRUNCATE_FROM => {
                Transaction::Truncating(render::truncate(entry))
            }
            (false, _) => Transaction::Own,
        };
        TableLoad {
            what: entry.to_string(),
            item: step.what.clone(),
            copy,
            expected: shared
                .evidence
                .tables
                .get(&entry.id.0)
                .map(|recorded| recorded.digest),
            transaction,
            most_lanes,
            watch: options.watch.clone(),
        }
    }

    /// Takes in what a piece of work came to, and orders what follows from it.
    fn take_in(&mut self, schedule: &mut Schedule, work: Work, outcome: Outcome) -> Result<()> {
        match (work, outcome) {
            (
                Work::Step(at),
                Outcome::Copied {
                    digest,
                    bytes,
                    parts,
                },
            ) => {
                let step = schedule.step(at).clone();
                self.order_read_back(schedule, &step, digest, bytes, &parts)?;
                self.tell_finished(&step);
            }
            (Work::Step(at), Outcome::Inserted { rows, found }) => {
                let step = schedule.step(at).clone();
                self.note_inserted(&step, rows, found)?;
                self.tell_finished(&step);
            }
            (Work::Step(at), Outcome::LargeObjects(loaded)) => {
                self.large_objects.extend(loaded);
                self.tell_finished(&schedule.step(at).clone());
            }
            (Work::Step(at), _) => self.tell_finished(&schedule.step(at).clone()),
            (Work::Part(number), Outcome::ReadBack(digest)) => {
                let comparison = self.parts[number].comparison;
                let next = self.comparisons[comparison].add(&digest);
                self.follow(schedule, number, next);
            }
            (Work::Part(number), Outcome::Types(renderings)) => {
                let comparison = self.parts[number].comparison;
                let next = self.comparisons[comparison].know(renderings);
                self.follow(schedule, number, next);
            }
            (Work::Part(_), _) => {}
        }
        Ok(())
    }

    fn tell_finished(&self, step: &Step) {
        self.shared.options.watch.tell(Event::ItemFinished {
            item: step.what.clone(),
        });
    }

    fn order_read_back(
        &mut self,
        schedule: &mut Schedule,
        step: &Step,
        digest: RowsDigest,
        bytes: u64,
        parts: &[Option<prove::Pages>],
    ) -> Result<()> {
        let shared = Arc::clone(&self.shared);
        let entry = shared.entry(step.entry)?;
        let statement = entry.copy_statement.clone().unwrap_or_default();
        let copy = CopyStatement::parse(&shared.form.decode(&statement)?)?;
        let recorded = shared.evidence.tables.contains_key(&entry.id.0);
        let name = entry
            .home()
            .map_or_else(String::new, |name| name.to_string());
        if !copy.is_plain() {
            self.tables.push(TableProof {
                entry: entry.id.0,
                table: name,
                verdict: Verdict::NotComparable,
                against: Against::Archive,
                expected: Some(digest),
                found: None,
                why: Some(
                    "its data is in a format of its own; rows were counted by the server".into(),
                ),
            });
            return Ok(());
        }
        let mut content = Content {
            entries: vec![(entry.id.0, name, digest)],
            against: if recorded {
                Against::Manifest
            } else {
                Against::Archive
            },
            whole_tree: false,
            old_floats: shared.old_floats,
            copy,
        };
        if render::loads_via_partition_root(entry) {
            let Some((left, tree)) = self.trees.get_mut(&content.copy.table) else {
                return Ok(());
            };
            tree.entries.append(&mut content.entries);
            *left -= 1;
            if *left > 0 {
                return Ok(());
            }
            content = tree.clone();
            self.order(schedule, content, bytes, &[None]);
        } else {
            self.order(schedule, content, bytes, parts);
        }
        Ok(())
    }

    fn order(
        &mut self,
        schedule: &mut Schedule,
        content: Content,
        bytes: u64,
        parts: &[Option<prove::Pages>],
    ) {
        let comparison = self.comparisons.len();
        self.comparisons.push(Comparison::new(content, parts.len()));
        for pages in parts {
            self.add_part(
                schedule,
                Part {
                    comparison,
                    pages: *pages,
                    style: Some(Style::OF_DUMP),
                },
                bytes,
            );
        }
    }

    fn add_part(&mut self, schedule: &mut Schedule, part: Part, bytes: u64) {
        let content = &self.comparisons[part.comparison].content;
        let locks = content
            .entries
            .iter()
            .map(|(_, name, _)| Lock {
                relation: name.clone(),
                mode: LockMode::AccessShare,
            })
            .collect();
        let number = self.parts.len();
        self.parts.push(part);
        schedule.add_part(number, bytes, locks);
    }

    /// Does what a comparison asks for.
    fn follow(&mut self, schedule: &mut Schedule, number: usize, next: Next) {
        let part = self.parts[number].clone();
        match next {
            Next::Wait => {}
            Next::AskTypes => {
                let ask = Part {
                    pages: None,
                    style: None,
                    ..part
                };
                self.add_part(schedule, ask, 0);
            }
            Next::Again(style) => {
                self.comparisons[part.comparison].restart(1);
                let again = Part {
                    pages: None,
                    style: Some(style),
                    ..part
                };
                self.add_part(schedule, again, 0);
            }
            Next::Done(verdict, why) => {
                let proofs = self.comparisons[part.comparison].proofs(verdict, why.as_deref());
                self.tables.extend(proofs);
            }
        }
    }

    fn note_inserted(&mut self, step: &Step, rows: u64, found: u64) -> Result<()> {
        let entry = self.shared.entry(step.entry)?;
        let counted = |rows| {
            Some(RowsDigest {
                rows,
                ..RowsDigest::default()
            })
        };
        let equal = rows == found;
        self.tables.push(TableProof {
            entry: entry.id.0,
            table: entry
                .home()
                .map_or_else(String::new, |name| name.to_string()),
            verdict: if equal {
                Verdict::NotComparable
            } else {
                Verdict::Differs
            },
            against: Against::Archive,
            expected: counted(rows),
            found: counted(found),
            why: Some(if equal {
                "its data came as INSERT statements; the number of rows is the same".to_owned()
            } else {
                format!("it has {found} rows, but {rows} were inserted")
            }),
        });
        Ok(())
    }

    /// How many entries are loaded through each partitioned table.
    fn expect_trees(&mut self, plan: &Plan) -> Result<()> {
        let shared = Arc::clone(&self.shared);
        for step in &plan.steps {
            let entry = shared.entry(step.entry)?;
            let Some(statement) = entry.copy_statement.as_ref().filter(|_| {
                entry.kind == Kind::TableData && render::loads_via_partition_root(entry)
            }) else {
                continue;
            };
            if statement.is_empty() {
                continue;
            }
            let copy = CopyStatement::parse(&shared.form.decode(statement)?)
                .map_err(|error| error.in_entry(entry))?;
            let recorded = shared.evidence.tables.contains_key(&entry.id.0);
            let tree = self.trees.entry(copy.table.clone()).or_insert_with(|| {
                (
                    0,
                    Content {
                        entries: Vec::new(),
                        copy,
                        against: if recorded {
                            Against::Manifest
                        } else {
                            Against::Archive
                        },
                        whole_tree: true,
                        old_floats: shared.old_floats,
                    },
                )
            });
            tree.0 += 1;
        }
        Ok(())
    }

    async fn prove_rest(mut self, plan: &Plan) -> Result<(Proof, Session)> {
        let shared = Arc::clone(&self.shared);
        let planned: HashSet<EntryId> = plan
            .steps
            .iter()
            .filter(|step| step.kind == Kind::SequenceSet)
            .map(|step| step.entry)
            .collect();
        let sequences: Vec<&Entry> = shared
            .toc
            .entries
            .iter()
            .filter(|entry| planned.contains(&entry.id))
            .collect();
        let session = self.idle.first().ok_or_else(no_session)?;
        let sequences = prove::sequences(session, &shared.toc, &sequences, |entry| {
            shared.evidence.sequences.get(&entry.id.0).cloned()
        })
        .await?;
        let large_objects = prove::large_objects(session, &self.large_objects).await?;
        self.tables
            .sort_by_key(|table| self.shared.index.position(EntryId(table.entry)));
        let session = self.idle.pop().ok_or_else(no_session)?;
        let proof = Proof {
            tables: self.tables,
            sequences,
            large_objects,
        };
        Ok((proof, session))
    }
}

/// Work of a load, and where others may join it.
struct Load {
    work: BoxFuture<'static, Done>,
    joinable: Option<Joinable>,
}

impl Load {
    fn alone(work: BoxFuture<'static, Done>) -> Self {
        Self {
            work,
            joinable: None,
        }
    }
}

async fn make(shared: Arc<Shared>, at: usize, id: EntryId, mut session: Session) -> Done {
    let outcome = async {
        let entry = shared.entry(id)?;
        session.make(entry, &shared.toc, &shared.render).await?;
        Ok(Outcome::Made)
    }
    .await;
    Done {
        work: Work::Step(at),
        sessions: vec![session],
        outcome,
    }
}

async fn sized(session: &Session, table: &str, digest: RowsDigest) -> Result<Outcome> {
    /// Below this a table cannot have the size from which it is read back in parts.
    const ASK_FROM: u64 = 16 << 20;
    let bytes = if digest.bytes < ASK_FROM {
        digest.bytes
    } else {
        prove::table_bytes(session, table).await?
    };
    Ok(Outcome::Copied {
        digest,
        bytes,
        parts: prove::parts(bytes, session.version()),
    })
}

#[expect(
    clippy::too_many_arguments,
    reason = "what a load by statements needs, used once"
)]
async fn insert(
    what: &str,
    item: &str,
    session: &Session,
    stream: crate::files::ByteStream,
    std_strings: bool,
    own: bool,
    name: &str,
    shared: &Shared,
) -> Result<Outcome> {
    let watch = &shared.options.watch;
    let rows = load::statements(what, item, session, stream, std_strings, own, watch).await?;
    let counted = session
        .rows(&format!("SELECT count(*) AS n FROM ONLY {name}"))
        .await
        .map_err(|error| error.in_entry(what))?;
    let found = match counted.first() {
        Some(row) => u64::try_from(row.get::<i64>("n")?).unwrap_or(0),
        None => 0,
    };
    Ok(Outcome::Inserted { rows, found })
}

async fn read_back(
    number: usize,
    copy: CopyStatement,
    whole_tree: bool,
    part: Part,
    mut session: Session,
) -> Done {
    let outcome = match part.style {
        Some(style) => prove::digest(&mut session, &copy, whole_tree, part.pages, style)
            .await
            .map(Outcome::ReadBack),
        None => prove::renderings(&session, &copy.table)
            .await
            .map(Outcome::Types),
    };
    Done {
        work: Work::Part(number),
        sessions: vec![session],
        outcome: outcome
            .map_err(|error| error.in_entry(format_args!("reading back {}", copy.table))),
    }
}

fn no_session() -> Error {
    Error::new(ErrorKind::Bug, "a restore has no connection left")
}
