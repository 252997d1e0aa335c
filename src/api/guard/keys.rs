//! Authentication: API keys, and requests from this machine.
//!
//! A key is 256 random bits, shown once; the database stores its SHA-256. With that much entropy no slow hash is needed:
//! keys cannot be guessed. The comparison takes constant time over all keys, and the response does not tell whether a key
//! was missing, wrong or revoked. While no key is active, only this machine is served, with all rights.

use std::collections::{HashMap, VecDeque};
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use ring::digest::{SHA256, digest};
use ring::rand::{SecureRandom as _, SystemRandom};
use secrecy::{ExposeSecret, SecretString};
use subtle::{Choice, ConstantTimeEq as _};
use tokio::time::Instant;

use crate::problem::{Kind, Problem};
use barkeep_base::clock::Clock;
use barkeep_market::Ts;
use barkeep_store::{ApiKey, KeyRole, Store};

/// What every key begins with, so that people and secret scanners recognize one.
const PREFIX: &str = "bk_";
const HEX: &[u8; 16] = b"0123456789abcdef";
/// A key revoked by another process stops working within this time.
const CACHE_TTL: Duration = Duration::from_secs(1);
/// A key that is not among those that were read looks them up again, at most so often.
const CACHE_TTL_OF_UNKNOWN: Duration = Duration::from_millis(50);
/// Longest wait for the database; after that the last known list is used.
const DATABASE_TIMEOUT: Duration = Duration::from_secs(2);
const MINUTE: Duration = Duration::from_mins(1);
/// Peers whose wrong keys are counted at a time.
const MAX_PEERS: usize = 4_096;
const X_API_KEY: HeaderName = HeaderName::from_static("x-api-key");

/// A new key, to be shown once.
///
/// # Errors
/// When the system cannot provide random numbers.
pub fn generate() -> Result<SecretString, ring::error::Unspecified> {
    let mut bits = [0_u8; 32];
    SystemRandom::new().fill(&mut bits)?;
    Ok(SecretString::from(format!("{PREFIX}{}", hex(&bits))))
}

/// What the database stores of a key.
#[must_use]
pub fn hash(key: &SecretString) -> String {
    hex(digest(&SHA256, key.expose_secret().as_bytes()).as_ref())
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    let digits = bytes.iter().flat_map(|b| [b >> 4, b & 15]);
    digits.filter_map(|d| HEX.get(usize::from(d))).map(|d| char::from(*d)).collect()
}

/// An authenticated client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Caller {
    /// As stored in `operator_actions`: `api:NAME` or `api:loopback`.
    pub(crate) actor: String,
    pub(crate) role: KeyRole,
}

/// The active keys, read again every second while requests arrive.
pub(crate) struct Keys {
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    tries_per_minute: usize,
    known: tokio::sync::Mutex<Option<(Instant, Arc<Vec<ApiKey>>)>>,
    wrong: Mutex<HashMap<IpAddr, VecDeque<Instant>>>,
    used: Mutex<HashMap<i64, Ts>>,
}

impl Keys {
    pub(crate) fn new(store: Arc<dyn Store>, clock: Arc<dyn Clock>, tries_per_minute: u32) -> Self {
        Self {
            store,
            clock,
            tries_per_minute: tries_per_minute as usize,
            known: tokio::sync::Mutex::default(),
            wrong: Mutex::default(),
            used: Mutex::default(),
        }
    }

    /// Who sent a request. `local`: it came from this machine and named it by its address.
    pub(crate) async fn caller(&self, headers: &HeaderMap, peer: IpAddr, local: bool) -> Result<Caller, Problem> {
        let given = given(headers);
        let mut keys = self.active(CACHE_TTL).await?;
        if keys.is_empty() && local {
            return Ok(Caller { actor: "api:loopback".to_owned(), role: KeyRole::Operate });
        }
        let Some(given) = given else { return Err(unauthorized()) };
        let mut key = matching(&keys, &given).cloned();
        if key.is_none() {
            // Wrong keys are limited, right ones are not: nobody can lock others of the same address out.
            self.check_attempts(peer)?;
            // It may have been made a moment ago.
            keys = self.active(CACHE_TTL_OF_UNKNOWN).await?;
            key = matching(&keys, &given).cloned();
        }
        let Some(key) = key else {
            self.record_wrong(peer);
            return Err(unauthorized());
        };
        self.used.lock().unwrap_or_else(PoisonError::into_inner).insert(key.id, self.clock.now());
        Ok(Caller { actor: format!("api:{}", key.name), role: key.role })
    }

    /// Whether a caller may go on: its key was not revoked, or this machine still needs none.
    pub(crate) async fn still_admits(&self, caller: &Caller) -> bool {
        // A lost database must not end what was allowed.
        let Ok(keys) = self.active(CACHE_TTL / 2).await else { return true };
        match caller.actor.strip_prefix("api:") {
            Some("loopback") => keys.is_empty(),
            Some(name) => keys.iter().any(|key| key.name == name && key.role == caller.role),
            None => true,
        }
    }

    /// The active keys as they were at most `age` ago.
    async fn active(&self, age: Duration) -> Result<Arc<Vec<ApiKey>>, Problem> {
        let mut known = self.known.lock().await;
        if let Some((_, keys)) = known.as_ref().filter(|(read, _)| read.elapsed() < age) {
            return Ok(Arc::clone(keys));
        }
        let read = tokio::time::timeout(DATABASE_TIMEOUT, self.store.api_keys()).await;
        match (read, known.as_ref()) {
            (Ok(Ok(mut keys)), _) => {
                keys.retain(|key| key.revoked_at.is_none());
                let keys = Arc::new(keys);
                *known = Some((Instant::now(), Arc::clone(&keys)));
                Ok(keys)
            }
            // A lost database must neither lock everybody out nor let anybody in.
            (_, Some((_, keys))) => Ok(Arc::clone(keys)),
            (Ok(Err(e)), None) => Err(e.into()),
            (Err(_), None) => Err(Problem::unavailable("the database does not answer")),
        }
    }

    /// Refuses a peer that sent too many wrong keys within the last minute.
    fn check_attempts(&self, peer: IpAddr) -> Result<(), Problem> {
        let mut wrong = self.wrong.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(times) = wrong.get_mut(&peer) else { return Ok(()) };
        while times.front().is_some_and(|t| t.elapsed() >= MINUTE) {
            times.pop_front();
        }
        if times.len() < self.tries_per_minute {
            return Ok(());
        }
        let left = times.front().map_or(MINUTE, |t| MINUTE.saturating_sub(t.elapsed()));
        Err(Problem::new(Kind::TooManyTries, "too many wrong keys from this address")
            .hint("wait a minute; `barkeep keys list` lists the keys")
            .header(header::RETRY_AFTER, HeaderValue::from(left.as_secs() + 1)))
    }

    fn record_wrong(&self, peer: IpAddr) {
        let mut wrong = self.wrong.lock().unwrap_or_else(PoisonError::into_inner);
        if wrong.len() >= MAX_PEERS {
            wrong.retain(|_, times| times.back().is_some_and(|t| t.elapsed() < MINUTE));
        }
        if wrong.len() < MAX_PEERS || wrong.contains_key(&peer) {
            let times = wrong.entry(peer).or_default();
            times.push_back(Instant::now());
            if times.len() == self.tries_per_minute {
                tracing::warn!(%peer, "too many wrong API keys from this address; refused for a minute");
            }
        }
    }

    /// Records in the database which keys were used since the last call.
    pub(crate) async fn record_used(&self) {
        let used: Vec<(i64, Ts)> = self.used.lock().unwrap_or_else(PoisonError::into_inner).drain().collect();
        if !used.is_empty()
            && !self.store.is_readonly()
            && let Err(e) = self.store.note_api_keys_used(&used).await
        {
            tracing::warn!(error = %e, "cannot record when API keys were used");
        }
    }
}

/// The key of a request, from its headers only: URLs end up in logs.
fn given(headers: &HeaderMap) -> Option<SecretString> {
    let bearer = headers.get(header::AUTHORIZATION).map(|value| {
        let (scheme, key) = value.as_bytes().split_at_checked(7)?;
        scheme.eq_ignore_ascii_case(b"bearer ").then_some(key)
    });
    let plain = || headers.get(X_API_KEY).map(|value| Some(value.as_bytes()));
    // A header of another scheme is a wrong key, not a missing one.
    let key = bearer.or_else(plain)?.unwrap_or_default();
    Some(SecretString::from(String::from_utf8_lossy(key).into_owned()))
}

/// Compares with every key, whichever one matches.
fn matching<'k>(keys: &'k [ApiKey], given: &SecretString) -> Option<&'k ApiKey> {
    let given = hash(given);
    let mut found = None;
    for key in keys {
        let same: Choice = key.hash.as_bytes().ct_eq(given.as_bytes());
        if bool::from(same) {
            found = Some(key);
        }
    }
    found
}

fn unauthorized() -> Problem {
    Problem::new(Kind::Unauthorized, "the request carries no valid API key")
        .hint("send Authorization: Bearer KEY; `barkeep keys create NAME` makes a key")
        .header(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"barkeep\""))
}

#[cfg(test)]
mod tests {
    use super::*;
    use barkeep_base::clock::FixedClock;
    use barkeep_store::Memory;

    fn bearer(key: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(header::AUTHORIZATION, format!("Bearer {key}").parse().unwrap());
        headers
    }

    async fn with_key(tries: u32) -> (Arc<Memory>, Keys, String) {
        let store = Memory::new();
        let key = generate().unwrap();
        let row = ApiKey {
            id: 0,
            name: "robot".into(),
            hash: hash(&key),
            role: KeyRole::Read,
            created_at: Ts(1),
            revoked_at: None,
            last_used_at: None,
        };
        store.add_api_key(&row).await.unwrap();
        let keys = Keys::new(store.clone(), Arc::new(FixedClock::at(Ts(7))), tries);
        (store, keys, key.expose_secret().to_owned())
    }

    const PEER: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

    #[test]
    fn keys_are_256_random_bits_and_known_by_their_hash() {
        let (a, b) = (generate().unwrap(), generate().unwrap());
        let text = a.expose_secret();
        assert!(text.starts_with("bk_") && text.len() == 67, "{text}");
        assert_ne!(text, b.expose_secret());
        assert_eq!(
            hash(&SecretString::from("abc")),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn a_key_in_force_is_needed_and_enough() {
        let (store, keys, key) = with_key(10).await;
        let who = keys.caller(&bearer(&key), PEER, true).await.unwrap();
        assert_eq!((who.actor.as_str(), who.role), ("api:robot", KeyRole::Read));
        let mut plain = HeaderMap::new();
        plain.insert(X_API_KEY, key.parse().unwrap());
        assert_eq!(keys.caller(&plain, PEER, false).await.unwrap(), who);
        for wrong in [HeaderMap::new(), bearer("bk_0"), bearer(""), bearer(&key[..66]), bearer(&key.to_uppercase())] {
            assert_eq!(keys.caller(&wrong, PEER, true).await.unwrap_err().status(), 401);
        }
        keys.record_used().await;
        assert_eq!(store.api_keys().await.unwrap()[0].last_used_at, Some(Ts(7)));
        assert!(store.revoke_api_key("robot", Ts(8)).await.unwrap());
        tokio::time::advance(CACHE_TTL).await;
        assert_eq!(keys.caller(&bearer(&key), PEER, false).await.unwrap_err().status(), 401);
        // Without a key in force this machine is served again, and nobody else.
        assert_eq!(keys.caller(&HeaderMap::new(), PEER, true).await.unwrap().role, KeyRole::Operate);
        assert_eq!(keys.caller(&HeaderMap::new(), PEER, false).await.unwrap_err().status(), 401);
    }

    #[tokio::test(start_paused = true)]
    async fn tries_are_limited_by_peer() {
        let (_, keys, key) = with_key(3).await;
        let other: IpAddr = "10.0.0.9".parse().unwrap();
        for want in [401, 401, 401, 429, 429] {
            assert_eq!(keys.caller(&bearer("no"), other, false).await.unwrap_err().status(), want);
        }
        assert!(keys.caller(&bearer(&key), other, false).await.is_ok(), "nobody can lock a right key out");
        assert_eq!(keys.caller(&bearer("no"), other, false).await.unwrap_err().status(), 429);
        assert!(keys.caller(&bearer(&key), PEER, true).await.is_ok(), "others are not concerned");
        tokio::time::advance(MINUTE).await;
        assert!(keys.caller(&bearer(&key), other, false).await.is_ok());
    }
}
