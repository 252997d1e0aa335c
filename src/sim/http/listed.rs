//! Well-known tickers with their names, so that a search finds what people look for. The bars are made up all the same.

/// Ticker, name and type.
const LISTED: [(&str, &str, &str); 26] = [
    ("AAPL", "Apple Inc.", "CS"),
    ("AMZN", "Amazon.com Inc.", "CS"),
    ("BRK.B", "Berkshire Hathaway Inc.", "CS"),
    ("DIA", "SPDR Dow Jones Industrial Average ETF Trust", "ETF"),
    ("GOOGL", "Alphabet Inc.", "CS"),
    ("IBM", "International Business Machines Corporation", "CS"),
    ("IWM", "iShares Russell 2000 ETF", "ETF"),
    ("JPM", "JPMorgan Chase & Co.", "CS"),
    ("KO", "Coca-Cola Company", "CS"),
    ("META", "Meta Platforms Inc.", "CS"),
    ("MSFT", "Microsoft Corporation", "CS"),
    ("NFLX", "Netflix Inc.", "CS"),
    ("NVDA", "Nvidia Corporation", "CS"),
    ("QQQ", "Invesco QQQ Trust", "ETF"),
    ("SPY", "SPDR S&P 500 ETF Trust", "ETF"),
    ("SPYG", "SPDR Portfolio S&P 500 Growth ETF", "ETF"),
    ("TSLA", "Tesla Inc.", "CS"),
    ("V", "Visa Inc.", "CS"),
    ("WMT", "Walmart Inc.", "CS"),
    ("XLF", "Financial Select Sector SPDR Fund", "ETF"),
    ("X:ADAUSD", "Cardano - United States Dollar", ""),
    ("X:BTCUSD", "Bitcoin - United States Dollar", ""),
    ("X:DOGEUSD", "Dogecoin - United States Dollar", ""),
    ("X:ETHUSD", "Ethereum - United States Dollar", ""),
    ("X:SOLUSD", "Solana - United States Dollar", ""),
    ("X:XRPUSD", "XRP - United States Dollar", ""),
];

/// All tickers.
pub(crate) fn tickers() -> impl Iterator<Item = &'static str> {
    LISTED.iter().map(|(ticker, ..)| *ticker)
}

/// The name and the type of a ticker.
pub(crate) fn of(ticker: &str) -> Option<(&'static str, &'static str)> {
    LISTED.iter().find(|(known, ..)| *known == ticker).map(|(_, name, kind)| (*name, *kind))
}
