//! Keys of the HTTP API and the answers to requests that may be repeated.

use std::collections::BTreeMap;

use crate::{ApiKey, ApiRequest, IdempotencyClaim, Result};

use crate::tables::api;
use barkeep_market::Ts;

type Settled = (ApiRequest, Option<(u16, String)>);

#[derive(Debug, Default)]
pub(super) struct Api {
    keys: Vec<ApiKey>,
    /// By actor and key.
    requests: BTreeMap<(String, String), Settled>,
}

impl Api {
    pub(super) fn keys(&self) -> Vec<ApiKey> {
        self.keys.clone()
    }

    pub(super) fn add(&mut self, key: &ApiKey) -> Result<()> {
        match self.keys.iter().find(|known| known.name == key.name) {
            Some(known) if known.hash == key.hash => Ok(()),
            Some(_) => Err(api::taken(&key.name)),
            None => {
                self.keys.push(ApiKey { id: self.keys.len() as i64 + 1, ..key.clone() });
                Ok(())
            }
        }
    }

    pub(super) fn revoke(&mut self, name: &str, at: Ts) -> bool {
        let in_force = self.keys.iter_mut().find(|key| key.name == name && key.revoked_at.is_none());
        in_force.map(|key| key.revoked_at = Some(at)).is_some()
    }

    pub(super) fn used(&mut self, used: &[(i64, Ts)]) {
        for (id, at) in used {
            if let Some(key) = self.keys.iter_mut().find(|key| key.id == *id) {
                key.last_used_at = key.last_used_at.max(Some(*at));
            }
        }
    }

    pub(super) fn claim(&mut self, r: &ApiRequest, expired: Ts, abandoned: Ts) -> IdempotencyClaim {
        self.requests.retain(|_, (known, answer)| known.at >= expired && (answer.is_some() || known.at >= abandoned));
        let key = (r.actor.clone(), r.key.clone());
        if let Some((known, answer)) = self.requests.get(&key) {
            let (status, body) = answer.clone().unzip();
            return api::claim(r, known.token, &known.fingerprint, status.map(i64::from), body);
        }
        self.requests.insert(key, (r.clone(), None));
        IdempotencyClaim::Ours
    }

    pub(super) fn settle(&mut self, r: &ApiRequest, answer: Option<(u16, String)>) {
        let key = (r.actor.clone(), r.key.clone());
        let Some((known, kept)) = self.requests.get_mut(&key).filter(|(known, _)| known.token == r.token) else {
            return;
        };
        match answer {
            Some(answer) => *kept = Some(answer),
            None if kept.is_none() && known.token == r.token => drop(self.requests.remove(&key)),
            None => {}
        }
    }
}
