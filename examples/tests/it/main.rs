//! Each example does what it says, and what others wrote (browsers, proxies, clients, parsers) reads what the server pushes.

mod binary;
mod browser;
mod cut_off;
mod errors;
mod events;
mod folder;
mod follow;
mod hello;
mod in_axum;
mod judges;
mod live_feed;
mod llm_tokens;
mod nginx;
mod order;
mod progress;
mod proxy;
mod serving;
mod stream_lines;
mod takes_time;
mod tls;
mod tool;
mod tower;
mod upload;
mod wire;
mod without_http;
