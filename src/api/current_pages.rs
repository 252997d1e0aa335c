//! The pages kept by the cache policy in force.

use std::sync::{Arc, Mutex, PoisonError};

use crate::pages::Pages;
use barkeep_config::policy::CachePolicy;
use barkeep_pipeline::EngineContext;

/// Another policy begins with empty caches; whoever reads from the ones before reads to the end.
pub(super) struct CurrentPages(Mutex<(CachePolicy, Arc<Pages>)>);

impl CurrentPages {
    pub(super) fn new(engine: &EngineContext) -> Self {
        let policy = engine.config.current().policy.cache_policy.clone();
        Self(Mutex::new((policy.clone(), Arc::new(pages(engine, &policy)))))
    }

    pub(super) fn get(&self, engine: &EngineContext) -> Arc<Pages> {
        let config = engine.config.current();
        let policy = &config.policy.cache_policy;
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.0 != *policy {
            *kept = (policy.clone(), Arc::new(pages(engine, policy)));
        }
        Arc::clone(&kept.1)
    }
}

fn pages(engine: &EngineContext, policy: &CachePolicy) -> Pages {
    Pages::new(Arc::clone(&engine.store), Arc::clone(&engine.clock), policy)
}
