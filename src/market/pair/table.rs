//! The names that tell a base from a quote. Plain lists: a coin that is missing here is named in the vendor's form (`X:…`).

/// Coins by their usual name, sorted. One-letter names are left out: they would make `TUSD` and `SUSD` ambiguous.
#[rustfmt::skip]
pub(super) const BASES: &[&str] = &[
    "1INCH", "AAVE", "ACA", "ACH", "ACS", "ADA", "AERO", "AEUR", "AEVO", "AGIX", "AGLD", "AIOZ", "AKT", "ALCX",
    "ALEO", "ALGO", "ALICE", "ALPHA", "ALT", "ALUSD", "AMP", "AMPL", "ANKR", "ANKRETH", "ANT", "APE", "API3", "APT",
    "ARB", "ARKM", "ARPA", "AST", "ASTR", "ATOM", "AUCTION", "AUDIO", "AUSD", "AVAX", "AVUSD", "AXL", "AXS", "B3",
    "BADGER", "BAL", "BAND", "BAT", "BCH", "BEAM", "BERA", "BETH", "BICO", "BIDR", "BIGTIME", "BIT", "BLAST", "BLUR",
    "BLZ", "BNB", "BNT", "BOBA", "BOME", "BONK", "BRETT", "BRZ", "BSV", "BTC", "BTCB", "BTG", "BTRST", "BTT",
    "BUIDL", "BUSD", "C98", "CAKE", "CBBTC", "CBETH", "CELO", "CELR", "CFX", "CGLD", "CHR", "CHZ", "CKB", "CLV",
    "COMP", "CORECHAIN", "COTI", "COW", "CQT", "CRO", "CRV", "CRVUSD", "CTSI", "CTX", "CUSD", "CVC", "CVX", "DAI",
    "DASH", "DCR", "DEUSD", "DEXE", "DIA2", "DIMO", "DNT", "DOGE", "DOLA", "DOT", "DREP", "DUSD", "DYDX", "DYM",
    "EDU", "EGLD", "EIGEN", "ELF", "ENA", "ENJ", "ENS", "EOS", "ERN", "ETC", "ETH", "ETHFI", "ETHW", "EUL", "EURA",
    "EURC", "EURCV", "EURE", "EURI", "EURQ", "EURR", "EURS", "EURT", "EUSD", "EZETH", "FARM", "FARTCOIN", "FDUSD",
    "FEI", "FET", "FIDA", "FIL", "FLOKI", "FLOW", "FLR", "FLUX", "FORTH", "FOX", "FRAX", "FRXETH", "FRXUSD", "FTM",
    "FTT", "FUSD", "FXUSD", "GAL", "GALA", "GFI", "GHO", "GHST", "GLM", "GLMR", "GMT", "GMX", "GNO", "GNT", "GODS",
    "GRT", "GST", "GTC", "GUSD", "GYEN", "HBAR", "HBTC", "HFT", "HIGH", "HNT", "HONEY", "HOPR", "HUSD", "HYPE",
    "ICP", "ICX", "IDEX", "IDRT", "ILV", "IMX", "INDEX", "INJ", "INV", "IOST", "IOTA", "IOTX", "JASMY", "JPYC",
    "JTO", "JUP", "JUPSOL", "KAIA", "KAITO", "KARRAT", "KAS", "KAVA", "KCS", "KDA", "KLAY", "KMNO", "KNC", "KRL",
    "KSM", "LBTC", "LCX", "LDO", "LEO", "LINK", "LIT", "LOKA", "LPT", "LQTY", "LRC", "LRDS", "LSETH", "LSK", "LTC",
    "LUNA", "LUNC", "LUSD", "MAGIC", "MANA", "MANTA", "MASK", "MATIC", "MBTC", "MDT", "MEDIA", "MEME", "METH",
    "METIS", "MEW", "MIM", "MINA", "MIOTA", "MIR", "MKR", "MLN", "MNDE", "MNEE", "MNT", "MOBILE", "MOG", "MOODENG",
    "MOVE", "MPL", "MSOL", "MTL", "MUSD", "MUSE", "MXNB", "NANO", "NEAR", "NEIRO", "NEO", "NEXO", "NFT", "NKN",
    "NMR", "NOT", "NUSD", "NYM", "OCEAN", "OETH", "OGN", "OHM", "OKB", "OMG", "OMNI", "ONDO", "ONT", "OP", "ORCA",
    "ORDI", "ORN", "OSETH", "OSMO", "OUSD", "OXT", "PAX", "PAXG", "PENDLE", "PENGU", "PEPE", "PERP", "PIXEL", "PLA",
    "PLU", "PNUT", "POL", "POLS", "POLY", "POLYX", "POND", "POPCAT", "POWR", "PRIME", "PRO", "PROM", "PUFETH",
    "PUNDIX", "PYR", "PYTH", "PYUSD", "QNT", "QTUM", "QUICK", "RAD", "RAI", "RAIL", "RARE", "RARI", "RAY", "RBN",
    "RDNT", "REEF", "REN", "RENBTC", "RENDER", "REP", "REQ", "RETH", "REUSD", "REZ", "RLC", "RLUSD", "RLY", "RNDR",
    "ROSE", "RPL", "RSETH", "RSR", "RSWETH", "RUNE", "RVN", "SAFE", "SAGA", "SAND", "SBTC", "SCRT", "SDAI", "SEAM",
    "SEI", "SETH", "SETH2", "SFP", "SHIB", "SHPING", "SKL", "SKY", "SLP", "SNT", "SNX", "SOL", "SOLVBTC", "SPELL",
    "SRM", "SSV", "STETH", "STG", "STMX", "STORJ", "STRK", "STX", "SUI", "SUKU", "SUPER", "SUSD", "SUSDE", "SUSHI",
    "SWETH", "SWFTC", "SXP", "SYN", "SYRUP", "SYRUPUSDC", "SYRUPUSDT", "TAO", "TBTC", "TEL", "TET", "TFUEL", "THETA",
    "TIA", "TNSR", "TON", "TRAC", "TRB", "TRIBE", "TRU", "TRUMP", "TRX", "TURBO", "TUSD", "TVK", "TWT", "UMA",
    "UNFI", "UNI", "UNIBTC", "UPI", "USD0", "USD1", "USDA", "USDAI", "USDB", "USDC", "USDCE", "USDD", "USDE", "USDF",
    "USDG", "USDGO", "USDH", "USDJ", "USDK", "USDL", "USDM", "USDN", "USDO", "USDP", "USDQ", "USDR", "USDS", "USDT",
    "USDT0", "USDTB", "USDV", "USDX", "USDY", "USDZ", "USR", "UST", "USTC", "USUAL", "UXUSD", "VAI", "VANA", "VARA",
    "VELO", "VELODROME", "VET", "VETH", "VIRTUAL", "VOXEL", "VTHO", "VVV", "WAMPL", "WAVES", "WAXL", "WAXP", "WBETH",
    "WBNB", "WBT", "WBTC", "WCFG", "WEETH", "WETH", "WEXT", "WIF", "WLD", "WLUNA", "WOO", "WSTETH", "WUSD", "XAI",
    "XAUT", "XCN", "XDC", "XEC", "XEM", "XLM", "XMR", "XNO", "XRD", "XRP", "XSGD", "XTZ", "XUSD", "XVG", "XVS",
    "XYO", "YFI", "YFII", "YGG", "YUSD", "ZBTC", "ZEC", "ZEN", "ZEREBRO", "ZETA", "ZIL", "ZK", "ZKSYNC", "ZORA",
    "ZRO", "ZRX", "ZUSD",
];

/// Government currencies that a coin is priced in.
#[rustfmt::skip]
pub(super) const CURRENCIES: &[&str] = &[
    "USD", "EUR", "GBP", "JPY", "AUD", "CAD", "CHF", "KRW", "BRL", "TRY", "MXN", "SGD", "HKD", "INR", "NZD", "ZAR", "CNY", "PLN",
];

/// Coins that others are priced in.
pub(super) const QUOTE_COINS: &[&str] = &["USDT", "USDC", "BTC", "ETH", "BUSD", "FDUSD", "TUSD", "DAI", "BNB"];
