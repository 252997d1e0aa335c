use super::table::{BASES, CURRENCIES, QUOTE_COINS};
use super::*;

fn ticker(name: &str) -> String {
    Pair::parse(name).map_or_else(|e| format!("refused: {e}"), |pair| pair.ticker())
}

#[test]
fn coins_that_end_in_a_currency_are_not_taken_apart() {
    for name in [
        "TUSD", "PYUSD", "GUSD", "BUSD", "FDUSD", "RLUSD", "USDT", "USDC", "WBTC", "STETH", "SUSD", "AUSD", "EURC",
        "1INCH",
    ] {
        let whole = format!("X:{name}USD");
        for spelling in
            [name.to_owned(), format!("{name}-USD"), format!("{name}/USD"), format!("{name}USD"), whole.clone()]
        {
            assert_eq!(ticker(&spelling), whole, "{spelling}");
            assert_eq!(Pair::parse(&spelling).unwrap().name(), name, "{spelling}");
        }
        assert_eq!(ticker(&name.to_lowercase()), whole);
    }
}

#[test]
fn other_quotes() {
    for (name, ticker_of, called) in [
        ("BTC-EUR", "X:BTCEUR", "BTC-EUR"),
        ("ETHBTC", "X:ETHBTC", "ETH-BTC"),
        ("BTCUSDT", "X:BTCUSDT", "BTC-USDT"),
        ("USDCUSDT", "X:USDCUSDT", "USDC-USDT"),
        ("btc_gbp", "X:BTCGBP", "BTC-GBP"),
        ("TUSD-EUR", "X:TUSDEUR", "TUSD-EUR"),
        ("BTCFDUSD", "X:BTCFDUSD", "BTC-FDUSD"),
    ] {
        assert_eq!(ticker(name), ticker_of);
        assert_eq!(Pair::parse(name).unwrap().name(), called);
    }
}

#[test]
fn an_unknown_coin_is_named_as_it_is_written_or_as_the_vendor_does() {
    assert_eq!((ticker("QWERTY").as_str(), Pair::parse("QWERTY").unwrap().name().as_str()), ("X:QWERTYUSD", "QWERTY"));
    for name in ["QWERTY-USD", "QWERTY/USD", "X:QWERTYUSD", "x:qwertyusd"] {
        let pair = Pair::parse(name).unwrap();
        assert_eq!((pair.ticker().as_str(), pair.name().as_str()), ("X:QWERTYUSD", "X:QWERTYUSD"), "{name}");
    }
    // T in USD is another coin than TUSD, and its short name is a stock's.
    for name in ["T-USD", "X:TUSD"] {
        let pair = Pair::parse(name).unwrap();
        assert_eq!((pair.ticker().as_str(), pair.name().as_str()), ("X:TUSD", "X:TUSD"), "{name}");
    }
    assert_eq!(ticker("X:BTCQQQ"), "X:BTCQQQ");
}

#[test]
fn what_cannot_be_told_apart_is_refused_with_the_form_that_helps() {
    for (name, helps) in [
        ("QWERTYUSD", "X:QWERTYUSD or X:QWERTYUSDUSD"),
        ("qwertybtc", "X:QWERTYBTC or X:QWERTYBTCUSD"),
        ("UNIBTC", "X:UNIBTCUSD"),
        ("BTC-QQQ", "X:BTCQQQ"),
        ("EUR", "X:EURUSD"),
        ("EUR-USD", "X:EURUSD"),
        ("USDBTC", "X:USDBTC"),
        ("X:BTC", "X:BTCUSD"),
        ("X:USDT", "X:USDTUSD"),
        ("X:", "X:BTCUSD"),
        ("BTC-", "X:BTCUSD"),
        ("BTC-USD-X", "X:BTCUSD"),
        ("BTC/USDT:USDT", "X:BTCUSD"),
        ("BTC.X", "X:BTCUSD"),
        ("", "X:BTCUSD"),
    ] {
        let error = Pair::parse(name).expect_err(name).to_string();
        assert!(error.contains(helps), "{error}");
    }
}

#[test]
fn a_name_read_again_is_the_same_pair() {
    for base in BASES {
        for quote in CURRENCIES.iter().chain(QUOTE_COINS).filter(|quote| *quote != base) {
            let pair = Pair { base: (*base).to_owned(), quote: Some(quote), explicit: true };
            let again = Pair::parse(&pair.name()).unwrap();
            assert_eq!(again.ticker(), pair.ticker(), "{}", pair.name());
            assert_eq!(Pair::parse(&pair.ticker()).unwrap().ticker(), pair.ticker());
        }
    }
}

#[test]
fn the_table_is_sorted_and_holds_no_currency() {
    assert!(BASES.is_sorted_by(|a, b| a < b));
    assert!(BASES.iter().all(|base| base.len() > 1 && !CURRENCIES.contains(base)));
    assert!(QUOTE_COINS.iter().all(|coin| BASES.contains(coin)));
}

#[test]
fn only_what_no_stock_is_called_is_a_pair_by_itself() {
    for name in ["BTC-USD", "qwerty/usd", "BTCUSD", "PEPEUSDT", "X:TUSD", "BTCEUR"] {
        assert!(Pair::is_plain(name), "{name}");
    }
    for name in ["BTC", "TUSD", "BRK-B", "BRK.B", "BF-A", "AAPL", "OPUSD", "ABTC", "EURUSD", "QWERTYUSD"] {
        assert!(!Pair::is_plain(name), "{name}");
    }
    assert!(
        Pair::is_forex("EUR/USD") && Pair::is_forex("usdjpy") && !Pair::is_forex("BTCUSD") && !Pair::is_forex("EURO")
    );
}
