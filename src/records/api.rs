//! Keys of the HTTP API, and requests that may be sent again.

use serde::{Deserialize, Serialize};
use strum::{EnumCount, IntoStaticStr, VariantArray};
use uuid::Uuid;

use barkeep_base::variants::all;
use barkeep_market::Ts;

/// What the holder of an API key may do.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    IntoStaticStr,
    EnumCount,
    VariantArray,
)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case", const_into_str)]
pub enum KeyRole {
    /// Look at everything.
    Read,
    /// Also start, stop and change things.
    Operate,
}

impl KeyRole {
    pub const ALL: [Self; Self::COUNT] = all(Self::VARIANTS);

    #[must_use]
    pub const fn name(self) -> &'static str {
        self.into_str()
    }
}

/// A row of `api_keys`. The key itself is kept nowhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiKey {
    /// Given by the database.
    pub id: i64,
    pub name: String,
    /// SHA-256 of the key, 64 hex digits.
    pub hash: String,
    pub role: KeyRole,
    pub created_at: Ts,
    pub revoked_at: Option<Ts>,
    pub last_used_at: Option<Ts>,
}

/// A request to the API that may be sent again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiRequest {
    /// Who sent it; keys of two actors never meet.
    pub actor: String,
    /// The `Idempotency-Key` it named.
    pub key: String,
    /// Tells its method, path and body from others.
    pub fingerprint: String,
    /// Made anew for every try.
    pub token: Uuid,
    pub at: Ts,
}

/// What is known of a request that may have been sent before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum IdempotencyClaim {
    /// Nobody sent it: it is the caller's to carry out and to settle.
    Ours,
    /// It was carried out; this was the answer.
    Answered { status: u16, body: String },
    /// It is being carried out.
    InProgress,
    /// The key was used for another request.
    Another,
}
