//! The kinds of fault.

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The table of faults: variant, name on the wire, the least page it can strike (0: answers without bars too).
macro_rules! faults {
    ($($(#[$doc:meta])* $kind:ident $name:literal $least:literal,)*) => {
        /// One way for an answer to be wrong.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum FaultKind { $($(#[$doc])* $kind,)* }

        impl FaultKind {
            pub const ALL: &'static [Self] = &[$(Self::$kind,)*];

            /// The name in rules, logs and help texts.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$kind => $name,)* }
            }

            /// The first page of a chain it can strike; 0 when it needs no page of bars.
            pub(crate) const fn least_page(self) -> u32 {
                match self { $(Self::$kind => $least,)* }
            }
        }

        /// The names of all faults.
        #[must_use]
        pub const fn fault_names() -> &'static [&'static str] {
            &[$($name,)*]
        }
    };
}

faults! {
    Status400 "status_400" 0,
    /// "Unknown API Key", though the key is good.
    Status401 "status_401" 0,
    /// "You are not entitled to this data".
    Status403Entitlement "status_403_entitlement" 0,
    /// "Your plan doesn't include this data timeframe".
    Status403Timeframe "status_403_timeframe" 0,
    /// "Attempted to request today's data before end of day".
    Status403Today "status_403_today" 0,
    Status404 "status_404" 0,
    Status408 "status_408" 0,
    Status429 "status_429" 0,
    Status500 "status_500" 0,
    Status502 "status_502" 0,
    Status503 "status_503" 0,
    Status504 "status_504" 0,
    /// A proxy's HTML page with status 502.
    Html502 "html_502" 0,
    /// A proxy's HTML page with status 503.
    Html503 "html_503" 0,
    /// An HTML page with status 200.
    Html200 "html_200" 0,
    /// Status 200 and nothing.
    EmptyBody "empty_body" 0,
    /// Half the JSON, as a whole HTTP answer.
    TruncatedJson "truncated_json" 0,
    /// The connection is cut in the middle of the body.
    TruncatedBody "truncated_body" 0,
    /// Half a gzip stream, as a whole HTTP answer.
    CutGzip "cut_gzip" 0,
    /// Status 200 with `status: "ERROR"`.
    ErrorIn200 "error_in_200" 0,
    /// Plain text that claims to be JSON.
    NotJson "not_json" 0,
    /// Prices and counts as strings.
    WrongTypes "wrong_types" 1,
    /// One close is `null`.
    NullField "null_field" 1,
    /// One close is `NaN`, which is no JSON.
    NanLiteral "nan_literal" 1,
    SecondsForMs "seconds_for_ms" 1,
    /// The last bar lies one bar after the requested range.
    OutsideRange "outside_range" 1,
    /// The last bar begins a second late.
    OffGrid "off_grid" 1,
    WrongTicker "wrong_ticker" 1,
    /// `resultsCount` and `count` are 7 too high.
    CountMismatch "count_mismatch" 1,
    /// A bar twice, the same.
    DuplicateRows "duplicate_rows" 1,
    /// A bar twice, with different values.
    ConflictingDuplicate "conflicting_duplicate" 1,
    OutOfOrder "out_of_order" 1,
    /// A high below the low.
    BrokenOhlc "broken_ohlc" 1,
    /// A low of zero.
    ZeroPrice "zero_price" 1,
    NegativeVolume "negative_volume" 1,
    /// `next_url` leads to the page itself.
    RepeatedPage "repeated_page" 1,
    /// From page 2 on, `next_url` leads back to the first page.
    AbaLoop "aba_loop" 2,
    /// `next_url` names another host (`target`).
    ForeignNextUrl "foreign_next_url" 1,
    /// No bars, and a `next_url` that has them.
    EmptyPageWithNext "empty_page_with_next" 1,
    /// Adjusted bars although raw ones were requested.
    AdjustedTrue "adjusted_true" 1,
    /// The last bar has other values than before: prices 1 % up, volume doubled.
    RevisedBar "revised_bar" 1,
    /// Counts as always, but no `results`.
    MissingResults "missing_results" 1,
    /// The body comes in 64 pieces, `delay_ms` (100) apart.
    SlowTrickle "slow_trickle" 0,
    /// No answer until the client goes away.
    Hang "hang" 0,
    /// The connection is reset before an answer.
    Reset "reset" 0,
    /// 302 to `target`.
    Redirect "redirect" 0,
    /// A proxy's HTML page with status 403.
    Html403 "html_403" 0,
    /// Status 403 and nothing.
    Empty403 "empty_403" 0,
    /// `queryCount` as always, but no results and counts of 0.
    QueryCountOnly "query_count_only" 1,
    /// No results, and an `error` text though the status is OK.
    ErrorBesideEmpty "error_beside_empty" 1,
    /// No results, and a `message` text though the status is OK.
    MessageBesideEmpty "message_beside_empty" 1,
    /// More bars than `limit` asks for.
    BeyondLimit "beyond_limit" 1,
    /// More follows, but no `next_url` says so.
    NoNextUrl "no_next_url" 1,
    /// From page 2 on: no bars, and nothing that follows.
    EmptyPage "empty_page" 2,
    /// Every bar begins a second late.
    AllOffGrid "all_off_grid" 1,
    /// Every bar begins an hour late.
    ShiftedHour "shifted_hour" 1,
    /// Every bar is stamped a day early.
    OtherDate "other_date" 1,
    /// Every bar is stamped a day late.
    LaterDate "later_date" 1,
    /// Hours, whatever was asked for.
    HoursInstead "hours_instead" 1,
    /// Days, whatever was asked for.
    DaysInstead "days_instead" 1,
    /// All prices are 0.
    ZeroPrices "zero_prices" 1,
    /// One price is a hundred times too high.
    AbsurdPrice "absurd_price" 1,
    /// One volume is a million times too high.
    AbsurdVolume "absurd_volume" 1,
    /// One vwap is 0.
    ZeroVwap "zero_vwap" 1,
    /// A bar at 03:00 New York, when nothing trades.
    BarAtNight "bar_at_night" 1,
    /// A day bar on a Saturday.
    SaturdayBar "saturday_bar" 1,
    /// One byte of a flat file is another one, as a whole HTTP answer. Only flat files have it.
    DamagedByte "damaged_byte" 1,
    /// A flat file is replaced, with the same bars, while it is sent: the connection is cut. Only flat files have it.
    ReplacedFile "replaced_file" 1,
    /// A flat file ends in the middle of a line. Only flat files have it.
    CutLine "cut_line" 1,
    /// Rows of other tickers, with values that are no bars. Only whole-market days have a place for them.
    GarbageRows "garbage_rows" 1,
}

impl FaultKind {
    /// Whether only a flat file can be struck.
    pub(crate) const fn needs_file(self) -> bool {
        matches!(self, Self::DamagedByte | Self::ReplacedFile | Self::CutLine)
    }

    /// Whether only a page with a next one can be struck.
    pub(crate) const fn needs_more(self) -> bool {
        matches!(self, Self::BeyondLimit | Self::NoNextUrl)
    }
}

impl Serialize for FaultKind {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_str(self.name())
    }
}

impl<'de> Deserialize<'de> for FaultKind {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        String::deserialize(d)?.parse().map_err(serde::de::Error::custom)
    }
}

impl std::str::FromStr for FaultKind {
    type Err = String;
    fn from_str(s: &str) -> Result<Self, String> {
        let known = Self::ALL.iter().find(|kind| kind.name() == s);
        known.copied().ok_or_else(|| format!("no fault '{s}'; known: {}", fault_names().join(", ")))
    }
}
