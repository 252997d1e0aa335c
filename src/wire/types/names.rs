//! Words and texts that occur in many requests, as schemas: the values themselves are types of the market module.

use utoipa::openapi::schema::{ArrayBuilder, Type};
use utoipa::openapi::{ObjectBuilder, RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

/// `1m`, `5m`, `15m`, `30m`, `1h`, `4h`, `1d` or `1w`.
#[derive(ToSchema)]
#[allow(dead_code, reason = "schemas of parameters, never built")]
pub enum TimeframeName {
    #[schema(rename = "1m")]
    M1,
    #[schema(rename = "5m")]
    M5,
    #[schema(rename = "15m")]
    M15,
    #[schema(rename = "30m")]
    M30,
    #[schema(rename = "1h")]
    H1,
    #[schema(rename = "4h")]
    H4,
    #[schema(rename = "1d")]
    D1,
    #[schema(rename = "1w")]
    W1,
}

/// The asset class of a symbol.
#[derive(ToSchema)]
#[schema(rename_all = "snake_case")]
#[allow(dead_code, reason = "schemas of parameters, never built")]
pub enum AssetClassName {
    Stock,
    Etf,
    Crypto,
}

/// How important a symbol is.
#[derive(ToSchema)]
#[schema(rename_all = "snake_case")]
#[allow(dead_code, reason = "schemas of parameters, never built")]
pub enum CriticalityName {
    Critical,
    Standard,
    Low,
}

/// 1 to 32 letters, digits and `. - _ : /`, as the vendor writes it; crypto by its base.
#[derive(ToSchema)]
#[schema(pattern = r"^(?!.*\.\.)[A-Za-z0-9][A-Za-z0-9._:/-]{0,31}$", example = "AAPL")]
#[allow(dead_code, reason = "schemas of parameters, never built")]
pub struct SymbolName(String);

/// A day (2024-01-31, in the symbol's market) or a time (RFC 3339).
#[derive(ToSchema)]
#[schema(
    pattern = r"^(197[1-9]|19[89]\d|20\d\d)-((0[13578]|1[02])-(0[1-9]|[12]\d|3[01])|(0[469]|11)-(0[1-9]|[12]\d|30)|02-(0[1-9]|1\d|2[0-8]))(T([01]\d|2[0-3]):[0-5]\d:[0-5]\d(\.\d{1,3})?(Z|[+-]([01]\d|2[0-3]):[0-5]\d))?$",
    example = "2024-01-31"
)]
#[allow(dead_code, reason = "schemas of parameters, never built")]
pub struct WhenText(String);

/// 1 to 128 visible ASCII characters, such as a UUID.
#[derive(ToSchema)]
#[schema(pattern = r"^[!-~]{1,128}$", example = "0d6a1f6e-5a8e-4c57-9a9e-0e6f6c1d2b3a")]
#[allow(dead_code, reason = "schemas of parameters, never built")]
pub struct IdempotencyKey(String);

/// A series by name: `["AAPL", "5m"]`. A derived schema of a pair would let `[]` pass.
pub(super) struct SeriesPair;

impl PartialSchema for SeriesPair {
    fn schema() -> RefOr<Schema> {
        let parts = [SymbolName::schema(), TimeframeName::schema()];
        let parts = parts.into_iter().filter_map(|part| match part {
            RefOr::T(schema) => Some(schema),
            RefOr::Ref(_) => None,
        });
        // `items: false` says the same as the length does; client generators do not understand it.
        let text = ObjectBuilder::new().schema_type(Type::String);
        let pair = ArrayBuilder::new().prefix_items(parts).items(text);
        pair.min_items(Some(2)).max_items(Some(2)).into()
    }
}

impl ToSchema for SeriesPair {}
