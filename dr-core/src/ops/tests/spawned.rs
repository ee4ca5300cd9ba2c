//! Every verb can be spawned: whoever embeds them has a runtime of several threads.

use std::sync::Arc;

use crate::dump::Dump;
use crate::files::Files;
use crate::ops::*;
use crate::pg::ConnInfo;
use crate::pipeline::keys::Keys;
use crate::repo::Repository;
use crate::toc::{Plan, Toc};

fn can_be_spawned(_: impl Future<Output = ()> + Send + 'static) {}

/// Compiles, which is all that it is for.
#[expect(dead_code, reason = "nothing is run: the compiler is the judge")]
fn verbs(
    files: Arc<dyn Files>,
    repository: Repository,
    dump: Arc<dyn Dump>,
    (plan, toc): (Plan, Toc),
    server: ConnInfo,
) {
    let (store, source, target) = (repository.clone(), Arc::clone(&dump), server.clone());
    can_be_spawned(async move {
        let _ = backup(&*files, &store, &BackupOptions::new()).await;
        let _ = verify(&store, "latest", &VerifyOptions::new()).await;
        let _ = prune_orphans(&store, &PruneOptions::new()).await;
        let _ = store.list().await;
        if let Ok(backup) = store.find("latest").await {
            let _ = store.files(&backup, &Keys::none()).await;
            let _ = store.delete(&backup.place).await;
        }
    });
    can_be_spawned(async move {
        let _ = restore(&plan, &*source, &target, &RestoreOptions::new()).await;
        let _ = restore_globals(&source.evidence(), &target, &GlobalsOptions::new()).await;
        let _ = verify_against_live(&*source, &target, &LiveOptions::new()).await;
    });
    can_be_spawned(async move {
        let to = Extract::Script("x".into(), crate::pipeline::compression::Compression::None);
        let _ = extract(Arc::clone(&dump), toc.clone(), to, &ExtractOptions::new()).await;
        let _ = rows(dump, toc, crate::event::Watch::default()).await;
        let _ = open_dump("x".as_ref(), &ReadOptions::new()).await;
        let input = Box::pin(tokio::io::empty());
        let _ = open_input(input, &ReadOptions::new()).await;
    });
    can_be_spawned(async move {
        use crate::pg::{DumpOptions, Session, SessionOptions};
        if let Ok(session) = Session::connect(&server, &SessionOptions::new()).await {
            let all = crate::toc::Selection::all();
            let _ = session.dump(&all, &DumpOptions::new()).await;
        }
    });
}
