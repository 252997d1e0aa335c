//! The columns of features, by the names they have everywhere.

use barkeep_market::features::{CompressionRegime, Direction, Features, Structure, TrendRegime, VolatilityRegime};

/// How a column is read from the features of a bar.
#[derive(Clone, Copy)]
pub(crate) enum Column {
    Number(fn(&Features) -> Option<f64>),
    Word(fn(&Features) -> Option<&'static str>),
}

use Column::{Number, Word};

pub(crate) const FEATURES: [(&str, Column); 22] = [
    ("log_return", Number(|f| f.log_return)),
    ("volatility_20", Number(|f| f.volatility_20)),
    ("volatility_50", Number(|f| f.volatility_50)),
    ("atr", Number(|f| f.atr)),
    ("rolling_volume_20", Number(|f| f.rolling_volume_20)),
    ("volume_ratio", Number(|f| f.volume_ratio)),
    ("structure_label", Word(|f| f.structure_label.map(Structure::name))),
    ("trend_direction", Word(|f| f.trend_direction.map(Direction::name))),
    ("volatility_regime", Word(|f| f.volatility_regime.map(VolatilityRegime::name))),
    ("trend_regime", Word(|f| f.trend_regime.map(TrendRegime::name))),
    ("compression_regime", Word(|f| f.compression_regime.map(CompressionRegime::name))),
    ("rsi_14", Number(|f| f.rsi_14)),
    ("macd", Number(|f| f.macd)),
    ("macd_signal", Number(|f| f.macd_signal)),
    ("macd_hist", Number(|f| f.macd_hist)),
    ("sma_20", Number(|f| f.sma_20)),
    ("sma_50", Number(|f| f.sma_50)),
    ("ema_20", Number(|f| f.ema_20)),
    ("ema_50", Number(|f| f.ema_50)),
    ("bb_upper", Number(|f| f.bb_upper)),
    ("bb_middle", Number(|f| f.bb_middle)),
    ("bb_lower", Number(|f| f.bb_lower)),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_columns_are_those_of_the_json() {
        let serde_json::Value::Object(all) = serde_json::to_value(Features::default()).unwrap() else { panic!() };
        let mut names: Vec<&str> = FEATURES.iter().map(|(name, _)| *name).collect();
        names.sort_unstable();
        assert_eq!(names, all.keys().collect::<Vec<_>>());
    }
}
