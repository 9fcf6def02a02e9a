//! Each example does what it says, and nginx passes on what it pushes.

mod errors;
mod files;
mod hello;
mod in_axum;
mod live_feed;
mod order;
mod proxy;
mod stream_lines;
mod takes_time;
mod tls;
mod tool;
mod tower;
mod upload;
mod without_http;
