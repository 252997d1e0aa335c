//! `barkeep symbols set --class`: another asset class, and with it another ticker and calendar.

use crate::exit::CliError;
use barkeep_base::format::plural;
use barkeep_market::instrument::NameError;
use barkeep_market::{AssetClass, Instrument};
use barkeep_store::{Listing, SymbolRow};

/// The row with another class. `bars` are stored of it.
///
/// Stocks and funds trade the same hours under the same names. Between them and crypto every bar has another grid and
/// another ticker, so what is stored would be wrong.
pub(super) fn changed(row: &SymbolRow, class: AssetClass, bars: i64) -> Result<SymbolRow, CliError> {
    let wrong = |e: NameError| CliError::usage(e.to_string());
    let instrument = Instrument::of(&row.symbol, class).map_err(wrong)?;
    let vendor_ticker = instrument.ticker_at(row.vendor).map_err(wrong)?;
    let symbol = instrument.symbol;
    if symbol != row.symbol {
        let message = format!("as {class}, {} is called {symbol}; nothing was changed", row.symbol);
        return Err(CliError::usage(message).hint(format!(
            "`barkeep symbols remove {}`, then `barkeep symbols add {symbol} --asset-class {class}`",
            row.symbol
        )));
    }
    if vendor_ticker == row.vendor_ticker {
        return Ok(SymbolRow { asset_class: class, ..row.clone() });
    }
    if bars > 0 {
        let message = format!(
            "{symbol} has {} of {} as {}; as {class} it is {vendor_ticker}, with other trading hours, and none of them \
             would be right",
            plural(bars, "bar"),
            row.vendor_ticker,
            row.asset_class
        );
        return Err(CliError::usage(message).hint(format!(
            "`barkeep symbols remove {symbol} --yes` deletes them; then `barkeep symbols add {symbol} --asset-class {class}`"
        )));
    }
    Ok(SymbolRow { asset_class: class, vendor_ticker, listing: Listing::default(), ..row.clone() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use barkeep_market::Timeframe;
    use barkeep_store::testing::symbol_of;

    fn row(name: &str, class: AssetClass) -> SymbolRow {
        symbol_of(name, class, &[Timeframe::D1])
    }

    #[test]
    fn a_class_changes_while_no_stored_bar_becomes_wrong() {
        let stock = row("TUSD", AssetClass::Stock);
        let crypto = changed(&stock, AssetClass::Crypto, 0).unwrap();
        assert_eq!((crypto.asset_class, crypto.vendor_ticker.as_str()), (AssetClass::Crypto, "X:TUSDUSD"));
        let refused = changed(&stock, AssetClass::Crypto, 12).unwrap_err();
        assert!(refused.message.contains("12 bars of TUSD as stock") && refused.code == 2, "{}", refused.message);
        assert_eq!(changed(&stock, AssetClass::Etf, 12).unwrap().asset_class, AssetClass::Etf);
        let other = changed(&row("BTC-USD", AssetClass::Stock), AssetClass::Crypto, 0).unwrap_err();
        assert!(other.message.contains("is called BTC"), "{}", other.message);
        assert!(changed(&row("BTCX", AssetClass::Stock), AssetClass::Crypto, 0).is_ok());
    }
}
