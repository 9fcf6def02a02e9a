//! What was published, and what each client got of it, offset by offset.
//!
//! It knows no feed and no connection: whoever publishes [enters](Book::enter) what was published, whoever follows notes in its
//! [`Account`] what came, and the [`Tally`] counts what should not have been. A test in memory and the soak over sockets share it.

mod account;
mod book;
mod tally;
#[cfg(test)]
mod tests;

pub(crate) use self::{
    account::{Account, Gap, Lag, Reason},
    book::{Book, EVERYONE, Position, Record},
    tally::Tally,
};
