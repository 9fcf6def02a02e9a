//! Each example does what it says, and nginx passes on what it pushes.

mod binary;
mod errors;
mod events;
mod follow;
mod hello;
mod in_axum;
mod live_feed;
mod llm_tokens;
mod order;
mod progress;
mod proxy;
mod stream_lines;
mod takes_time;
mod tls;
mod tool;
mod tower;
mod upload;
mod wire;
mod without_http;
