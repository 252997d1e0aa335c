//! The parts screens are put together from; each draws into a place and knows nothing of the model.

pub mod axis;
pub mod bar;
pub mod belt;
pub mod braille;
pub mod calendar;
pub mod candles;
pub mod chart;
pub mod graph;
pub mod heat;
pub mod table;
