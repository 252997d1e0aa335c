//! placeholder
#[derive(Debug)]
pub struct Calendar;
#[derive(Debug)]
pub struct Session;
