//! The HTTP API, its client and the console.

mod api_data;
mod api_doors;
mod attach;
mod console;
mod loadtest;
mod monitoring;
mod openapi_client;
