//! Each example does what it says, and what others wrote (browsers, proxies, clients, parsers) reads what the server pushes.

mod browser;
mod cut_off;
mod errors;
mod folder;
mod hello;
mod in_axum;
mod judges;
mod live_feed;
mod nginx;
mod order;
mod proxy;
mod serving;
mod stream_lines;
mod takes_time;
mod tls;
mod tool;
mod tower;
mod upload;
mod without_http;
