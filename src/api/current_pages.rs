//! The response cache under the cache policy in force.

use std::sync::{Arc, Mutex, PoisonError};

use crate::pages::ResponseCache;
use barkeep_config::policy::CachePolicy;
use barkeep_pipeline::EngineContext;

/// Another policy starts with empty caches; requests under way finish with the ones before.
pub(super) struct CurrentPages(Mutex<(CachePolicy, Arc<ResponseCache>)>);

impl CurrentPages {
    pub(super) fn new(engine: &EngineContext) -> Self {
        let policy = engine.config.current().policy.cache_policy.clone();
        Self(Mutex::new((policy.clone(), Arc::new(pages(engine, &policy)))))
    }

    pub(super) fn get(&self, engine: &EngineContext) -> Arc<ResponseCache> {
        let config = engine.config.current();
        let policy = &config.policy.cache_policy;
        let mut current = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if current.0 != *policy {
            *current = (policy.clone(), Arc::new(pages(engine, policy)));
        }
        Arc::clone(&current.1)
    }
}

fn pages(engine: &EngineContext, policy: &CachePolicy) -> ResponseCache {
    ResponseCache::new(Arc::clone(&engine.store), Arc::clone(&engine.clock), policy)
}
