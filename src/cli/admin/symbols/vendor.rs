//! `barkeep symbols set --vendor`: bars from somebody else.

use crate::exit::CliError;
use barkeep_base::format::plural;
use barkeep_market::instrument::NameError;
use barkeep_market::{Instrument, Source};
use barkeep_store::{Listing, SymbolRow};

/// The row with another vendor. `bars` are stored of it.
///
/// Two vendors see other trades of one instrument, so their bars are never mixed in one series.
pub(super) fn changed(row: &SymbolRow, vendor: Source, bars: i64) -> Result<SymbolRow, CliError> {
    if vendor == row.vendor {
        return Ok(row.clone());
    }
    let wrong = |e: NameError| CliError::usage(e.to_string());
    let instrument = Instrument::of(&row.symbol, row.asset_class).map_err(wrong)?;
    let vendor_ticker = instrument.ticker_at(vendor).map_err(wrong)?;
    let symbol = &row.symbol;
    if bars > 0 {
        let message = format!(
            "{symbol} has {} from {}; bars of two vendors are never mixed in one series, so nothing was changed",
            plural(bars, "bar"),
            row.vendor
        );
        return Err(CliError::usage(message).hint(format!(
            "`barkeep symbols remove {symbol} --yes` deletes them; then `barkeep symbols add {symbol} --vendor {vendor}`"
        )));
    }
    Ok(SymbolRow { vendor, vendor_ticker, listing: Listing::default(), ..row.clone() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use barkeep_market::{AssetClass, Timeframe};
    use barkeep_store::testing::symbol_of;

    fn row(name: &str, class: AssetClass) -> SymbolRow {
        symbol_of(name, class, &[Timeframe::D1])
    }

    #[test]
    fn a_vendor_changes_only_while_there_are_no_bars() {
        let massive = row("BTC", AssetClass::Crypto);
        let coinbase = changed(&massive, Source::Coinbase, 0).unwrap();
        assert_eq!((coinbase.vendor, coinbase.vendor_ticker.as_str()), (Source::Coinbase, "BTC-USD"));
        let back = changed(&coinbase, Source::Massive, 0).unwrap();
        assert_eq!(back, massive);
        assert_eq!(changed(&massive, Source::Massive, 5).unwrap(), massive);
        let refused = changed(&massive, Source::Coinbase, 5).unwrap_err();
        assert!(
            refused.message.contains("5 bars from massive")
                && refused.message.contains("are never mixed in one series")
        );
        assert!(refused.hint.unwrap().contains("symbols add BTC --vendor coinbase"));
        let stock = changed(&row("AAPL", AssetClass::Stock), Source::Coinbase, 0).unwrap_err();
        assert!(stock.message.contains("crypto only"), "{}", stock.message);
    }
}
