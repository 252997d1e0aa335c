//! Against bars and answers recorded from vendors.

mod evidence;
mod real_data;
mod real_days;
mod recorded_market;
mod recorded_vendor;
